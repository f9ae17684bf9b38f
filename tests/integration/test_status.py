"""``python -m jobs status``: what waits, who works on what, and what is wrong."""

import re
import signal
from pathlib import Path

import pytest
from redis import Redis

from jobs import keys, queues
from tests import tasks as work
from tests.support import Process, Processes, wait_for

STATUS = ("-m", "jobs", "status")
SECRET = "hunter2-secret"


def shown(processes: Processes, *arguments: str, code: int = 0, **environ: str) -> str:
    process = processes.start(*STATUS, *arguments, **environ)
    assert process.ends() == code, process.lines
    return "\n".join(process.lines)


def row(text: str, first: str) -> list[str]:
    """The cells of the row that begins so."""
    return re.split(r" {2,}", next(line for line in text.splitlines() if line.startswith(first)).strip())


@pytest.fixture
def busy(url: str, client: Redis, tasks: None, processes: Processes, tmp_path: Path) -> Process:
    """A worker with one slot: one job runs, two wait, and one that is due much later."""
    worker = processes.start("-m", "jobs", "worker", "default", JOBS_CONCURRENCY="1", JOBS_HEARTBEAT="60")
    worker.says(" is ready")
    log = tmp_path / "log"
    running = work.note.enqueue(str(log), SECRET, seconds=60, job_id="the-first-job")
    wait_for(lambda: running.fetch().get_status() == "started", "it to run")
    queues.enqueue_many(work.note.prepare(str(log), SECRET, job_id=f"waits-{number}") for number in range(2))
    work.note.enqueue(str(log), SECRET, delay=3600)
    return worker


def test_queues_workers_and_what_they_do(busy: Process, url: str, processes: Processes) -> None:
    text = wait_for(lambda: found if "the-first-jo…" in (found := shown(processes)) else None, "it to be told of")
    counts = row(text, "default")
    assert counts[:7] == ["default", "2", "1", "0", "1", "0", "0"]
    assert counts[8:] == ["1 worker", "tests.tasks.note waits-0"]
    worker = row(text, "worker-")
    assert worker[1:4] == ["ready", "1/1", "default"]
    assert re.fullmatch(r"tests\.tasks\.note the-first-jo… for \d+ s", worker[4])
    assert f"{url}, prefix rq, fingerprint " in text
    assert "✓ nothing is known to be wrong" in text


def test_no_argument_is_ever_shown(busy: Process, processes: Processes) -> None:
    text = shown(processes)
    assert "tests.tasks.note waits-0" in text
    assert SECRET not in text


def test_jobs_that_a_stranger_pickled_are_not_read(busy: Process, client: Redis, processes: Processes) -> None:
    client.hset(
        keys.job("waits-0"), mapping={"data": b"\x80\x04cos\nsystem\n", "description": f"shop.send('{SECRET}')"}
    )
    text = shown(processes, code=1)
    assert "shop.send waits-0" in text
    assert SECRET not in text


def test_one_queue_alone(busy: Process, client: Redis, tasks: None, processes: Processes) -> None:
    work.add.enqueue(1, 2, queue="other")
    client.sadd(keys.PAUSED, "other", "default")
    text = shown(processes, "other")
    assert row(text, "other")[:2] == ["other", "1"]
    assert "paused" in text
    assert "no worker" in text
    assert "queue_paused: 'other'" in text
    assert "'default'" not in text
    assert "What to do: Let it go on with: python -m jobs resume other" in text


def test_a_job_that_waits_where_nobody_works_is_no_good_news(
    url: str, client: Redis, tasks: None, processes: Processes
) -> None:
    """However short a time the server has been up."""
    work.add.enqueue(1, 2)
    text = shown(processes, code=1, REDISHOST="10.0.0.1")
    assert "no_worker: No worker is alive, so no job runs (1 pending)" in text
    assert "What to do: Start one with: python -m jobs worker" in text
    assert "nothing is known to be wrong" not in text
    assert "! REDISHOST points to redis://10.0.0.1:6379/0, but REDIS_URL, which is used, to " in text


def test_watching_goes_on_through_an_outage_and_ends_when_told(client: Redis, processes: Processes) -> None:
    process = processes.start(*STATUS, "--watch")
    process.says("first queued job")
    client.set(keys.SUSPENDED, 1)
    process.says("worker_suspended: All workers are suspended")
    client.config_set("requirepass", "another")
    try:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        process.says("redis_unreachable: Redis refuses the user name or password")
    finally:
        client.config_set("requirepass", "")
    client.sadd(keys.PAUSED, "default")
    process.says("queue_paused: 'default' is paused")
    process.signal(signal.SIGINT)
    assert process.ends() == 0


def test_a_terminal_is_redrawn(url: str, processes: Processes, client: Redis) -> None:
    process = processes.start(*STATUS, "--watch", FORCE_COLOR="1", TERM="xterm", COLUMNS="150")
    process.says("first queued job")
    client.sadd(keys.PAUSED, "default")
    process.says("queue_paused")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    assert "\x1b[?1049h" in "\n".join(process.lines)  # the screen that a terminal keeps apart


def test_without_redis_it_is_one_line(processes: Processes) -> None:
    process = processes.start(*STATUS, REDIS_URL="redis://127.0.0.1:1/0")
    assert process.ends() == 2
    assert "does not answer" in process.lines[-1]
