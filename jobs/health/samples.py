"""The first jobs of the line, with what may be shown of them: no secrets, and nothing that has to be unpickled."""

from typing import Any, NamedTuple

from redis import Redis

from jobs import keys, redaction
from jobs.catalog.arguments import shown
from jobs.catalog.tasknames import READABLE, named_by
from jobs.health.snapshot import Snapshot
from jobs.health.snapshot.queues import SAMPLES

_WAITING = {
    "queue": "origin",
    "description": "description",
    "key": "key",
    "accepted_at": "created_at",
    "queued_at": "enqueued_at",
}
_ACTIVE = {**_WAITING, "started_at": "started_at", "worker": "worker_name"}

Sample = dict[str, Any]
"""A job's id, and what is known of it: texts, and ``data``, what its task is called with. Times are UTC, as RQ writes
them."""


class Samples(NamedTuple):
    """At most ten jobs of each kind."""

    waiting: list[Sample]
    active: list[Sample]


def bare(snapshot: Snapshot) -> Samples:
    """The first jobs that wait and that run, over all queues, of which only the ids are known."""
    waiting = [job_id for queue in snapshot.queues for job_id in queue.waiting_ids]
    active = [job_id for queue in snapshot.queues for job_id in queue.active_ids]
    return Samples(*([{"id": job_id} for job_id in ids[:SAMPLES]] for ids in (waiting, active)))


def read(client: Redis, samples: Samples) -> Samples:
    """The same jobs with what is known of them, in two round trips. Raises ``RedisError``."""
    wanted = [(one["id"], _WAITING) for one in samples.waiting] + [(one["id"], _ACTIVE) for one in samples.active]
    with client.pipeline(transaction=False) as pipeline:
        for job_id, fields in wanted:
            pipeline.hmget(keys.job(job_id), *fields.values())
            pipeline.hstrlen(keys.job(job_id), "data")
        replies = pipeline.execute(raise_on_error=False)
        sizes = [size if isinstance(size, int) else 0 for size in replies[1::2]]
        small = [at for at, size in enumerate(sizes) if 0 < size <= READABLE]
        for at in small:
            pipeline.hget(keys.job(wanted[at][0]), "data")
        payloads = dict(zip(small, pipeline.execute(raise_on_error=False), strict=True))
    found = [
        _sample(job_id, fields, reply, payloads.get(at), sizes[at])
        for at, ((job_id, fields), reply) in enumerate(zip(wanted, replies[::2], strict=True))
    ]
    return Samples(found[: len(samples.waiting)], found[len(samples.waiting) :])


def _sample(job_id: str, fields: dict[str, str], reply: Any, payload: Any, size: int) -> Sample:
    values = [None] * len(fields) if isinstance(reply, Exception) else reply
    known = zip(fields, values, strict=True)
    found: Sample = {name: value.decode(errors="backslashreplace") for name, value in known if value}
    if "description" in found:
        found["task"] = named_by(found["description"])
        found["description"] = redaction.text(found["description"])
    given = shown(payload if isinstance(payload, bytes) else None, size)
    if given.args is not None:
        found["data"] = {"args": given.args, "kwargs": given.kwargs}
    return {"id": job_id, **found}
