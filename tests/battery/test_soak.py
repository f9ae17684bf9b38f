"""The same at default timing and full counts: what a fault takes to be named and to go, and hours without any."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from redis import Redis

from jobs import keys, prepare, queues
from jobs.health.diagnosis import Limits
from tests.battery import tasks as t
from tests.battery.stand import DEFAULT, Stand
from tests.chaos.server import Server
from tests.support import Processes, wait_for

pytestmark = pytest.mark.soak

LIMITS = Limits(heartbeat=15.0)
NIGHT = float(os.environ.get("SOAK_MINUTES", "20")) * 60
BURSTS, BURST, AT_ONCE = 10, 10_000, 1000
RESTARTS = 20
HOUR = 3600.0


@pytest.fixture(scope="module")
def stand(crew: Processes, server: Server) -> Iterator[Stand]:
    found = Stand(crew, server.url, DEFAULT)
    found.work()
    yield found
    found.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker(stand: Stand, number: signal.Signals) -> None:
    stand.dismiss_all()
    worker = stand.work()
    stand.is_calm()
    stand.proves("no_worker", lambda: worker.signal(number), stand.work)


def test_worker_silent(stand: Stand) -> None:
    other = stand.work()
    stand.proves("worker_silent", lambda: other.signal_all(signal.SIGSTOP), lambda: other.signal_all(signal.SIGCONT))
    stand.dismiss(other)


def test_heartbeat_late(stand: Stand) -> None:
    """Its child is stopped, killed 20 s later and replaced, unless it goes on before: so it is stopped anew."""
    stand.dismiss_all()
    worker = stand.work()
    stand.is_calm()

    def stop_the_child() -> None:
        for child in worker.tree()[1:]:
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGSTOP)

    def look() -> bool:
        stop_the_child()
        return "heartbeat_late" in stand.looks[-1].codes

    began = time.monotonic()
    wait_for(look, "the verdict", within=2 * LIMITS.heartbeat + 10 + LIMITS.heartbeat)
    worker.signal_all(signal.SIGCONT)
    wait_for(lambda: not stand.looks[-1].codes, "it to go", within=15)
    assert stand.codes(since=began) == {"heartbeat_late"}


def test_nothing_is_found_where_nothing_is_wrong(stand: Stand, line: Redis) -> None:
    """Restarts in turn, bursts, a night."""
    stand.dismiss_all()
    stand.work()
    stand.is_calm()
    began = time.monotonic()
    for _ in range(RESTARTS):
        old = list(stand.workers)
        stand.work()
        for worker in old:
            stand.dismiss(worker)
    for _ in range(BURSTS):
        for _ in range(BURST // AT_ONCE):
            queues.submit(line, [prepare(t.nap, 0) for _ in range(AT_ONCE)])
        wait_for(lambda: not line.llen(keys.queue("default")), "the burst to be done", within=120)
    stand.lasts(NIGHT)
    assert stand.codes(since=began) == frozenset(), [stand.said[code] for code in stand.codes(since=began)]


def test_jobs_of_an_hour_that_nobody_waits_for(stand: Stand, line: Redis, tmp_path: Path) -> None:
    """They take every slot there is, so even heartbeats wait for an hour."""
    stand.dismiss_all()
    stand.work()
    stand.is_calm()
    began, gate = time.monotonic(), tmp_path / "gate"
    queues.submit(line, [prepare(t.wait, str(gate), timeout=2 * HOUR) for _ in range(10)])
    wait_for(lambda: line.zcard(keys.registry("wip", "default")) == 10, "them to run")
    stand.lasts(HOUR)
    assert line.zcard(keys.registry("wip", "default")) == 10
    gate.touch()
    wait_for(lambda: not line.zcard(keys.registry("wip", "default")), "them to end")
    stand.lasts(2 * LIMITS.heartbeat)
    assert stand.codes(since=began) == frozenset(), [stand.said[code] for code in stand.codes(since=began)]
