"""Jobs that kill their process, before others in a queue: those run first, and the killers fail by name."""

import pytest
from redis import Redis

from jobs import keys, prepare, queues
from tests import tasks as t
from tests.support import Processes, wait_for

KILLERS, GOOD = 4, 100


@pytest.mark.usefixtures("tasks")
def test_killers_hold_up_others_once_and_fail_by_name(client: Redis, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", JOBS_MAX_INTERRUPTIONS="2", JOBS_HEARTBEAT="60")
    worker.says("is ready")
    killers = [prepare(t.die, 9) for _ in range(KILLERS)]
    queues.submit(client, [*killers, *(prepare(t.add, 1, number) for number in range(GOOD))])
    wait_for(lambda: client.zcard(keys.registry("finished", "default")) >= GOOD, "the good ones", within=60)
    deaths = sum("job recovered" in line for line in worker.lines)
    assert KILLERS <= deaths <= KILLERS + 2, "each killer has run about once"
    wait_for(lambda: client.zcard(keys.registry("failed", "default")), "a killer to fail for good", within=120)
    assert "its child ended with code 9" in worker.says("job failed job=")
