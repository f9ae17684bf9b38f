"""Signs of life: what processes say of themselves, and heartbeats that go the whole way."""

from typing import NamedTuple

from redis import Redis

from jobs import keys
from jobs.scripts.call import Value, run, text
from jobs.scripts.intake import NewJob


class Published(NamedTuple):
    marker: str
    at: float
    """The server's time, in seconds since 1970 UTC."""


def publish(client: Redis, process_id: str, row: str, marker: str, commit: str = "") -> Published:
    """Say that a process lives, of which commit it is if that is known; ``marker`` is set where there is none yet."""
    names = [keys.PROCESSES, keys.SEEN, keys.MARKER, keys.DEPLOYS]
    found, at = run(client, "publish", names, [process_id, row, marker, commit])
    return Published(text(found), float(at))


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
