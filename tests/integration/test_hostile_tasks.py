"""User code that raises on its way in and out hurts its own job only, and leaves a reason."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs import attempts, keys, registry, settings
from jobs.queues import JobRef
from jobs.records import Attempt
from tests import hostile_tasks as t
from tests.support import Process, Processes, wait_for
from tests.visitors import READER, Make


@pytest.fixture(autouse=True)
def worker(url: str, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """One that is still the same, with its child, when the test ends."""
    monkeypatch.setenv("JOBS_TASKS", "tests.hostile_tasks")
    settings.current.cache_clear()
    registry.load(("tests.hostile_tasks",))
    found = processes.start("-m", "jobs", "worker")
    found.says("is ready")
    yield found
    assert sum("started with pid" in line for line in found.lines) == 1


def ending(client: Redis, job: JobRef) -> tuple[str, Attempt]:
    """Its status, and its only attempt."""
    status = wait_for(
        lambda: value if (value := client.hget(keys.job(job.id), "status")) in (b"finished", b"failed") else None,
        "the job to end",
    )
    [only] = attempts(job.id)
    return status.decode(), only


def test_what_raises_while_an_error_is_judged_is_a_note_at_that_error(client: Redis) -> None:
    status, only = ending(client, t.fetch.enqueue())
    assert (status, "Refused: connection refused" in (only.error or "")) == ("failed", True)
    assert "raised AttributeError: 'NoneType' object has no attribute 'status_code'" in (only.note or "")
    status, only = ending(client, t.snooze_brokenly.enqueue())
    assert (status, "Broken: later" in (only.error or ""), "AttributeError" in (only.note or "")) == (
        "failed",
        True,
        True,
    )


def test_an_error_that_cannot_be_shown_is_named(client: Redis) -> None:
    status, only = ending(client, t.fail_unspeakably.enqueue())
    assert (status, "Unspeakable" in (only.error or "")) == ("failed", True)


@pytest.mark.parametrize("charge", [t.charge, t.charge_later], ids=["function", "coroutine"])
def test_work_whose_result_cannot_be_kept_is_done_once(client: Redis, tmp_path: Path, charge: object) -> None:
    log = tmp_path / "log"
    jobs = {what: charge.enqueue(str(log), what) for what in t.RESULTS}  # type: ignore[attr-defined]
    for what, job in jobs.items():
        status, only = ending(client, job)
        assert (status, only.error, "was not kept: TypeError" in (only.note or "")) == ("finished", None, True), what
    assert sorted(log.read_text().splitlines()) == sorted(t.RESULTS)


def test_a_task_that_returns_a_generator_has_not_done_its_work(client: Redis) -> None:
    status, only = ending(client, t.charge_when_asked.enqueue())
    assert (status, "returned a generator, of which nothing has run" in (only.error or "")) == ("failed", True)


def test_what_is_no_number_in_a_result_makes_no_answer_that_is_no_json(client: Redis, visitor: Make) -> None:
    job = t.return_nan.enqueue()
    assert ending(client, job)[0] == "finished"
    with visitor().get(f"/api/jobs/{job.id}", headers={"Authorization": f"Bearer {READER}"}) as answer:
        text = answer.get_data(as_text=True)
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["result"] == ["NaN", "Infinity"]
