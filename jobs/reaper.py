"""What follows the end of a job, by RQ's own functions: dependents, rate-limit slots, webhooks.

``settle.lua`` notes it in the outbox in the same step that ends the job, so a crash in between loses nothing: the
functions are safe to repeat, and a keeper repeats what is older than 10 s.
"""

import time
import zlib
from base64 import b64encode
from typing import cast

import rq
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.job import JobStatus
from rq.rate_limit import release_slot

from jobs import keys, logs
from jobs.job import Job
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
    """Do what follows the end of one job, and take it out of the outbox. Logs what fails; it is repeated later."""
    for outcome in ("finished", "failed", "stopped", "canceled"):
        entry = f"{job_id}:{outcome}"
        if client.zscore(keys.OUTBOX, entry) is not None:
            _follow_up(client, job_id, outcome)
            client.zrem(keys.OUTBOX, entry)


def repeat_old(client: Redis) -> int:
    """Do what another process should have done by now; returns how many."""
    old = cast(list[bytes], client.zrangebyscore(keys.OUTBOX, "-inf", time.time() - REPEAT_AFTER, 0, AT_ONCE))
    for entry in old:
        follow_up(client, entry.decode().rpartition(":")[0])
    return len(old)


def _follow_up(client: Redis, job_id: str, outcome: str) -> None:
    try:
        job = Job.fetch(job_id, client)
    except NoSuchJobError:
        return
    queue = rq.Queue(job.origin, connection=client, job_class=Job, serializer=job.serializer)
    try:
        if outcome != "canceled":
            queue.enqueue_dependents(job, refresh_job_status=False)
        release_slot(job)
        if job.webhooks and not current().webhooks:
            log.warning("job %s has webhooks, which are not sent: JOBS_WEBHOOKS is not 1", job_id)
        elif job.webhooks and outcome not in ("stopped", "canceled"):
            latest = job.latest_result()
            job.send_webhooks(JobStatus(outcome), exc_string=latest.exc_string if latest else None)
    except RedisError:
        raise
    except Exception:
        log.exception("what follows job %s failed and is left to RQ's own maintenance", job_id)
