"""Looking at the message queue: its counts, one message, and what may be thrown away."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from rq.job import JobStatus
from rq.results import Result

from jobs import keys
from jobs.examples.inbox.tasks import ATTEMPTS, QUEUE
from jobs.health import snapshot
from jobs.health.counts import STATS, counts, said
from jobs.job import Job

CHUNK = 100
WEEK = 7 * 86400.0
STATUS = {
    JobStatus.STARTED: "processing",
    JobStatus.FINISHED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.STOPPED: "failed",
    JobStatus.CANCELED: "failed",
}
FIELDS = ("instance", "client_id", "message_id", "contact_phone")


def stats(client: Redis) -> dict[str, int]:
    """How many messages are pending (all that is stored and not begun), processing, completed and failed."""
    found = counts(one for one in snapshot.read(client, [QUEUE], 0).queues if one.name == QUEUE)
    told = {**said(found, STATS), "pending": found.pending + found.scheduled - found.due}
    return {**told, "total": sum(told.values())}


def message(client: Redis, job_id: str) -> dict[str, Any]:
    """One message and how it is. Raises ``rq.exceptions.NoSuchJobError``."""
    job = Job.fetch(job_id, client)
    status = STATUS.get(job.get_status(refresh=False), "pending")
    begun = ATTEMPTS - (job.retries_left or 0)
    latest = job.latest_result()
    holder, until = _held(client, job_id)
    return {
        **{name: job.kwargs[name] for name in FIELDS},
        "contact_name": job.kwargs.get("contact_name") or None,
        "status": status,
        "attempts": begun - 1 if status == "pending" else begun,
        "maxRetries": ATTEMPTS - 1,
        "error": ((latest.exc_string or "") if latest else "").strip().rpartition("\n")[2] or None,
        "stored_at": _iso(job.created_at),
        "started_at": _iso(job.started_at),
        "ended_at": _iso(job.ended_at),
        "held_by": holder,
        "held_until": _iso(until),
    }


def _held(client: Redis, job_id: str) -> tuple[str | None, datetime | None]:
    """Which child of a worker has a job, and until when unless it says more: then it is taken back."""
    found = cast(bytes | None, client.hget(keys.job(job_id), "held_by"))
    child = found.decode() if found else ""
    if not child or not client.hexists(keys.held(child), job_id):
        return None, None
    until = client.zscore(keys.LEASES, child)
    return child, datetime.fromtimestamp(until, UTC) if until else None


def clean(client: Redis, older_than: float = WEEK) -> int:
    """Delete messages that were completed so many seconds ago or earlier; how many.

    Their ids stay refused for 7 days from when they were stored. Without it they go by themselves after ``JOBS_KEEP``.
    Failed ones stay for a year, until somebody decides.
    """
    before = datetime.now(UTC).timestamp() - older_than
    deleted = 0
    registry = keys.registry("finished", QUEUE)
    ids = [job_id.decode() for job_id in cast(list[bytes], client.zrange(registry, 0, -1))]
    for at in range(0, len(ids), CHUNK):
        chunk = ids[at : at + CHUNK]
        deleted += _at_once(client, chunk, _deletion(registry, chunk, before))
    return deleted


def _at_once(client: Redis, ids: list[str], step: Callable[[Pipeline], int]) -> int:
    """Read and write as one step; once more when a job has changed in between, as when somebody has it tried again."""
    with client.pipeline() as pipeline:
        while True:
            try:
                pipeline.watch(*map(keys.job, ids))
                done = step(pipeline)
                pipeline.execute()
                return done
            except WatchError:
                continue


def _deletion(registry: str, ids: list[str], before: float) -> Callable[[Pipeline], int]:
    def delete(pipeline: Pipeline) -> int:
        found = [cast(list[bytes | None], pipeline.hmget(keys.job(job_id), "status", "ended_at")) for job_id in ids]
        old = [
            job_id
            for job_id, (state, ended) in zip(ids, found, strict=True)
            if state == b"finished" and ended and datetime.fromisoformat(ended.decode()).timestamp() <= before
        ]
        pipeline.multi()
        for job_id in old:
            pipeline.delete(keys.job(job_id), Result.get_key(job_id))
            pipeline.zrem(registry, job_id)
        return len(old)

    return delete


def _iso(when: datetime | None) -> str | None:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None
