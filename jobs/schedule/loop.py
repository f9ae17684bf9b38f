"""The scheduler: once a second, while it leads, hand over whatever is due."""

import logging
import threading
import time
from typing import cast

import rq
from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, lanes, scripts
from jobs.health.snapshot import served
from jobs.job import Job
from jobs.schedule.leader import Leader
from jobs.schedule.store import Store
from jobs.settings import Settings

log = logging.getLogger(__name__)

TICK = 1.0
CARE = 15.0
"""Seconds between two looks at which queues are served, for each has a heartbeat."""


def run(settings: Settings, client: Redis, holder: str, queues: tuple[str, ...], stop: threading.Event) -> None:
    """Tick until ``stop`` is set. Stands by while another scheduler leads; a lost Redis is waited for."""
    leader, store = Leader(client, holder), Store(client)
    led, next_care = False, 0.0
    while not stop.is_set():
        try:
            if leader.hold():
                if not led:
                    log.info("scheduler: leading")
                if time.monotonic() >= next_care:
                    next_care = time.monotonic() + CARE
                    store.keep_heartbeats(tuple(dict.fromkeys([*queues, *served(client)])), settings.heartbeat)
                tick(client, store)
            if led and not leader.leads:
                log.warning("scheduler: no longer leading; standing by")
            led = leader.leads
        except RedisError as error:
            log.warning("scheduler: a tick failed: %s; next one in %.0f s", error, TICK)
        except Exception:
            log.exception("scheduler: a tick failed; next one in %.0f s", TICK)
        stop.wait(TICK)
    try:
        leader.release()
    except RedisError as error:
        log.warning("scheduler: the lease was not given back (%s); it runs out by itself", error)


def tick(client: Redis, store: Store) -> None:
    """Hand over what is due: schedules, delayed jobs and retries, and lanes whose head is over."""
    seconds, microseconds = client.time()
    store.run_due(seconds + microseconds / 1e6)
    for key in cast(set[bytes], client.smembers(keys.QUEUES)):
        for job_id in scripts.promote(client, key.decode()[len(keys.queue("")) :]).rate_limited:
            promote_limited(client, job_id)
    lanes.sweep(client)


def promote_limited(client: Redis, job_id: str) -> None:
    """Hand over a due job that has a rate limit, by RQ's own registry of slots."""
    job = Job.fetch(job_id, client)
    queue = rq.Queue(job.origin, connection=client, job_class=Job, serializer=job.serializer)
    with client.pipeline() as pipeline:
        pipeline.zrem(keys.registry("scheduled", job.origin), job_id)
        queue._enqueue_rate_limited_job(job, pipeline=pipeline, at_front=job.should_enqueue_at_front())
        pipeline.execute()
