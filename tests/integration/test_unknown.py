"""A job that comes before the code that knows its task waits for that, and is nobody's failure meanwhile."""

import json
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from jobs import Retry, attempts, catalog, keys, queues, scripts
from jobs.health import snapshot
from jobs.health.diagnosis import Finding, Limits, diagnose
from jobs.queues import JobRef
from tests import tasks as work
from tests.battery import tasks as old
from tests.support import Process, Processes, wait_for

OLD, NEW = "tests.battery.tasks", "tests.tasks,tests.battery.tasks"
WAITS = [b"tests.tasks.note"]


def start(processes: Processes, tasks: str, **environ: str) -> Process:
    worker = processes.start("-m", "jobs", "worker", JOBS_TASKS=tasks, JOBS_HEARTBEAT="1", **environ)
    worker.says(" is ready")
    return worker


def parked(client: Redis) -> list[bytes]:
    return cast(list[bytes], client.zrange(keys.UNKNOWN, 0, -1))


def findings(client: Redis) -> list[Finding]:
    return diagnose(snapshot.read(client, ("default",), 0), Limits(1))


def levels_of(event: str, worker: Process) -> list[str]:
    lines = [json.loads(line) for line in list(worker.lines) if event in line]
    return [str(line["level"]).upper() for line in lines]


def begun(path: Path) -> list[str]:
    """What jobs have noted that began, in that order."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.removeprefix("start ") for line in lines if line.startswith("start ")]


def test_it_runs_in_its_order_once_a_worker_knows_it(
    client: Redis, tasks: None, processes: Processes, tmp_path: Path
) -> None:
    start(processes, OLD)
    log = tmp_path / "log"
    sent = [work.note.enqueue(str(log), text, key="k", retry=Retry(attempts=3)) for text in ("first", "second")]
    beside = [old.nap.enqueue(0.0) for _ in range(5)]
    wait_for(lambda: parked(client) == WAITS, "it to be found out")
    wait_for(lambda: all(one.fetch().get_status() == "finished" for one in beside), "others not to be held up")
    found = catalog.detail(client, sent[0].id)
    assert found
    assert (found.job.state, found.job.unknown, found.job.retries_left, found.job.attempts) == ("scheduled", True, 2, 0)
    assert sent[1].fetch().get_status() == "deferred"
    [finding] = wait_for(lambda: findings(client), "it to be said")
    assert (finding.code, finding.severity) == ("unknown_task", "warn")
    assert f"1 job waits for a worker that knows tests.tasks.note, the first for 0 s: {sent[0].id}" in finding.summary
    told = processes.start("-m", "jobs", "job", sent[0].id)
    assert told.ends() == 0
    assert told.says("for a worker that knows its task; it fails when it is due")
    start(processes, NEW)
    wait_for(lambda: begun(log) == ["first", "second"], "a worker that knows it")
    assert len(attempts(sent[0].id, client)) == 1
    assert parked(client) == []
    assert not client.exists(keys.unknown("tests.tasks.note"))
    wait_for(lambda: not findings(client), "the finding to go")


def test_it_fails_by_name_when_none_has_come_in_time(client: Redis, tasks: None, processes: Processes) -> None:
    start(processes, OLD, JOBS_UNKNOWN_WAIT="2")
    job = work.add.enqueue(1, 2)
    wait_for(lambda: parked(client), "it to be found out")
    wait_for(lambda: job.fetch().get_status() == "failed", "its time to be up")
    [tried] = attempts(job.id, client)
    assert "UnknownTask: 'tests.tasks.add' is not a registered task" in str(tried.error)
    assert parked(client) == []
    scripts.requeue(client, [job.id])
    wait_for(lambda: parked(client), "it to wait anew, once somebody has retried it")


@pytest.mark.parametrize("how", ["cancel", "rq"])
def test_one_that_is_given_up_is_noted_no_more(client: Redis, tasks: None, processes: Processes, how: str) -> None:
    start(processes, OLD)
    job: JobRef = work.add.enqueue(1, 2)
    wait_for(lambda: parked(client), "it to be found out")
    if how == "cancel":
        assert scripts.cancel(client, [job.id]) == [True]
        assert parked(client) == []
    else:
        job.fetch().delete()
    wait_for(lambda: not parked(client), "the keeper to see it")
    assert not client.exists(keys.unknown("tests.tasks.add"))


def test_what_cannot_be_imported_waits_for_a_worker_that_has_just_come(
    client: Redis, tasks: None, processes: Processes, tmp_path: Path
) -> None:
    """Where workers import what jobs name, none can say what it knows; each tries, and warns once."""
    anything = {"JOBS_ALLOW": "any", "JOBS_LEASE": "2"}
    trying = start(processes, OLD, JOBS_LOG_LEVELS="job=debug", JOBS_LOG_FORMAT="json", **anything)
    log = tmp_path / "log"
    known = work.note.prepare(str(log), "ran")
    data = bytes(known.fields["data"]).replace(b"tests.tasks.note", b"late_module.note")  # type: ignore[arg-type]
    queues.submit(client, [known._replace(fields={**known.fields, "data": data})])
    wait_for(lambda: parked(client) == [b"late_module.note"], "it to be found out")
    told = wait_for(
        lambda: found if len(found := levels_of("job parked", trying)) > 2 else None, "it to be tried thrice"
    )
    assert (told[0], *set(told[1:])) == ("WARNING", "DEBUG")
    (tmp_path / "late_module.py").write_text("from tests.tasks import note\n")
    place = f"{tmp_path}:{Path(__file__).parents[2]}"
    start(processes, OLD, **anything, PYTHONPATH=place)
    wait_for(lambda: begun(log) == ["ran"] or None, "the new worker to try")
