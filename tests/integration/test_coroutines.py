"""Coroutine jobs in real workers: many at once, those that exit, hold the event loop, or do not want to end."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from redis import Redis
from rq.command import send_stop_job_command

from jobs import attempts, enqueue_many, keys, registry, settings
from jobs.job import Job
from jobs.queues import JobRef
from tests import coroutine_tasks as t
from tests import tasks as plain
from tests.support import Process, Processes, wait_for

OVER = (b"finished", b"failed", b"stopped")


@pytest.fixture(autouse=True)
def _tasks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("tests.tasks", "tests.coroutine_tasks")
    monkeypatch.setenv("JOBS_TASKS", ",".join(names))
    settings.current.cache_clear()
    registry.load(names)


@pytest.fixture
def start(processes: Processes) -> Callable[..., Process]:
    def started(**environ: str) -> Process:
        worker = processes.start("-m", "jobs", "worker", **environ)
        worker.says("is ready")
        return worker

    return started


def status(client: Redis, job: JobRef) -> str:
    return (client.hget(keys.job(job.id), "status") or b"").decode()


def runs(client: Redis, job: JobRef) -> bool:
    return status(client, job) == "started"


def over(client: Redis, *jobs: JobRef) -> Callable[[], bool]:
    return lambda: all(client.hget(keys.job(job.id), "status") in OVER for job in jobs)


def error(job: JobRef) -> str:
    return attempts(job.id)[-1].error or ""


def returned(client: Redis, job: JobRef) -> object:
    wait_for(over(client, job), "the job")
    return Job.fetch(job.id, client).return_value()


def wrote(path: Path, text: str) -> Callable[[], bool]:
    return lambda: path.exists() and text in path.read_text().splitlines()


def child_of(worker: Process) -> psutil.Process:
    return worker.running("jobs.worker.child")[0]


def test_many_run_at_once_and_take_no_threads(client: Redis, start: Callable[..., Process]) -> None:
    child = child_of(start(JOBS_CONCURRENCY="200"))
    jobs = enqueue_many(t.sleep.prepare(1.0) for _ in range(200))
    wait_for(lambda: client.zcard(keys.registry("wip", "default")) == 200, "all to run")
    assert child.num_threads() < 20
    wait_for(over(client, *jobs), "all jobs")
    seconds = [
        (attempt.ended - attempt.started).total_seconds()
        for job in jobs
        for attempt in attempts(job.id)
        if attempt.started
    ]
    assert len(seconds) == 200
    assert max(seconds) < 3.0


def test_what_would_end_an_event_loop_ends_its_job_only(client: Redis, start: Callable[..., Process]) -> None:
    start()
    before = returned(client, t.pid.enqueue())
    for how, said in {
        "exits": "SystemExit: nothing to do",
        "is interrupted": "KeyboardInterrupt",
        "exits in a task": "SystemExit: nothing to do",
        "stops the loop": "RuntimeError: the loop goes on",
    }.items():
        job = t.leave.enqueue(how)
        wait_for(over(client, job), f"a job that {how}", within=5)
        assert (status(client, job), said in error(job)) == ("failed", True), how
        assert returned(client, t.pid.enqueue()) == before


def test_a_job_that_holds_the_loop_is_ended_and_no_other_pays(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    worker = start()
    log = tmp_path / "log"
    pid = returned(client, t.pid.enqueue())
    beside = t.sleep.enqueue(1.5, timeout=3)
    wait_for(partial(runs, client, beside), "a job beside it")
    job = t.block.enqueue(str(log), 60)
    wait_for(wrote(log, f"block {pid}"), "the job to hold the loop")
    began = time.monotonic()
    behind = t.pid.enqueue()
    wait_for(over(client, job), "it to end", within=15)
    assert time.monotonic() - began < 9
    assert "because it held the event loop" in error(job)
    wait_for(over(client, beside), "the job beside it")
    assert [attempt.outcome for attempt in attempts(beside.id)] == ["interrupted", "finished"]
    assert not client.hexists(keys.job(beside.id), "interruptions")
    assert returned(client, behind) != pid
    assert any("because it holds the event loop" in line for line in worker.lines)


def test_nothing_is_settled_before_its_coroutine_is_over(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    start()
    log = tmp_path / "log"
    jobs = [t.linger.enqueue(str(log), name, 1.5, key="lane") for name in ("a", "b")]
    wait_for(over(client, *jobs), "both")
    assert log.read_text().splitlines() == ["start a", "end a", "start b", "end b"]
    assert [status(client, job) for job in jobs] == ["failed", "failed"]
    assert "longer than its timeout of 1 s" in error(jobs[0])


def test_a_coroutine_that_cannot_be_cancelled_ends_with_its_process(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    start()
    log = tmp_path / "log"
    first = t.refuse.enqueue(str(log), key="lane")
    second = t.pid.enqueue(key="lane")
    wait_for(wrote(log, "refused"), "it to refuse")
    assert status(client, second) == "deferred"
    wait_for(over(client, first, second), "both")
    assert "could not be interrupted" in error(first)


def test_a_stop_ends_any_job(client: Redis, start: Callable[..., Process], tmp_path: Path) -> None:
    start()
    slow = 6.5  # the last two cannot be interrupted, and end with their process
    for enqueue, within in (
        (partial(t.sleep.enqueue, 60), 2.0),
        (partial(plain.spin.enqueue, timeout=60), 2.0),
        (partial(t.sleep_deaf.enqueue, 60), slow),
        (partial(t.block.enqueue, str(tmp_path / "log"), 60, timeout=60), slow),
    ):
        job, beside = enqueue(), t.sleep.enqueue(1)
        wait_for(partial(runs, client, job), "the job to run")
        began = time.monotonic()
        send_stop_job_command(client, job.id)
        wait_for(over(client, job), "the job to be stopped")
        assert (status(client, job), time.monotonic() - began < within) == ("stopped", True)
        wait_for(over(client, beside), "the job beside it")
        assert status(client, beside) == "finished"
        assert not client.hexists(keys.job(beside.id), "interruptions")


def test_a_worker_that_is_told_to_end_lets_coroutines_end(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    worker = start()
    log, gate = tmp_path / "log", tmp_path / "gate"
    job = t.wait_for_file.enqueue(str(log), str(gate))
    wait_for(wrote(log, "begun"), "the job to begin")
    worker.signal(signal.SIGTERM)
    wait_for(lambda: _is_left(client, t.pid.enqueue()), "nobody to take a job")
    gate.touch()
    assert worker.ends() == 0
    assert status(client, job) == "finished"


def _is_left(client: Redis, job: JobRef) -> bool:
    """Does nobody take it within a tenth of a second?"""
    time.sleep(0.1)
    return status(client, job) == "queued"


def test_a_coroutine_finds_its_job_read(client: Redis, start: Callable[..., Process]) -> None:
    start()
    job = t.describe.enqueue()
    assert returned(client, job) == [job.id, {}]
