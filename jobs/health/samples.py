"""The first jobs of the line, with what may be shown of them: no arguments, and nothing that has to be unpickled."""

from typing import Any, NamedTuple

from redis import Redis

from jobs import keys, redaction
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

Sample = dict[str, str]
"""A job's id, and what is known of it. Times are UTC, as RQ writes them."""


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
    """The same jobs with what is known of them, in one round trip. Raises ``RedisError``."""
    wanted = [(one["id"], _WAITING) for one in samples.waiting] + [(one["id"], _ACTIVE) for one in samples.active]
    with client.pipeline(transaction=False) as pipeline:
        for job_id, fields in wanted:
            pipeline.hmget(keys.job(job_id), *fields.values())
        replies = pipeline.execute(raise_on_error=False)
    found = [_sample(job_id, fields, reply) for (job_id, fields), reply in zip(wanted, replies, strict=True)]
    return Samples(found[: len(samples.waiting)], found[len(samples.waiting) :])


def _sample(job_id: str, fields: dict[str, str], reply: Any) -> Sample:
    values = [None] * len(fields) if isinstance(reply, Exception) else reply
    known = zip(fields, values, strict=True)
    shown: Sample = {name: value.decode(errors="backslashreplace") for name, value in known if value}
    if "description" in shown:
        shown["description"] = redaction.text(shown["description"])
    return {"id": job_id, **shown}
