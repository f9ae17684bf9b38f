"""Signs of life: what processes say of themselves, and heartbeats that go the whole way."""

from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis

from jobs import keys
from jobs.scripts.call import Value, run, text
from jobs.scripts.intake import NewJob

DAY = 86400


class Memory(NamedTuple):
    """How long the rows of processes are kept that have gone."""

    seen: str
    """The sorted set of when each was last seen."""
    seconds: int
    most: int
    gone: float
    """Seconds without a word after which a process may have gone."""


PARTS = Memory(keys.SEEN, 7 * DAY, 64, 15.0)
APPS = Memory(keys.APPS, 3600, 64, 75.0)
"""Of processes that only put jobs in: a web server may start a new one every minute."""


class Published(NamedTuple):
    marker: str
    at: float
    """The server's time, in seconds since 1970 UTC."""
    named: bool
    """Are the names of its tasks known, by their digest?"""


def publish(
    client: Redis,
    process_id: str,
    row: str,
    marker: str,
    commit: str = "",
    code: str = "",
    memory: Memory = PARTS,
) -> Published:
    """Say that a process lives, of which commit it is if that is known; ``marker`` is set where there is none yet.

    ``code`` is the digest of its tasks, whose names are kept for another day.
    """
    names = [keys.PROCESSES, memory.seen, keys.MARKER, keys.DEPLOYS, keys.task_names(code)]
    kept: list[Value] = [memory.seconds, memory.most, memory.gone, DAY]
    found, at, named = run(client, "publish", names, [process_id, row, marker, commit, *kept])
    return Published(text(found), float(at), bool(named))


def name_tasks(client: Redis, code: str, names: Sequence[str]) -> None:
    """Write down the names of the tasks whose digest is ``code``, for a day."""
    with client.pipeline() as pipeline:
        pipeline.sadd(keys.task_names(code), *names)
        pipeline.expire(keys.task_names(code), DAY)
        pipeline.execute()


def ring(client: Redis, job: NewJob, expires: int) -> bool:
    """Send a heartbeat job to the front of its queue, for so many seconds; False when one still waits there."""
    arguments: list[Value] = [keys.PREFIX, job.id, expires]
    for name, value in job.fields.items():
        arguments += [name, value]
    names = [keys.queue(job.queue), keys.heartbeat(job.queue), keys.QUEUES, keys.job(job.id)]
    return bool(run(client, "ring", names, arguments))


def echo(client: Redis, queue: str, job_id: str, worker: str, worker_type: str) -> bool:
    """Write down that a heartbeat came back; False when a later one has been sent since."""
    return bool(run(client, "echo", [keys.heartbeat(queue)], [job_id, worker, worker_type]))
