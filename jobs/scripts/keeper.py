"""What a keeper does with Redis: it gives leases, renews them, and takes back what the lost hold."""

from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis

from jobs import keys
from jobs.scripts.call import Value, run, text

WORKER_TTL = 90


class Ticked(NamedTuple):
    """What a tick found and did."""

    gone: list[str]
    """The keeper's children whose lease has run out: what they still run is another's now."""
    recovered: list[str]
    moved: list[str]
    crowded: list[str]
    """Queues with more to drop: a tick drops 200 of each. See ``trim``."""
    suspected: list[str]
    """Open queues of whose jobs some have brought their process down before; see ``keys.suspects``."""
    depths: dict[str, tuple[int, int]]
    """How many jobs wait, and how many run, in each queue that was to be counted."""
    leads: bool
    """Is this keeper's the scheduler that leads?"""
    due: int
    """Schedules and rq-scheduler's entries that are due."""
    schedules: int
    """How many schedules there are."""
    owed: int
    """Follow-ups that somebody should have done by now."""
    done: int
    failed: int
    at: float
    """The server's time, in seconds since 1970 UTC."""
    is_known: bool
    """Is the keeper registered as RQ's worker? Not where the server has lost that, or let it expire."""
    unknown: int
    """Tasks for which jobs wait that no worker knew; see ``recall``."""


def grant(client: Redis, child: str, seconds: float) -> None:
    """Give a new child its lease."""
    run(client, "grant", [keys.LEASES], [child, seconds])


def tick(
    client: Redis,
    keeper: str,
    children: Sequence[str],
    *,
    lease: float,
    leader_lease: float,
    survives: int,
    why: bytes,
    keep_last: int | None = None,
    count: Sequence[str] = (),
    busy: bool = False,
    shown: Sequence[tuple[str, str, float]] = (),
) -> Ticked:
    """What a keeper does once a second; ``survives`` is how many lost leases a job does. Leases are in seconds.

    Of the finished jobs of a queue, ``keep_last`` are kept. ``count`` names the queues whose depth is wanted.
    RQ's tools are told whether the worker is ``busy`` and which jobs it runs: id, token and seconds of those ``shown``.
    """
    names = [keys.LEASES, keys.TICKED, keys.QUEUES, keys.LANES]
    names += [keys.worker(keeper), keys.LEADER, keys.CLOCK, keys.OUTBOX, keys.SLOTS, keys.SCHEDULES]
    arguments: list[Value] = [keys.PREFIX, lease, survives, why, WORKER_TTL, keeper, int(leader_lease * 1000)]
    arguments += ["" if keep_last is None else keep_last, ",".join(count)]
    arguments += ["busy" if busy else "idle", len(shown), *(value for one in shown for value in one)]
    *lists, found, numbers = run(client, "tick", names, [*arguments, *children])
    depths = dict(zip(count, zip(found[::2], found[1::2], strict=True), strict=True))
    gone, recovered, moved, crowded, suspected = ([text(item) for item in found] for found in lists)
    leads, due, schedules, owed, done, failed, at, is_known, unknown = numbers
    did = (gone, recovered, moved, crowded, suspected, depths)
    return Ticked(*did, bool(leads), due, schedules, owed, done, failed, float(at), bool(is_known), unknown)


def recall(client: Redis, code: str, queues: Sequence[str], most: int, before: float = 0.0) -> list[str]:
    """Have jobs go to their queues that wait for a worker that knows their task, where a worker with the tasks of the
    digest ``code`` serves ``queues``; ``most`` of each task. Returns their ids.

    What has waited since ``before`` (seconds since 1970) goes whatever its task is.
    """
    names = [keys.UNKNOWN, keys.task_names(code), keys.QUEUES]
    return [text(job_id) for job_id in run(client, "recall", names, [keys.PREFIX, most, before, *queues])]


def recover(client: Redis, survives: int, why: bytes) -> list[str]:
    """Take back now what the lost hold; the ids put back. ``survives`` is how many lost leases a job does."""
    return [text(job_id) for job_id in run(client, "recover", [keys.LEASES], [keys.PREFIX, survives, why])]


def retire(client: Redis, child: str) -> bool:
    """Take away the lease of a child that has ended; False when it still holds something."""
    return bool(run(client, "retire", [keys.LEASES, keys.held(child)], [child]))


def step_down(client: Redis, holder: str) -> bool:
    """Give back the scheduler's lease; False when it was another's."""
    return bool(run(client, "step_down", [keys.LEADER], [holder]))
