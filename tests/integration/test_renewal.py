"""A child is replaced by a new one, and nobody is charged, interrupted or kept waiting for it."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs import history, keys, registry
from jobs.job import Job
from tests import leaky_tasks as t
from tests.support import ROOT, Processes, wait_for

TASKS = {"JOBS_TASKS": "tests.leaky_tasks"}


@pytest.fixture(autouse=True)
def _tasks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_TASKS", TASKS["JOBS_TASKS"])
    registry.load(("tests.leaky_tasks",))


def result(client: Redis, job: Any, within: float = 30.0) -> Any:
    """What a job returned, once it is over; None where it failed."""
    found = Job.fetch(job.id, client)
    wait_for(lambda: found.get_status() in ("finished", "failed"), f"job {job.id} to end", within)
    return found.return_value()


def test_a_child_that_has_run_enough_jobs_is_replaced(client: Redis, processes: Processes, tmp_path: Path) -> None:
    worker = processes.start("-m", "jobs", "worker", "--concurrency", "3", JOBS_MAX_JOBS="5", **TASKS)
    worker.says("is ready")
    log, gate = tmp_path / "log", tmp_path / "gate"
    long = t.wait_for_file.enqueue(str(gate))
    first = result(client, t.where.enqueue())
    jobs = [t.where.enqueue(str(log), 0.05) for _ in range(60)]
    assert None not in [result(client, job) for job in jobs]
    wait_for(lambda: result(client, t.where.enqueue()) != first, "another child to run jobs")
    assert worker.says("is to take the place of").endswith("jobs")
    gate.touch()
    assert result(client, long) == first, "a job that runs when its child is to leave ends there"
    assert not [line for line in worker.lines if "WARNING" in line or "ERROR" in line]
    for job in (long, *jobs):
        assert client.hmget(keys.job(job.id), "interruptions", "shared", "suspect") == [None] * 3
    assert len(log.read_text().split()) == 60


def test_a_child_that_takes_too_much_memory_is_replaced(client: Redis, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", "--concurrency", "2", JOBS_MAX_MEMORY="200MB", **TASKS)
    worker.says("is ready")
    fat = result(client, t.hog.enqueue(200))
    worker.says("MiB of memory")
    wait_for(lambda: result(client, t.where.enqueue()) != fat, "another child to run jobs")


def test_a_child_whose_heir_cannot_import_goes_on(client: Redis, processes: Processes, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (tmp_path / "breaks_later.py").write_text(f"import os\nassert not os.path.exists({str(broken)!r})\n")
    environ = {"JOBS_TASKS": "tests.leaky_tasks,breaks_later", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    worker = processes.start("-m", "jobs", "worker", "--concurrency", "2", JOBS_MAX_JOBS="3", **environ)
    worker.says("is ready")
    broken.touch()
    pids = {result(client, t.where.enqueue()) for _ in range(4)}
    worker.says("was not ready")
    assert pids == {result(client, t.where.enqueue())}


def test_a_child_that_can_open_no_more_files_is_replaced_and_loses_nothing(client: Redis, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", "--concurrency", "2", JOBS_HEARTBEAT="1", **TASKS)
    worker.says("is ready")
    first = result(client, t.open_file.enqueue())
    leak = t.leak_files.enqueue(80)
    assert result(client, leak) is None
    for kind in ("normal", "pubsub"):
        client.client_kill_filter(_type=kind, skipme=True)
    worker.says("it can open no more files")
    wait_for(lambda: result(client, t.open_file.enqueue()) not in (None, first), "jobs to run in another child")
    wait_for(lambda: history.read(client, "1h", task="tests.leaky_tasks.leak_files").total.failed == 1, "its count")
    assert not [line for line in worker.lines if "Traceback" in line or "Exception in thread" in line]
