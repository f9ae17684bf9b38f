"""The scheduler: once a second, while it leads, hand over whatever is due."""

import threading
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, lanes, logs, registry, scripts
from jobs.schedule.clock import Clock
from jobs.schedule.leader import Leader
from jobs.settings import Settings

log = logs.of("schedule")

TICK = 1.0


def run(settings: Settings, client: Redis, holder: str, stop: threading.Event) -> None:
    """Tick until ``stop`` is set. Stands by while another scheduler leads; a lost Redis is waited for."""
    leader, clock = Leader(client, holder), Clock(client, settings)
    clock.declare(registry.schedules())
    led = False
    while not stop.is_set():
        try:
            if leader.hold():
                if not led:
                    log.info("scheduler: leading")
                    clock.take_over()
                    led = True
                tick(client, clock)
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


def tick(client: Redis, clock: Clock) -> None:
    """Hand over what is due: schedules, delayed jobs and retries, and lanes whose head is over."""
    clock.tick(scripts.due(client))
    for key in cast(set[bytes], client.smembers(keys.QUEUES)):
        scripts.promote(client, key.decode()[len(keys.queue("")) :])
    lanes.sweep(client)
