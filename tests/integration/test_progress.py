"""Progress: what a task says of itself shows in the API, and costs the job nothing."""

import math
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions
from redis import Redis

from jobs import Retry, board, connection, keys, progress, scripts
from jobs.address import parse
from jobs.board import Board
from jobs.errors import InvalidProgress
from jobs.job import Job, serializer
from jobs.scripts import Claimed, Report, Settlement
from jobs.worker.deadlines import Slot
from jobs.worker.execution import Runner
from tests import tasks as t
from tests.support import Process, Processes, answers, free_port, get, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

GONE = "redis://127.0.0.1:{}/0"


@pytest.fixture
def worker(url: str, tasks: None, processes: Processes) -> Process:
    process = processes.start("-m", "jobs", "worker")
    process.says("is ready")
    return process


def said(client: Redis, job_id: str) -> tuple[float, str] | None:
    found = Job.fetch(job_id, client).progress
    return found[:2] if found else None


def is_over(client: Redis, job_id: str) -> bool:
    return client.hget(keys.job(job_id), "status") in (b"finished", b"failed")


def claimed(client: Redis, job_id: str, token: str = "1") -> Claimed:
    """A job as if this process had just been given it."""
    client.hset(keys.job(job_id), mapping={"status": "started", "execution": token, "data": "[]"})
    return Claimed(job_id, token, "default", b"", 0.0, False)


def test_what_a_running_job_says_shows_and_its_last_word_is_kept(
    client: Redis, worker: Process, tmp_path: Path
) -> None:
    job = t.climb.enqueue(str(tmp_path / "gate"))
    wait_for(lambda: said(client, job.id) == (0.4, "resizing"), "its first word")
    (tmp_path / "gate").touch()
    wait_for(lambda: is_over(client, job.id), "the job")
    assert said(client, job.id) == (1.0, "done")


def test_the_last_word_of_a_job_that_fails_is_kept_too(client: Redis, worker: Process, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    job = t.climb.enqueue(str(tmp_path / "gate"), fails=True)
    wait_for(lambda: is_over(client, job.id), "the job")
    assert said(client, job.id) == (0.999, "step 999")


def test_a_coroutine_says_it_too(client: Redis, worker: Process) -> None:
    job = t.climb_later.enqueue()
    wait_for(lambda: is_over(client, job.id), "the job")
    assert said(client, job.id) == (0.5, "from a coroutine")


def test_a_job_in_a_process_of_its_own_says_it_too(client: Redis, processes: Processes, tmp_path: Path) -> None:
    processes.start("-m", "jobs", "worker", "--pool", "process", "--concurrency", "1")
    job = t.climb.enqueue(str(tmp_path / "gate"))
    wait_for(lambda: said(client, job.id) == (0.4, "resizing"), "its first word")
    (tmp_path / "gate").touch()
    wait_for(lambda: is_over(client, job.id), "the job")
    assert said(client, job.id) == (1.0, "done")


def test_a_share_that_is_none_fails_the_job_with_a_typed_error(client: Redis, worker: Process) -> None:
    job = t.misjudge.enqueue(retry=Retry(attempts=1))
    wait_for(lambda: is_over(client, job.id), "the job")
    latest = Job.fetch(job.id, client).latest_result()
    assert latest
    assert "InvalidProgress: share is 40: expected a number from 0 to 1" in (latest.exc_string or "")


@pytest.mark.parametrize("share", [-0.1, 1.01, math.nan, math.inf, True, "0.5", None])
def test_a_share_must_be_a_number_from_0_to_1(share: Any) -> None:
    with pytest.raises(InvalidProgress, match="expected a number from 0 to 1"):
        progress(share)


def test_a_text_must_be_one() -> None:
    with pytest.raises(InvalidProgress, match="expected a text"):
        progress(0.5, 7)  # type: ignore[arg-type]


def test_outside_a_job_it_does_nothing_so_that_a_task_is_a_function(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    t.climb(str(tmp_path / "gate"))


def test_two_a_second_are_written_at_most(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    at: list[float] = []
    real = scripts.report

    def report(client: Redis, reports: list[Report]) -> list[bool]:
        if reports:
            at.append(time.monotonic())
        return real(client, reports)

    monkeypatch.setattr(scripts, "report", report)
    claimed(client, "busy")
    spoken = Board(client)

    def speak() -> bool:
        for _ in range(100):
            spoken.say("busy", "1", 0.5, "and on")
        return len(at) >= 4

    wait_for(speak, "four writes")
    spoken.close()
    assert all(after - before >= board.PAUSE for before, after in pairwise(at))


def test_no_job_waits_for_a_redis_that_is_away_or_fails_of_it(
    client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = connection.open_client(parse(GONE.format(free_port())), "test", retries=0)
    runner = Runner(away, "worker-a.1")
    (tmp_path / "gate").touch()
    data = serializer().dumps(("tests.tasks.climb", None, [str(tmp_path / "gate")], {}))
    began = time.monotonic()
    ending = runner.run(runner.begin(Claimed("a", "1", "default", data, 0.0, False)), Slot(0), 0.0)
    assert isinstance(ending, Settlement)
    assert (ending.outcome, time.monotonic() - began < 1.0) == ("finished", True)
    assert ending.report
    assert ending.report[3:] == (1.0, "done")
    for word in ("one", "two"):
        runner._board.say("a", "1", 0.5, word)
        wait_for(lambda: caplog.messages, "a word of it")
    wait_for(lambda: not runner._board._bell.empty(), "another try")
    runner.close()
    assert len([text for text in caplog.messages if "progress is not written for now" in text]) == 1


def test_what_was_said_while_redis_was_away_is_written_when_it_is_back(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(client, "patient")
    real, tries = scripts.report, iter((True, True, False))

    def report(client: Redis, reports: list[Report]) -> list[bool]:
        if next(tries, False):
            raise redis.exceptions.ConnectionError("as if it were away")
        return real(client, reports)

    monkeypatch.setattr(scripts, "report", report)
    spoken = Board(client)
    spoken.say("patient", "1", 0.3, "said once")
    wait_for(lambda: said(client, "patient") == (0.3, "said once"), "it to be written")
    spoken.close()


def report(client: Redis, job_id: str, token: str, number: int, share: float = 0.5) -> bool:
    return scripts.report(client, [Report(job_id, token, number, share, "")])[0]


def test_only_the_execution_that_has_the_job_is_heard(client: Redis) -> None:
    claimed(client, "a", token="7")
    assert report(client, "a", "7", 1)
    assert not report(client, "a", "6", 2), "an execution that lost the job"
    client.hset(keys.job("a"), "execution", "8")
    assert said(client, "a") is None, "the next execution has said nothing yet"
    client.hset(keys.job("a"), mapping={"execution": "7", "status": "finished"})
    assert not report(client, "a", "7", 2), "after the end"
    assert not report(client, "never", "7", 1)
    assert not client.exists(keys.job("never")), "a job that is gone stays gone"


def test_a_late_write_does_not_take_the_place_of_a_later_word(client: Redis) -> None:
    claimed(client, "a")
    assert report(client, "a", "1", 12, 1.0)
    assert not report(client, "a", "1", 9, 0.4)
    assert said(client, "a") == (1.0, "")


def test_half_a_character_and_a_long_text_are_written_as_far_as_can_be(client: Redis) -> None:
    claimed(client, "a")
    spoken = Board(client)
    spoken.say("a", "1", 0.5, "\ud83d" + "x" * 1000)
    wait_for(lambda: said(client, "a"), "it to be written")
    spoken.close()
    assert said(client, "a") == (0.5, "?" + "x" * (board.MAX_TEXT - 1))


def test_the_api_shows_it(client: Redis, worker: Process, processes: Processes) -> None:
    port = free_port()
    processes.start("-m", "web", PORT=str(port))
    job = t.climb_later.enqueue()
    plain = t.add.enqueue(1, 2)
    wait_for(lambda: is_over(client, job.id) and is_over(client, plain.id), "the jobs")
    wait_for(lambda: answers(port), "web")
    shown = get(port, f"/api/jobs/{job.id}")[1]["progress"]
    assert (shown["share"], shown["text"], shown["at"][-1]) == (0.5, "from a coroutine", "Z")
    assert get(port, f"/api/jobs/{plain.id}")[1]["progress"] is None
