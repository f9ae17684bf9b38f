"""What a worker says of its jobs, their locks, and itself."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rq
from redis import Redis
from rq.serializers import JSONSerializer

from jobs import keys
from tests import lock_tasks as locks
from tests import tasks as t
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("client", "tasks")

LOUD = {"JOBS_LOG_LEVELS": "job=debug,lock=debug"}
TASKS = {"JOBS_TASKS": "tests.tasks,tests.lock_tasks", "JOBS_LOG_FORMAT": "json", "JOBS_LEASE": "1.5"}

Start = Callable[..., Process]


@pytest.fixture
def start(processes: Processes) -> Start:
    def started(*arguments: str, **environ: str) -> Process:
        worker = processes.start("-m", "jobs", "worker", *arguments, **{**TASKS, **environ})
        worker.says("is ready")
        return worker

    return started


def rows(worker: Process, **fields: Any) -> list[dict[str, Any]]:
    """Lines that say this, among other things."""
    found = [json.loads(line) for line in list(worker.lines)]
    return [row for row in found if all(row.get(name) == value for name, value in fields.items())]


def one(worker: Process, **fields: Any) -> dict[str, Any]:
    return wait_for(lambda: rows(worker, **fields), f"a line with {fields}")[0]


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_a_jobs_life_is_a_line_an_event(start: Start, tmp_path: Path, pool: str) -> None:
    worker = start("--pool", pool, **LOUD)
    job = t.fail_until.enqueue(str(tmp_path / "runs"), 2, key="contact:1")
    last = one(worker, job=job.id, message="job finished")
    told = rows(worker, job=job.id)
    assert [(row["level"], row["message"], row["attempt"]) for row in told] == [
        ("info", "job started", 1),
        ("warning", "job retried", 1),
        ("info", "job started", 2),
        ("info", "job finished", 2),
    ]
    assert (told[1]["error"], told[1]["again_in"]) == ("RuntimeError: run 1 of 2", pytest.approx(1, abs=0.2))
    known = {name: last[name] for name in ("logger", "task", "queue", "key")}
    assert known == {
        "logger": "signalbox.job",
        "task": "tests.tasks.fail_until",
        "queue": "default",
        "key": "contact:1",
    }
    assert last["worker"].startswith("worker-")
    assert 0 <= last["seconds"] < 5


def test_what_plain_rq_was_given_is_not_told(start: Start, client: Redis) -> None:
    worker = start(**LOUD)
    job = rq.Queue("default", connection=client, serializer=JSONSerializer).enqueue(
        "tests.tasks.add", "hunter2", "-secret"
    )
    assert one(worker, job=job.id, message="job finished")["task"] == "tests.tasks.add"
    assert "hunter2" not in "\n".join(worker.lines)


def test_only_what_went_wrong_is_told_by_itself(start: Start, client: Redis) -> None:
    worker = start()
    done, failed = t.add.enqueue(1, 2), t.fail.enqueue()
    line = one(worker, job=failed.id)
    assert (line["message"], line["attempt"], line["error"]) == ("job failed", 1, "ValueError: as asked")
    wait_for(lambda: client.hget(keys.job(done.id), "status") == b"finished", "the other to end")
    assert rows(worker, job=done.id) == []
    assert len(rows(worker, job=failed.id)) == 1


def test_what_snoozes_says_why_and_until_when(start: Start, tmp_path: Path) -> None:
    worker = start(**LOUD)
    job = t.snooze_until.enqueue(str(tmp_path / "runs"), 2, 0.5)
    one(worker, job=job.id, message="job finished", attempt=1)
    line = one(worker, job=job.id, message="job snoozed")
    assert (line["attempt"], line["again_in"]) == (1, 0.5)


def test_progress_is_told_at_debug(start: Start, tmp_path: Path) -> None:
    worker = start(**LOUD)
    t.climb.enqueue(str(tmp_path / "gate"))
    line = one(worker, message="job progress")
    assert (line["level"], line["share"], line["text"]) == ("debug", 0.4, "resizing")
    (tmp_path / "gate").touch()
    one(worker, message="job finished")


def test_a_recovered_job_is_told_with_what_became_of_its_child(start: Start, tmp_path: Path) -> None:
    worker = start()
    log = tmp_path / "log"
    job = locks.hold.enqueue("thread:abc", str(log), "run-1", str(tmp_path / "never"))
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"), "it to say where it runs")
    [*_, pid] = log.read_text().split()
    os.kill(int(pid), signal.SIGKILL)
    line = one(worker, job=job.id, message="job recovered")
    assert (line["level"], line["task"]) == ("warning", "tests.lock_tasks.hold")
    assert line["note"] == "its child ended by SIGKILL"


def test_a_job_whose_own_process_died_is_told_with_how_it_ended(start: Start) -> None:
    worker = start("--pool", "process", **LOUD)
    job = t.die.enqueue(7)
    line = one(worker, job=job.id, message="job recovered")
    assert (line["level"], line["task"]) == ("warning", "tests.tasks.die")
    assert line["note"] == "its child ended with code 7"
    assert one(worker, job=job.id, message="job started")["attempt"] == 1


def test_a_lock_tells_its_steps_and_whose_job_they_are(start: Start, tmp_path: Path) -> None:
    worker = start(**LOUD)
    first = locks.hold.enqueue("thread:abc", str(tmp_path / "log"), "run-1", str(tmp_path / "gate"), 1.0)
    one(worker, message="lock renewed", lock="thread:abc")
    second = locks.hurry.enqueue("thread:abc", str(tmp_path / "log"))
    assert one(worker, message="lock busy", job=second.id)["holder"] == first.id
    (tmp_path / "gate").touch()
    last = one(worker, message="lock released", job=first.id)
    assert last["seconds"] > 0
    steps = [row["message"] for row in rows(worker, logger="signalbox.lock", job=first.id)]
    assert steps == ["lock acquired", "lock noted", "lock released"]
    assert one(worker, message="lock noted", run="run-1")["token"] == last["token"]


def test_a_worker_says_at_intervals_how_it_goes(start: Start) -> None:
    worker = start(JOBS_HEARTBEAT="0.5")
    t.fail.enqueue()
    line = wait_for(
        lambda: next((row for row in rows(worker, logger="signalbox.worker") if row.get("failed")), None),
        "a heartbeat that counts the failure",
    )
    assert line["message"].endswith(" heartbeat")
    assert (line["failed"], line["running"], line["waiting"]) == (1, 0, {"default": 0})
    assert line["processed"] >= 1
    assert line["uptime"] >= 0


def test_whoever_enqueues_is_told_when_asked_to(processes: Processes) -> None:
    environ = {**TASKS, **LOUD}
    sender = processes.start("-m", "jobs", "enqueue", "tests.tasks.add", "1", "2", **environ)
    assert sender.ends() == 0
    program = (
        "import tests.tasks; from jobs import enqueue, logs, settings; logs.setup(settings.current());"
        "enqueue('tests.tasks.greet', 7, job_id='a', delay=5); enqueue('tests.tasks.greet', 7, job_id='a')"
    )
    app = processes.start("-c", program, **environ)
    assert app.ends() == 0
    first, again = rows(app, message="job enqueued", job="a")
    assert (first["task"], first["queue"], first["key"], first["delay"]) == (
        "tests.tasks.greet",
        "default",
        "contact:7",
        5,
    )
    assert again["note"] == "it was there"
