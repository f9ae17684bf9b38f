"""Moving from RQ: what its own workers leave behind when they are killed, and what its tools then see of ours."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rq
from redis import Redis
from rq.executions import Execution
from rq.suspension import suspend

from jobs import gates, keys, scripts
from jobs.health import heartbeat
from jobs.health.diagnosis import Limits, diagnose
from jobs.health.snapshot import read
from tests import tasks as t
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")
NAME = "theirs"
JSON = "rq.serializers.JSONSerializer"


@pytest.fixture
def queue(client: Redis) -> rq.Queue:
    return rq.Queue("default", connection=client, serializer="json")


def codes(client: Redis) -> set[str]:
    return {finding.code for finding in diagnose(read(client, ["default"], 0), Limits(heartbeat=15))}


def rq_worker(url: str, processes: Processes) -> Process:
    return processes.start("-m", "rq.cli", "worker", "default", "--url", url, "--name", NAME, "--serializer", JSON)


def is_late(client: Redis) -> None:
    """As if its worker had said nothing for a minute: RQ gives its key 90 s."""
    client.expire(keys.worker(NAME), 30)


def test_a_job_whose_rq_worker_was_killed_is_named_and_then_runs_again_and_what_depends_on_it_too(
    url: str, client: Redis, queue: rq.Queue, processes: Processes, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = queue.enqueue(t.climb, str(gate))
    dependent = queue.enqueue(t.add, 1, 2, depends_on=job)
    theirs = rq_worker(url, processes)
    wait_for(lambda: job.get_status() == "started", "RQ to run it")
    processes.start("-m", "jobs", "worker").says("is ready")
    wait_for(lambda: codes(client) == {"foreign_worker"}, "a living worker of RQ's to be named")
    theirs.signal_all(signal.SIGKILL)
    wait_for(lambda: codes(client) == {"abandoned_job"}, "the job to be named, and the dead worker no more")
    gate.touch()
    is_late(client)
    wait_for(lambda: (job.get_status(), dependent.get_status()) == ("finished", "finished"), "both to run")
    assert codes(client) == set()
    first, second = [result.worker_name for result in reversed(job.results())]
    assert (first, second != NAME) == (NAME, True)


def test_a_burst_ends_when_its_queues_are_empty_and_all_that_follows_has_run(
    client: Redis, queue: rq.Queue, processes: Processes, tmp_path: Path
) -> None:
    first = queue.enqueue(t.note, str(tmp_path / "notes"), "first", 1.2)
    others = [queue.enqueue(t.add, n, n) for n in range(20)]
    last = queue.enqueue(t.add, 1, 2, depends_on=first)
    assert processes.start("-m", "jobs", "worker", "--burst").ends(30) == 0
    assert {job.get_status() for job in (first, *others, last)} == {"finished"}
    assert client.zcard(keys.LEASES) == 0


@pytest.mark.parametrize("how", ["paused", "suspended"])
def test_a_burst_ends_before_a_queue_that_is_closed(
    client: Redis, queue: rq.Queue, processes: Processes, how: str
) -> None:
    """As RQ's worker does while its workers are suspended."""
    shut = rq.Queue("shut", connection=client, serializer="json")
    left, done = shut.enqueue(t.add, 1, 2), queue.enqueue(t.add, 1, 2)
    if how == "paused":
        gates.pause(client, "shut")
    else:
        suspend(client)
    worker = processes.start("-m", "jobs", "worker", "default", "shut", "--burst")
    assert worker.ends(30) == 0
    assert worker.says("the burst is over; jobs are left in what is paused or suspended: ").endswith("shut")
    assert left.get_status() == "queued"
    assert done.get_status() == ("finished" if how == "paused" else "queued")


def test_what_was_pickled_before_the_move_to_json_is_read_by_a_setting_alone(
    client: Redis, queue: rq.Queue, processes: Processes
) -> None:
    pickled = rq.Queue("default", connection=client)
    before, after = pickled.enqueue(t.add, 1, 2, meta={"from": "before"}), queue.enqueue(t.add, 3, 4)
    worker = processes.start("-m", "jobs", "worker", "--burst", JOBS_READ_PICKLE="1")
    assert worker.ends(30) == 0
    assert [job.get_status() for job in (before, after)] == ["finished", "finished"]
    refused = pickled.enqueue(t.add, 1, 2)
    assert processes.start("-m", "jobs", "worker", "--burst").ends(30) == 0
    assert refused.get_status() == "failed"


class TestWhatRqsToolsSee:
    """Of a worker of ours."""

    @pytest.fixture
    def worker(self, tasks: None, url: str, processes: Processes) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")

    @staticmethod
    def seen(client: Redis) -> tuple[str, str | None, int]:
        """Its state, its current job and how many it runs, as a tool of RQ's reads them."""
        [found] = rq.Worker.all(connection=client)
        return found.get_state(), found.get_current_job_id(), len(found.get_current_executions(refresh=True))

    def test_a_job_that_runs_for_a_second_is_its_current_one(
        self, worker: None, url: str, client: Redis, tmp_path: Path
    ) -> None:
        gate = tmp_path / "gate"
        wait_for(lambda: self.seen(client) == ("idle", None, 0), "it to be idle")
        long = t.climb.enqueue(str(gate))
        wait_for(lambda: self.seen(client) == ("busy", long.id, 1), "it to be busy")
        [theirs] = rq.Worker.all(connection=client)
        [execution] = theirs.get_current_executions()
        assert execution.job_id == long.id
        assert execution.worker_name == theirs.name
        assert (execution.last_heartbeat - execution.created_at).total_seconds() >= 1
        assert "busy" in rq_info(url)
        gate.touch()
        wait_for(lambda: self.seen(client) == ("idle", None, 0), "it to be idle again")

    def test_a_short_job_costs_no_command_more(self, client: Redis) -> None:
        """The tick tells of it, once a second."""
        scripts.tick(client, "w", (), lease=60, leader_lease=10, survives=1, why=b"", busy=True)
        assert not list(client.scan_iter(f"{keys.PREFIX}:execution:*"))

    def test_a_heartbeat_that_waits_is_rqs_to_count_and_not_ours(self, url: str, client: Redis) -> None:
        heartbeat.send(client, "default")
        [view] = read(client, ["default"], 0).queues
        assert (view.waiting, view.active) == (0, 0)
        assert gates.empty(client, "default").removed == 0
        assert "queue default 1, 0 executing" in rq_info(url, "--raw")


def rq_info(url: str, *more: str) -> str:
    done = [sys.executable, "-m", "rq.cli", "info", "--url", url, *more]
    return subprocess.run(done, check=True, capture_output=True, text=True, timeout=20).stdout


class TestWhatRqsWorkersRun:
    """By the tick alone."""

    @pytest.fixture
    def job(self, client: Redis, queue: rq.Queue) -> rq.job.Job:
        """One that an RQ worker has begun, as it writes it."""
        job = queue.enqueue(t.add, 1, 2)
        client.delete(queue.key)
        client.sadd(keys.WORKERS, keys.worker(NAME))
        client.hset(keys.worker(NAME), "queues", "default")
        client.expire(keys.worker(NAME), 90)
        with client.pipeline() as pipeline:
            Execution.create(job, ttl=90, pipeline=pipeline, worker_name=NAME)
            job.prepare_for_execution(NAME, pipeline=pipeline)
            pipeline.execute()
        assert job.get_status() == "started"
        return job

    @staticmethod
    def tick(client: Redis, survives: int = 10) -> list[str]:
        return scripts.tick(client, "w", (), lease=60, leader_lease=10, survives=survives, why=b"").recovered

    def test_what_a_living_worker_runs_is_left_to_it(self, client: Redis, job: rq.job.Job) -> None:
        client.expire(keys.worker(NAME), 32)
        assert self.tick(client) == []
        assert job.get_status() == "started"

    def test_it_goes_back_once_its_worker_has_said_nothing_for_a_minute(self, client: Redis, job: rq.job.Job) -> None:
        is_late(client)
        assert self.tick(client) == [job.id]
        assert (job.get_status(), client.lrange(keys.queue("default"), 0, -1)) == ("queued", [job.id.encode()])
        assert client.zcard(keys.registry("wip", "default")) == 0

    def test_it_goes_back_once_rqs_own_time_for_it_is_over(self, client: Redis, job: rq.job.Job) -> None:
        [execution] = client.zrange(keys.registry("wip", "default"), 0, -1)
        client.zadd(keys.registry("wip", "default"), {execution.decode(): 1})
        assert self.tick(client) == [job.id]

    def test_one_that_is_lost_again_and_again_fails_by_name(self, client: Redis, job: rq.job.Job) -> None:
        is_late(client)
        assert self.tick(client, survives=0) == []
        assert (job.get_status(), client.lrange(keys.queue("default"), 0, -1)) == ("failed", [])

    def test_what_is_over_leaves_the_registry_and_is_not_run_again(self, client: Redis, job: rq.job.Job) -> None:
        is_late(client)
        job.set_status(rq.job.JobStatus.FINISHED)
        assert self.tick(client) == []
        assert client.zcard(keys.registry("wip", "default")) == 0

    def test_a_registry_of_another_type_holds_up_no_other_queue(self, client: Redis, job: rq.job.Job) -> None:
        is_late(client)
        for name in ("a", "z"):
            client.sadd(keys.QUEUES, keys.queue(name))
            client.set(keys.registry("wip", name), "junk")
        assert self.tick(client) == [job.id]

    def test_after_an_outage_every_worker_has_a_minute_to_speak_again(self, client: Redis, job: rq.job.Job) -> None:
        is_late(client)
        client.set(keys.TICKED, client.time()[0] - 600)
        assert self.tick(client) == []
        assert int(client.ttl(keys.worker(NAME))) > 80
        assert job.get_status() == "started"
