"""What is looked at in one step, because it would change between two."""

from typing import Any

from redis import Redis
from redis.client import Pipeline

from jobs import keys
from jobs.scripts.call import in_full, invocation, run, text


def awaited(client: Redis, job_id: str, most: int) -> list[str]:
    """The ids of jobs that wait for one because they depend on it, ``most`` of them, in order."""
    names = [keys.job(job_id), keys.dependents(job_id)]
    return [text(found) for found in run(client, "awaited", names, [keys.PREFIX, job_id, most])]


def queued(pipeline: Pipeline, queue: str, before: tuple[str, str], most: int) -> None:
    """Ask which jobs wait in a queue, latest first, after the one put there at that time, as RQ writes it, of that id.

    Two empty texts for the latest. ``read_queued`` takes the reply.
    """
    call = invocation("queued", [keys.queue(queue)], [keys.PREFIX, *before, most])
    pipeline.eval(*in_full("queued", call))


def read_queued(reply: list[Any]) -> list[tuple[str, str]]:
    """Each job's id, and when it was put there, as RQ writes it."""
    words = [text(word) for word in reply]
    return list(zip(words[::2], words[1::2], strict=True))
