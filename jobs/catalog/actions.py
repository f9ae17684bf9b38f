"""What can be done to jobs: to each in one atomic step, to many in small portions.

Where somebody else acts on a job at the same time, a worker that claims it or another person, one of the two is first,
and the other finds it in another state.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple, cast, get_args

import rq.command
from redis import Redis

from jobs import keys, scripts
from jobs.catalog.dependence import awaited_by
from jobs.catalog.filter import Filter
from jobs.catalog.pages import AT_ONCE, exact, one, read
from jobs.catalog.places import places
from jobs.catalog.states import DEAD, OVER, STATES, WAITS, State, kinds
from jobs.errors import JobAwaited
from jobs.scripts.call import answers

Action = Literal["retry", "run", "cancel", "delete"]
ACTIONS: tuple[Action, ...] = get_args(Action)
WITHIN = 5.0
"""Seconds for which one call acts on all that match."""


class Step(NamedTuple):
    """One action: how it is done, and to whom it can be."""

    run: Callable[[Redis, Sequence[str]], Sequence[bool | None]]
    states: frozenset[State]
    rule: str
    """Whom it is for, in words."""
    at_once: int = 100
    oldest_first: bool = False


STEPS: dict[Action, Step] = {
    "retry": Step(
        scripts.requeue,
        DEAD | {"canceled"},
        "only one that failed, was stopped or was canceled is run anew",
        oldest_first=True,
    ),
    "run": Step(
        scripts.hasten,
        frozenset({"scheduled", "retrying"}),
        "only one that is scheduled, or waits for its next attempt, can be run before its time",
    ),
    "cancel": Step(scripts.cancel, WAITS, "only one that waits is canceled; one that runs can be stopped", at_once=25),
    "delete": Step(scripts.delete, OVER, "only one that is over, and whose follow-ups are done, is deleted"),
}


class Done(NamedTuple):
    """What an action has come to."""

    ids: list[str]
    """Of the jobs to which it was done."""
    skipped: int
    """Those that were not there, in another state, or have to stay."""
    complete: bool = True
    """False: the time was up. Act again: what is done no longer matches."""


def act(client: Redis, action: Action, job_ids: Iterable[str]) -> Done:
    """Act on jobs, in the order in which they were accepted, so that those of one lane run anew in theirs.

    ``retry``: they run anew with all their attempts and no error, at the tail of their lane or queue; one that was
    canceled before its time waits for that, or for the job that it depends on. ``run``: they go to their queue or lane
    now. ``cancel``: they do not run; their lanes go on, who depends on them goes on waiting. ``delete``: they are gone,
    with their attempts; their lanes go on. One that did not end well stays while others wait for it, see ``kept``.
    """
    return _act(client, action, _as_accepted(client, list(job_ids)))


def _as_accepted(client: Redis, job_ids: list[str]) -> list[str]:
    with client.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hget(keys.job(job_id), "created_at")
        accepted = dict(zip(job_ids, answers(pipeline, None), strict=True))
    return sorted(job_ids, key=lambda job_id: accepted[job_id] or b"")


def _act(client: Redis, action: Action, job_ids: Iterable[str]) -> Done:
    step, done, skipped = STEPS[action], list[str](), 0
    for ids in _portions(job_ids, step.at_once):
        found = [job_id for job_id, was in zip(ids, step.run(client, ids), strict=True) if was]
        done += found
        skipped += len(ids) - len(found)
    return Done(done, skipped)


def kept(client: Redis, job_id: str) -> JobAwaited | None:
    """Why a job that is over is not deleted, where that is because others wait for it."""
    job = one(client, job_id)
    waiting = awaited_by(client, job_id) if job and job.state in OVER else []
    return JobAwaited(job_id, job.state, waiting) if job and waiting else None


class Count(NamedTuple):
    """How many jobs match."""

    number: int
    complete: bool
    """False: the time was up, and there may be more."""


def count(client: Redis, wanted: Filter, action: Action | None = None, within: float = WITHIN) -> Count:
    """How many jobs match, of which an action can be done to all; counted for ``within`` seconds at most."""
    deadline, number = time.monotonic() + within, 0
    meant = _meant(wanted, action) if action else wanted
    if meant is None:
        return Count(0, True)
    if only := exact(client, wanted):
        return Count(int(only.state in (meant.states or STATES)), True)
    for looked, (_, row) in enumerate(read(client, places(client, kinds(meant.states), meant.queue), meant), 1):
        number += row is not None
        if looked % AT_ONCE == 0 and time.monotonic() > deadline:
            return Count(number, False)
    return Count(number, True)


def _meant(wanted: Filter, action: Action) -> Filter | None:
    """Those that match and are in a state that the action is for; None where there can be none."""
    states = STEPS[action].states & (wanted.states or STEPS[action].states)
    return wanted._replace(states=states) if states else None


def act_on_all(client: Redis, action: Action, wanted: Filter, within: float = WITHIN) -> Done:
    """Act on every job that matches and is in a state that the action is for, for ``within`` seconds.

    At least once, however long it takes to find somebody. What runs anew does so in the order in which it failed.
    """
    deadline, step, meant = time.monotonic() + within, STEPS[action], _meant(wanted, action)
    if meant is None:
        return Done([], 0)
    if only := exact(client, wanted):
        return _act(client, action, [only.id] if only.state in meant.states else [])
    lying = list(places(client, kinds(meant.states), meant.queue))
    ordered = reversed(lying) if step.oldest_first else lying
    done, skipped, chosen = list[str](), 0, list[str]()
    # A lane may have gone on where its head was canceled: who lay behind that waits in a queue then.
    for looked, (_, row) in enumerate(read(client, ordered, meant, anywhere=True), 1):
        if row:
            chosen.append(row.job.id)
        late = looked % AT_ONCE == 0 and time.monotonic() > deadline
        if chosen and (late or len(chosen) == step.at_once):
            part = _act(client, action, chosen)
            done += part.ids
            skipped, chosen = skipped + part.skipped, []
            if time.monotonic() > deadline:
                return Done(done, skipped, False)
    part = _act(client, action, chosen)
    return Done(done + part.ids, skipped + part.skipped)


def stop(client: Redis, job_id: str) -> bool:
    """Have the worker that runs a job stop it, within a second or so; False when it does not run."""
    status, worker = cast(list[bytes | None], client.hmget(keys.job(job_id), "status", "worker_name"))
    if status != b"started" or not worker:
        return False
    rq.command.send_command(client, worker.decode(), "stop-job", job_id=job_id)
    return True


def _portions(job_ids: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(job_ids)
    while ids := list(islice(remaining, size)):
        yield ids
