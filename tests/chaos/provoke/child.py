"""What leads a child to each of its steps."""

from rq import Queue

from jobs import keys
from jobs.job import Job
from jobs.scripts.claimed import NAMELESS
from tests.chaos import tasks as t
from tests.chaos.ambush import Ambush, Provoke, await_it
from tests.chaos.line import Line, alive
from tests.chaos.steps import When
from tests.support import Process, wait_for

TRIES = 5
"""Where it is not certain that a process comes to the step."""


def feed(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.feed(8)


def feed_more(ambush: Ambush, step: str, when: When) -> None:
    """More than the bells bring."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.feed(40)


def feed_who_tells(ambush: Ambush, step: str, when: When) -> None:
    """A job that says how far it is."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([ambush.line.nasty(t.tell)])


def feed_a_dependency(ambush: Ambush, step: str, when: When) -> None:
    """A job, and another that RQ is to enqueue once it has ended."""
    line = ambush.line
    first = line.job(delay=0.5)
    line.submit([first])
    second = line.job()
    queue = Queue("default", connection=line.client, job_class=Job, serializer="json")
    queue.enqueue(t.work, str(line.log.path), second.id, job_id=second.id, depends_on=first.id)
    ambush.man()
    ambush.lay(step, when)


def feed_unevenly(ambush: Ambush, step: str, when: When) -> None:
    """So many short jobs that a child takes many at once; then long ones among them, behind which they wait."""
    line = ambush.line
    ambush.man()
    ambush.lay(step, when)
    for _ in range(TRIES):
        short = [line.job(seconds=0) for _ in range(200)]
        mixed = [line.job(seconds=0.4 if number % 4 == 0 else 0) for number in range(64)]
        line.submit([*short, *mixed])
        wait_for(lambda: ambush.is_sprung() or are_done(line), "a child to die, or the end")
        if ambush.is_sprung():
            return


def feed_what_has_no_name(ambush: Ambush, step: str, when: When) -> None:
    """A job whose id is no text, as no client in Python could make it; under its new one it fails."""
    line = ambush.line
    job, raw = line.job(), b"\xff%d" % len(line.accepted)
    line.submit([job])
    line.client.lrem(keys.queue(job.queue), 1, job.id)
    line.client.rename(keys.job(job.id), keys.job("").encode() + raw)
    line.accepted[-1] = f"{NAMELESS}{raw.hex()}"
    ambush.planned.append(line.accepted[-1])
    ambush.man()
    ambush.lay(step, when)
    line.client.rpush(keys.queue(job.queue), raw)


def end_while_it_runs(ambush: Ambush, step: str, when: When) -> None:
    worker = ambush.busy()
    ambush.lay(step, when, child_of(worker))
    ambush.tell_to_end(worker)


def end_while_jobs_wait(ambush: Ambush, step: str, when: When) -> None:
    """Told to end while a child has more than it runs, because its jobs are short."""
    for _ in range(TRIES):
        worker = ambush.man()[0]
        child, before = child_of(worker), len(ambush.line.log.runs())
        ambush.line.feed(600, seconds=0.005)
        _wait_for_runs(ambush.line, child, before)
        ambush.lay(step, when, child)
        ambush.tell_to_end(worker)
        worker.ends()
        if ambush.is_sprung():
            return


def are_done(line: Line) -> bool:
    return set(line.accepted) <= line.log.ended()


def _wait_for_runs(line: Line, child: int, before: int) -> None:
    """Wait until a child has run so many jobs that it knows that they are short, or all are done."""
    wait_for(
        lambda: sum(run.pid == child for run in line.log.runs()[before:]) > 100 or are_done(line),
        "a child to run many jobs",
    )


def feed_locked(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([ambush.line.nasty(t.work_locked) for _ in range(4)])


def child_of(worker: Process) -> int:
    return wait_for(lambda: found[1] if len(found := alive(worker)) > 1 else None, "the worker to have a child")


WAYS: dict[str, Provoke] = {
    "settle, others follow": feed_a_dependency,
    "follow": feed_a_dependency,
    "claim": feed_more,
    "wait at the bell": feed,
    "settle": feed,
    "give back": feed_unevenly,
    "held, reply lost": feed,
    "give back, reply lost": feed,
    "rename": feed_what_has_no_name,
    "echo": await_it,
    "report": feed_who_tells,
    "tell": feed,
    "settle, draining": end_while_it_runs,
    "give back, draining": end_while_jobs_wait,
}
WITH_LOCKS: dict[str, Provoke] = dict.fromkeys(("lock", "annotate", "renew", "unlock"), feed_locked)
