"""Processes that jobs start: they have the signals of any process, and what befalls them does not befall a child."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from jobs.job import Job
from tests import forking_tasks as t
from tests.support import ROOT, Process, Processes, wait_for

TASKS = {"JOBS_TASKS": "tests.forking_tasks"}
INTERRUPTED = (1, -signal.SIGINT)
"""How Python ends a program of a SIGINT."""


@pytest.fixture(scope="module")
def calls() -> list[tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]]:
    """What is called, and what it may return."""
    return [
        (t.use_pool, (), ([0, 2, 4],)),
        (t.terminate_process, (), (-signal.SIGTERM,)),
        (t.interrupt_fork, (), (3,)),
        (t.end_program, (signal.SIGTERM,), (-signal.SIGTERM,)),
        (t.end_program, (signal.SIGINT,), INTERRUPTED),
    ]


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_what_a_job_starts_ends_when_it_is_told_to_and_takes_nobody_along(
    client: Redis, processes: Processes, pool: str, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_TASKS", TASKS["JOBS_TASKS"])
    worker = processes.start("-m", "jobs", "worker", "--pool", pool, "--concurrency", "2", **TASKS)
    worker.says("is ready")
    children = _children(worker, 1 if pool == "thread" else 2)
    for function, arguments, right in calls * 2:
        job_id = function.enqueue(*map(int, arguments)).id
        job = Job.fetch(job_id, client)
        wait_for(partial(_is_over, job), f"{function.__name__} to end", within=30)
        assert job.return_value() in right, (function.__name__, job.latest_result().exc_string)
    assert _children(worker, len(children)) == children


def test_a_process_that_a_module_starts_while_it_is_imported_keeps_nobody_waiting(
    client: Redis, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_TASKS", TASKS["JOBS_TASKS"])
    (tmp_path / "starts.py").write_text(
        "import multiprocessing, time\n"
        "multiprocessing.get_context('fork').Process(target=time.sleep, args=(120,), daemon=True).start()\n"
    )
    environ = {"JOBS_TASKS": "starts,tests.forking_tasks", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    processes.start("-m", "jobs", "worker", **environ).says("is ready")
    job = Job.fetch(t.terminate_process.enqueue().id, client)
    wait_for(lambda: job.get_status() == "finished", "a job to run")


def _is_over(job: Job) -> bool:
    return job.get_status() in ("finished", "failed")


def _children(worker: Process, count: int) -> set[psutil.Process]:
    """The children, once there are so many."""

    def look() -> set[psutil.Process] | None:
        found = set(worker.running("jobs.worker.child"))
        return found if len(found) == count else None

    return wait_for(look, f"{count} children")
