"""The master under Sentinel is killed, or freezes and wakes as a stranger; nothing that a replica has is lost."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from redis import Redis

from jobs import RedisUnavailable, keys, queues
from jobs.address import parse
from jobs.connection import TRY_TIMEOUT, WITHIN, open_client
from jobs.scripts import NewJob
from tests.chaos import scenarios
from tests.chaos.conftest import Proof
from tests.chaos.line import Line
from tests.chaos.report import Report
from tests.chaos.scenarios import Scale
from tests.chaos.sentinel import Service, service, stranger
from tests.chaos.server import Server
from tests.support import wait_for

Scenario = Callable[[Line, Service, Scale], tuple[Report, list[str]]]


@pytest.fixture
def sentinel(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(server, tmp_path_factory.mktemp("sentinel")) as found, stranger():
        yield found


@pytest.mark.parametrize("scenario", [scenarios.sentinel_failover, scenarios.sentinel_freeze])
def test_the_master_is_lost(own_line: Line, sentinel: Service, kept: Proof, scenario: Scenario) -> None:
    report, faults = scenario(own_line, sentinel, Scale(jobs=20, kills=1, workers=2))
    kept(report)
    assert faults == []
    assert all(worker.popen.poll() is None for worker in own_line.started)


def test_a_call_that_meets_a_frozen_master_goes_on_to_the_next(own_line: Line, sentinel: Service) -> None:
    caller = open_client(parse(sentinel.url), "test", deadline=TRY_TIMEOUT, within=WITHIN)
    caller.ping()
    frozen, job = sentinel.master, own_line.job()
    frozen.signal(signal.SIGSTOP)
    wait_for(lambda: _accepts(caller, job), "the job to be accepted by the next master")
    assert sentinel.master is not frozen
    assert sentinel.master.client.exists(keys.job(job.id))


def _accepts(caller: Redis, job: NewJob) -> bool:
    """A call ends in time, or in an error with a name where the failover takes longer."""
    began = time.monotonic()
    with suppress(RedisUnavailable):
        return bool(queues.submit(caller, [job]))
    assert time.monotonic() - began < 5.5
    return False
