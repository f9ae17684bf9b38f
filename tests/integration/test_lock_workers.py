"""Locks inside jobs, in real workers that are killed, stopped and kept busy."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from jobs import active_run, holder, is_locked, keys, lock, registry, settings
from jobs.job import Job
from jobs.queues import JobRef
from tests import lock_tasks as locks
from tests import tasks as t
from tests.support import Process, Processes, wait_for

NAME = "thread:abc"
SHORT = {"JOBS_LEASE": "1.5"}
"""A worker is lost after this long."""
HOLDER = f"""
from jobs import lock
with lock({NAME!r}, ttl=1) as lease:
    print("taken", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _tasks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("tests.tasks", "tests.lock_tasks")
    monkeypatch.setenv("JOBS_TASKS", ",".join(names))
    settings.current.cache_clear()
    registry.load(names)


@pytest.fixture
def start(processes: Processes) -> Callable[..., Process]:
    def started(*arguments: str) -> Process:
        worker = processes.start("-m", "jobs", "worker", *arguments, **SHORT)
        worker.says("is ready")
        return worker

    return started


def field(client: Redis, job: JobRef, name: str) -> str:
    return (client.hget(keys.job(job.id), name) or b"").decode()


def is_(client: Redis, job: JobRef, status: str) -> Callable[[], bool]:
    return lambda: field(client, job, "status") == status


def lines(log: Path, word: str) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines() if line.startswith(word)] if log.exists() else []


def hold(client: Redis, folder: Path, until: str = "never", ttl: float = 300.0) -> JobRef:
    """A job that has the lock, and runs."""
    job = locks.hold.enqueue(NAME, str(folder / "log"), "run-1", str(folder / until), ttl)
    wait_for(lambda: active_run(NAME), "the job to have its lock")
    return job


def test_a_killed_worker_loses_its_lock_with_its_job(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    worker = start()
    job = hold(client, tmp_path)
    first = holder(NAME)
    assert first
    assert (first.job, client.ttl(keys.lock(NAME)) > 290) == (job.id, True)
    worker.signal_all(signal.SIGKILL)
    start()
    wait_for(lambda: len(lines(tmp_path / "log", "in")) == 2, "the next run to have the lock", within=7.5)
    second = holder(NAME)
    assert second
    assert second.token > first.token
    assert field(client, job, "snoozes") == "", "the job waited for its own lock"


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_a_process_that_dies_in_its_lock_frees_it(
    client: Redis, start: Callable[..., Process], tmp_path: Path, pool: str
) -> None:
    start("--pool", pool)
    hold(client, tmp_path)
    [*_, holding] = wait_for(lambda: lines(tmp_path / "log", "in"), "it to say where it runs")[0]
    os.kill(int(holding), signal.SIGKILL)
    wait_for(lambda: len(lines(tmp_path / "log", "in")) == 2, "the next run to have the lock")


def test_a_worker_that_was_frozen_past_its_lease_does_nothing_to_the_next_holder(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    frozen = start()
    hold(client, tmp_path, "free")
    frozen.signal_all(signal.SIGSTOP)
    start()
    wait_for(lambda: len(lines(tmp_path / "log", "in")) == 2, "the next run to have the lock")
    second = holder(NAME)
    frozen.signal_all(signal.SIGCONT)
    frozen.says("has lost its lease")
    assert holder(NAME) == second
    (tmp_path / "free").touch()
    wait_for(lambda: not is_locked(NAME), "the next run to end")


def test_a_holder_that_was_frozen_past_its_ttl_does_nothing_to_the_next_one(processes: Processes) -> None:
    frozen = processes.start("-c", HOLDER.replace("input()", "import time; time.sleep(lease.period); lease.check()"))
    frozen.says("taken")
    frozen.signal(signal.SIGSTOP)
    with lock(NAME, wait=20, retry_delay=0.1) as lease:
        frozen.signal(signal.SIGCONT)
        assert frozen.ends() == 1
        frozen.says("LockLost")
        lease.check()


def test_a_busy_lock_snoozes_its_job_and_the_worker_runs_others(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    start("--concurrency", "1")
    with lock(NAME):
        job = locks.hold.enqueue(NAME, str(tmp_path / "log"), "run-1", str(tmp_path), 300.0)
        wait_for(is_(client, job, "scheduled"), "the job to snooze")
        due = client.zscore(keys.registry("scheduled", "default"), job.id)
        assert due
        assert due - client.time()[0] <= 3
        other = t.add.enqueue(1, 2)
        wait_for(is_(client, other, "finished"), "another job meanwhile")
        assert is_(client, job, "scheduled")()
    wait_for(is_(client, job, "finished"), "the job")
    assert (field(client, job, "snoozes"), field(client, job, "number_of_retries")) == ("1", "")
    assert len(Job.fetch(job.id, client).results()) == 1


def test_a_lock_that_stays_busy_fails_its_job_in_the_end(
    client: Redis, start: Callable[..., Process], tmp_path: Path
) -> None:
    start()
    with lock(NAME):
        job = locks.hurry.enqueue(NAME, str(tmp_path / "log"))
        wait_for(is_(client, job, "failed"), "the job to give up")
    assert lines(tmp_path / "log", "") == [["try"], ["try"]]
    latest = Job.fetch(job.id, client).latest_result()
    assert latest
    assert "LockBusy: lock 'thread:abc' is held by" in (latest.exc_string or "")


def test_a_slow_job_keeps_its_lock_beyond_its_ttl(client: Redis, start: Callable[..., Process], tmp_path: Path) -> None:
    start()
    job = hold(client, tmp_path, "free", ttl=0.5)
    second = locks.hold.enqueue(NAME, str(tmp_path / "log"), "run-2", str(tmp_path), 0.5)
    wait_for(lambda: field(client, second, "snoozes") == "2", "the second to try twice, 2 s apart")
    assert active_run(NAME) == "run-1"
    (tmp_path / "free").touch()
    wait_for(is_(client, job, "finished"), "the first")
    wait_for(is_(client, second, "finished"), "the second")
    (_, _, first_token, _), (_, _, second_token, _) = lines(tmp_path / "log", "in")
    assert int(second_token) > int(first_token)


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_a_coroutine_has_its_jobs_locks(client: Redis, start: Callable[..., Process], pool: str) -> None:
    start("--pool", pool)
    job = locks.hold_in_coroutine.enqueue(NAME)
    wait_for(is_(client, job, "finished"), "the job")
    assert job.fetch().return_value() == [job.id, job.id]
