"""``python -m jobs worker [QUEUES…]``: serve queues until told to stop."""

import logging
import threading
from collections.abc import Mapping
from secrets import token_hex

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, registry
from jobs.connection import BACKOFF_CAP, address, connect, wait
from jobs.health import server
from jobs.health.identity import process_id
from jobs.health.presence import Presence
from jobs.health.watch import Watch
from jobs.schedule import loop as scheduler
from jobs.settings import Settings
from jobs.supervise.stop import on_signal
from jobs.worker.worker import Worker

log = logging.getLogger(__name__)


def main(settings: Settings, burst: bool = False) -> int:
    """Serve ``settings.queues``; returns the exit code. ``burst``: end once they are empty.

    A Redis that is late, lost or read-only is waited for; the worker then goes on under a new name.
    """
    registry.load(settings.tasks)
    stop = on_signal()
    me = process_id("worker")
    client = connect(settings, "worker", instance=me)
    names = Names(me)
    presence = Presence(settings, "worker", client, queues=settings.queues, counters=lambda: names.counters(client))
    alone = settings.platform and settings.role == "worker"
    if port := settings.worker_port or (settings.port if alone else None):
        server.serve(port, Watch(settings, connect(settings, "watch", deadline=1, retries=0)), presence)
    if not wait(client, address(settings), stop):
        return 0
    presence.start()
    clock = threading.Thread(target=scheduler.run, args=(settings, client, me, settings.queues, stop), name="scheduler")
    clock.start()
    try:
        _work(settings, client, names, stop, burst)
    finally:
        stop.set()
        clock.join()
        presence.stop()
    return 0


class Names:
    """The names this process has worked under, and what was done under them."""

    def __init__(self, first: str) -> None:
        self._all = [first]

    @property
    def latest(self) -> str:
        return self._all[-1]

    def renew(self) -> None:
        self._all.append(f"{self._all[0]}-{token_hex(2)}")

    def counters(self, client: Redis) -> Mapping[str, int]:
        """``processed`` and ``failed``, as RQ counts them. Raises ``RedisError``."""
        with client.pipeline(transaction=False) as pipeline:
            for name in self._all:
                pipeline.hmget(keys.worker(name), "successful_job_count", "failed_job_count")
            rows = pipeline.execute()
        done, failed = (sum(int(row[column] or 0) for row in rows) for column in (0, 1))
        return {"processed": done + failed, "failed": failed}


def _work(settings: Settings, client: Redis, names: Names, stop: threading.Event, burst: bool) -> None:
    delay = 0.25
    while not stop.is_set():
        lost: object = "see above"
        try:
            worker = Worker(settings.queues, names.latest, client, stop)
            log.info("worker %s registered; listening on %s", worker.name, ", ".join(settings.queues))
            worker.work(burst=burst, logging_level=None)
            lost = worker.lost or lost
        except RedisError as error:
            lost = error
        if burst or stop.is_set():
            break
        log.warning("worker %s lost Redis (%s); back in %.2g s", names.latest, lost, delay)
        stop.wait(delay)
        delay = min(2 * delay, BACKOFF_CAP)
        if wait(client, address(settings), stop):
            names.renew()
    log.info("worker %s stops", names.latest)
