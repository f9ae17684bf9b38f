"""What follows the end of a job: those that depend on it are let go, and its webhooks are sent.

The step that ends the job notes it in the outbox, so a crash in between loses nothing: it is safe to repeat, and a
keeper does what is older than 10 s.
"""

import zlib
from base64 import b64encode
from typing import cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq.job import JobStatus

from jobs import keys, logs, scripts
from jobs.job import Job
from jobs.scripts.call import text
from jobs.settings import current

log = logs.of("job")

LOST_LEASES = 10
"""How often a job may be lost with its worker before it fails."""
POISON = b64encode(
    zlib.compress(b"The process that ran this job was lost, again and again; the job may be what kills it.\n")
)
REPEAT_AFTER = 10.0
AT_ONCE = 100


def follow_up(client: Redis, job_id: str) -> None:
    """Do what follows the end of one job, and take it out of the outbox. Raises ``RedisError``; it is repeated then."""
    for outcome in ("finished", "failed"):
        entry = f"{job_id}:{outcome}"
        if client.zscore(keys.OUTBOX, entry) is not None:
            at = scripts.follow(client, job_id, outcome)
            while at:
                at = scripts.follow(client, job_id, outcome, at)
            _send_webhooks(client, job_id, outcome)
            client.zrem(keys.OUTBOX, entry)


def repeat_old(client: Redis) -> int:
    """Do what another process should have done by now; returns how many."""
    seconds, microseconds = client.time()
    now = seconds + microseconds / 1e6
    old = cast(list[bytes], client.zrangebyscore(keys.OUTBOX, "-inf", now - REPEAT_AFTER, 0, AT_ONCE))
    for entry in old:
        client.zadd(keys.OUTBOX, {entry: now}, xx=True)  # no other keeper's for now
        try:
            follow_up(client, text(entry).rpartition(":")[0])
        except ResponseError:
            log.exception("what follows %s cannot be done", text(entry))
    return len(old)


def _send_webhooks(client: Redis, job_id: str, outcome: str) -> None:
    if not client.hget(keys.job(job_id), "webhooks"):
        return
    if not current().webhooks:
        log.warning("job %s has webhooks, which are not sent: JOBS_WEBHOOKS is not 1", job_id)
        return
    try:
        job = Job.fetch(job_id, client)
        latest = job.latest_result()
        job.send_webhooks(JobStatus(outcome), exc_string=latest.exc_string if latest else None)
    except RedisError:
        raise
    except Exception:
        log.exception("the webhooks of job %s were not sent", job_id)
