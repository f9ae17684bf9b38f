"""Jobs that kill their process: others are not held up, and those that kill run apart and fail by name."""

import time

import pytest
from redis import Redis

from jobs import catalog, gates, keys, prepare, queues, scripts
from jobs.catalog import Filter
from jobs.health.snapshot import read
from jobs.scripts import NewJob
from tests import tasks as t
from tests.support import Process, Processes, is_alive, wait_for

pytestmark = pytest.mark.usefixtures("tasks")
KILLERS, GOOD = 60, 200
APART = "for jobs whose process has died before"


def start(processes: Processes, *arguments: str) -> Process:
    worker = processes.start("-m", "jobs", "worker", *arguments, JOBS_MAX_INTERRUPTIONS="2", JOBS_HEARTBEAT="60")
    worker.says("is ready")
    return worker


def submit(client: Redis, *jobs: NewJob) -> list[str]:
    return [job.id for job in queues.submit(client, list(jobs))]


def status(client: Redis, job_id: str) -> str:
    return (client.hget(keys.job(job_id), "status") or b"gone").decode()


def suspect(client: Redis, *jobs: NewJob) -> list[str]:
    """Jobs that have brought a process down more than once."""
    found = submit(client, *jobs)
    for job_id in found:
        client.hset(keys.job(job_id), mapping={"suspect": "blamed", "shared": 2})
    return found


def pid_apart(worker: Process) -> int:
    """The process that runs what has brought one down before."""
    return int(worker.says(APART).split("pid ")[1].split(",")[0])


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_many_killers_hold_up_others_for_seconds_and_fail_by_name(
    client: Redis, processes: Processes, pool: str
) -> None:
    """Not for a death each: what a process held that died as the one before it did runs apart."""
    worker = start(processes, "--pool", pool)
    submit(client, *(prepare(t.die, 9) for _ in range(KILLERS)), *(prepare(t.add, 1, n) for n in range(GOOD)))
    finished = keys.registry("finished", "default")
    wait_for(lambda: client.zcard(finished) >= GOOD, "the good ones", within=60)
    worker.says(APART, within=60)
    assert "its child ended with code 9" in worker.says("job failed job=", within=120)


def test_what_runs_apart_holds_up_nobody_and_its_child_ends_after_it(client: Redis, processes: Processes) -> None:
    [slow] = suspect(client, prepare(t.note, "/dev/null", "slow", 4.0))
    worker = start(processes)
    wait_for(lambda: status(client, slow) == "started", "the suspect to run", within=30)
    began = time.monotonic()
    good = submit(client, *(prepare(t.add, 1, number) for number in range(20)))
    wait_for(lambda: all(status(client, job) == "finished" for job in good), "the good ones")
    assert time.monotonic() - began < 2
    assert status(client, slow) == "started"
    wait_for(lambda: not is_alive(pid_apart(worker)), "its child to end", within=30)
    assert status(client, slow) == "finished"


def test_a_killer_that_heads_its_lane_lets_it_go_on_when_it_has_failed(client: Redis, processes: Processes) -> None:
    head, after = submit(client, prepare(t.die, 9, key="k"), prepare(t.add, 1, 2, key="k"))
    start(processes)
    wait_for(lambda: status(client, head) == "failed", "the killer to fail", within=60)
    wait_for(lambda: status(client, after) == "finished", "the next of its lane", within=30)


class TestWhatWaitsApart:
    """A claim by a child that runs them not has moved two out of their queue."""

    @pytest.fixture
    def waiting(self, client: Redis) -> list[str]:
        found = suspect(client, prepare(t.add, 1, 1), prepare(t.add, 2, 2))
        scripts.grant(client, "w.1", 60)
        assert scripts.claim(client, "w", "w.1", ["default"], 5) == []
        assert client.llen(keys.queue("default")) == 0
        return found

    def test_it_is_counted_and_listed_with_its_queue(self, client: Redis, waiting: list[str]) -> None:
        assert gates.waiting(client, "default") == 2
        [view] = [queue for queue in read(client, ["default"], 0).queues if queue.name == "default"]
        assert (view.waiting, set(view.waiting_ids)) == (2, set(waiting))
        assert {job.id for job in catalog.page(client, Filter(states=frozenset({"queued"}))).jobs} == set(waiting)

    def test_it_is_canceled_and_emptied_with_its_queue(self, client: Redis, waiting: list[str]) -> None:
        assert scripts.cancel(client, waiting[:1]) == [True]
        assert client.lrange(keys.suspects("default"), 0, -1) == [waiting[1].encode()]
        assert gates.empty(client, "default").removed == 1
        assert not client.exists(keys.suspects("default"))

    def test_no_keeper_looks_after_it_while_its_queue_is_closed(self, client: Redis, waiting: list[str]) -> None:
        assert waiting
        assert self._suspected(client) == ["default"]
        gates.pause(client, "default")
        assert self._suspected(client) == []
        gates.resume(client, "default")
        client.set(keys.SUSPENDED, 1)
        assert self._suspected(client) == []

    @staticmethod
    def _suspected(client: Redis) -> list[str]:
        return scripts.tick(client, "w", [], lease=60, leader_lease=10, survives=10, why=b"").suspected
