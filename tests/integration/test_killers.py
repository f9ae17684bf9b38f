"""Jobs that kill their process, before others in a queue: those run first, and the killers fail by name."""

import pytest
from redis import Redis

from jobs import keys, prepare, queues
from tests import tasks as t
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")
GOOD = 100


def start(processes: Processes) -> Process:
    worker = processes.start("-m", "jobs", "worker", JOBS_MAX_INTERRUPTIONS="2", JOBS_HEARTBEAT="60")
    worker.says("is ready")
    return worker


def submit(client: Redis, killers: int) -> None:
    """Those that kill first."""
    bad = [prepare(t.die, 9) for _ in range(killers)]
    queues.submit(client, [*bad, *(prepare(t.add, 1, number) for number in range(GOOD))])


def deaths(worker: Process) -> int:
    return sum("started with pid" in line for line in worker.lines) - 1


def finished(client: Redis) -> bool:
    return client.zcard(keys.registry("finished", "default")) >= GOOD


def test_killers_fail_by_name(client: Redis, processes: Processes) -> None:
    worker = start(processes)
    submit(client, 2)
    wait_for(lambda: finished(client), "the good ones", within=60)
    wait_for(lambda: client.zcard(keys.registry("failed", "default")), "a killer to fail for good", within=120)
    assert "its child ended with code 9" in worker.says("job failed job=")


def test_many_killers_hold_up_others_for_less_than_a_death_each(client: Redis, processes: Processes) -> None:
    """From the second death in a row on, all that a child had been given goes to the back."""
    worker = start(processes)
    submit(client, 40)
    wait_for(lambda: finished(client), "the good ones", within=60)
    assert deaths(worker) <= 30
