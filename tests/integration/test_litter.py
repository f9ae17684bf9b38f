"""What a job leaves behind: others speak on, and the worker ends in time."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from jobs import registry
from jobs.job import Job
from tests import littering_tasks as t
from tests.support import Processes, wait_for

TASKS = {"JOBS_TASKS": "tests.littering_tasks"}


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_a_thread_and_a_closed_stream_hold_up_and_silence_nobody(
    client: Redis, processes: Processes, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    monkeypatch.setenv("JOBS_TASKS", TASKS["JOBS_TASKS"])
    registry.load(("tests.littering_tasks",))
    options = ("--concurrency", "1", "--pool", pool)
    worker = processes.start("-m", "jobs", "worker", *options, JOBS_GRACE="60", **TASKS)
    worker.says("is ready")
    assert [_outcome(client, task) for task in (t.leave_thread, t.close_output)] == ["finished"] * 2
    assert _outcome(client, t.speak, "heard") == "failed"
    worker.says("ValueError: heard")
    assert "heard" in worker.lines
    worker.signal(signal.SIGTERM)
    assert worker.ends(within=6) == 0


def _outcome(client: Redis, task: Callable[..., Any], *args: Any) -> str:
    job = Job.fetch(task.enqueue(*args).id, client)  # type: ignore[attr-defined]
    wait_for(lambda: job.get_status() in ("finished", "failed"), "a job to end")
    return str(job.get_status().value)
