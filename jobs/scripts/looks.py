"""What is looked at in one step, because it would change between two."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from jobs import keys
from jobs.scripts.call import in_full, invocation, pairs, run, text


def awaited(client: Redis, job_id: str, most: int) -> list[str]:
    """The ids of jobs that wait for one because they depend on it, ``most`` of them, in order."""
    names = [keys.job(job_id), keys.dependents(job_id)]
    return [text(found) for found in run(client, "awaited", names, [keys.PREFIX, job_id, most])]


def queued(pipeline: Pipeline, key: str, before: tuple[str, str], most: int) -> None:
    """Ask which jobs wait in a queue, or in the list of its suspects, latest first, after the one put there at that
    time, as RQ writes it, of that id.

    Two empty texts for the latest. ``read_queued`` takes the reply.
    """
    call = invocation("queued", [key], [keys.PREFIX, *before, most])
    pipeline.eval(*in_full("queued", call))


def read_queued(reply: list[Any]) -> list[tuple[str, str]]:
    """Each job's id, and when it was put there, as RQ writes it."""
    return list(pairs([text(word) for word in reply]))


class Peek(NamedTuple):
    """What was seen in another place of the same server."""

    at: float
    """The server's time, in seconds since 1970 UTC."""
    rows: dict[bytes, bytes]
    """What processes say of themselves there, by id."""
    times: dict[bytes, float]
    """When each was last seen."""
    waiting: dict[str, int]
    """How many jobs wait in each queue."""


def peek(client: Redis, db: int, prefix: str, queues: int) -> Peek:
    """Look at another db, or another prefix, of the same server; at so many queues at most.

    Raises ``RedisError``, also where that is not allowed.
    """
    (seconds, micro), rows, seen, apps, lengths = run(client, "peek", [], [db, prefix, queues])
    times = {name: float(at) for name, at in pairs([*seen, *apps])}
    waiting = {text(name): int(length) for name, length in pairs(lengths)}
    return Peek(int(seconds) + int(micro) / 1e6, dict(pairs(rows)), times, waiting)


def snapshot(
    pipeline: Pipeline, watched: Iterable[str], samples: int, failures: int, halts: int, scheduled: int
) -> None:
    """Ask for the line as it is now: its processes, and the queues that exist or are ``watched``.

    Of each queue ``samples`` of its first jobs and one more, of the last that failed so many, and of the
    ``scheduled`` so many are looked at; and ``halts`` of the lanes that are halted. The reply is as
    ``snapshot.lua`` says.
    """
    names = [keys.MARKER, keys.LEADER, keys.TICKED, keys.SUSPENDED, keys.PROCESSES, keys.SEEN, keys.QUEUES]
    names += [keys.PAUSED, keys.HALTED, keys.WORKERS, keys.APPS, keys.UNKNOWN]
    call = invocation("snapshot", names, [keys.PREFIX, keys.HEARTBEAT, samples, failures, halts, scheduled, *watched])
    pipeline.eval(*in_full("snapshot", call))


def write(pipeline: Pipeline) -> None:
    """Ask whether the server takes writes; the reply is an error where it refuses them."""
    pipeline.eval(*in_full("write", invocation("write", [], [])))
