"""The scheduler: once a second, while it leads, hand over whatever is due."""

import logging
import threading
from typing import cast

import rq
from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, lanes, scripts
from jobs.job import Job
from jobs.schedule.leader import Leader
from jobs.schedule.store import Store
from jobs.settings import Settings

log = logging.getLogger(__name__)

TICK = 1.0


def run(settings: Settings, client: Redis, holder: str, queues: tuple[str, ...], stop: threading.Event) -> None:
    """Tick until ``stop`` is set. Stands by while another scheduler leads; a lost Redis is waited for."""
    leader, store = Leader(client, holder), Store(client)
    led = False
    while not stop.is_set():
        try:
            if leader.hold():
                if not led:
                    log.info("scheduler: leading")
                    store.keep_heartbeats(queues, settings.heartbeat)
                tick(client, store)
            if led and not leader.leads:
                log.warning("scheduler: no longer leading; standing by")
            led = leader.leads
        except RedisError as error:
            log.warning("scheduler: a tick failed: %s; next one in %.0f s", error, TICK)
            leader.leads = led = False
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
        _promote(client, key.decode()[len(keys.queue("")) :])
    lanes.sweep(client)


def _promote(client: Redis, name: str) -> None:
    for job_id in scripts.promote(client, name).rate_limited:
        job = Job.fetch(job_id, client)
        queue = rq.Queue(name, connection=client, job_class=Job, serializer=job.serializer)
        with client.pipeline() as pipeline:
            pipeline.zrem(keys.registry("scheduled", name), job_id)
            queue._enqueue_rate_limited_job(job, pipeline=pipeline, at_front=job.should_enqueue_at_front())
            pipeline.execute()
