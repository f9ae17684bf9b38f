"""No fault, no finding: deploys, an idle night, a long job, a burst, a scheduler that goes where a keeper leads."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs import keys, prepare, queues
from jobs.health.diagnosis import Limits
from tests.battery import tasks as t
from tests.battery.stand import SHORT, Stand
from tests.support import Process, wait_for

LIMITS = Limits(float(SHORT["JOBS_HEARTBEAT"]))
IDLE = LIMITS.deploy
"""Seconds: 40 heartbeats, so longer than anything takes to show."""
BURST = 10_000


@pytest.fixture
def began(stand: Stand, worker: Process) -> Iterator[float]:
    """Since when nothing may be said."""
    stand.is_calm()
    start = time.monotonic()
    yield start
    assert stand.codes(since=start) == frozenset(), [stand.said[code] for code in stand.codes(since=start)]


@pytest.fixture(scope="module")
def worker(stand: Stand) -> Process:
    return stand.work()


def test_a_long_job_that_nobody_waits_for(stand: Stand, line: Redis, began: float, tmp_path: Path) -> None:
    """It takes every slot there is, so even heartbeats wait."""
    queues.submit(line, [prepare(t.wait, str(tmp_path / "gate")) for _ in range(10)])
    wait_for(lambda: line.zcard(keys.registry("wip", "default")) == 10, "them to run")
    stand.lasts(LIMITS.late + 3)
    (tmp_path / "gate").touch()
    wait_for(lambda: not line.zcard(keys.registry("wip", "default")), "them to end")
    stand.lasts(2)


def test_a_burst_of_ten_thousand_jobs(stand: Stand, line: Redis, began: float) -> None:
    jobs = [prepare(t.nap, 0.01) for _ in range(BURST)]
    for first in range(0, BURST, 1000):
        queues.submit(line, jobs[first : first + 1000])
    done = keys.registry("finished", "default")
    wait_for(lambda: int(line.zcard(done)) >= BURST - 1 and not line.llen(keys.queue("default")), "them", within=60)
    stand.lasts(2)


def test_a_killed_scheduler_where_a_keeper_leads_in_its_place(stand: Stand, line: Redis, began: float) -> None:
    scheduler = stand.start("-m", "jobs", "scheduler")
    scheduler.says("is ready")
    scheduler.signal(signal.SIGKILL)
    scheduler.ends()
    stand.lasts(5)


def test_rolling_restarts(stand: Stand, began: float, worker: Process) -> None:
    """New before old, as platforms do, and old before new, as a single container must."""
    other = stand.work()
    for _ in range(2):
        successor = stand.work()
        stand.dismiss(other)
        other = successor
    stand.dismiss(worker)
    for _ in range(2):
        stand.dismiss(other)
        other = stand.work()
    stand.lasts(5)


def test_an_idle_night(stand: Stand, began: float) -> None:
    stand.lasts(IDLE)
