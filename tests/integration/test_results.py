"""Results and errors that are too large: the work was done, so it is done once, and nobody else waits for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs import Retry, attempts, keys
from jobs.job import Job
from jobs.records import Attempt
from tests import tasks as t
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

ONE_MIB = 1024 * 1024


@pytest.fixture
def refuses_size(client: Redis) -> Iterator[None]:
    """The server takes no value of more than a megabyte, as some managed ones do."""
    client.config_set("proto-max-bulk-len", "1mb")
    yield
    client.config_set("proto-max-bulk-len", "512mb")


@pytest.fixture
def worker(request: pytest.FixtureRequest, client: Redis, processes: Processes) -> Process:
    environ = {"JOBS_LOG_FORMAT": "text", **getattr(request, "param", {})}
    process = processes.start("-m", "jobs", "worker", **environ)
    process.says("is ready")
    return process


def ended(client: Redis, *ids: str) -> list[str]:
    """How these jobs have ended."""

    def states() -> list[str]:
        return [(client.hget(keys.job(one), "status") or b"").decode() for one in ids]

    return wait_for(lambda: found if set(found := states()) <= {"finished", "failed"} else None, "the jobs to end")


def only_attempt(job_id: str) -> Attempt:
    [found] = attempts(job_id)
    return found


@pytest.mark.parametrize("worker", [{"JOBS_RESULT_LIMIT": "64k"}], indirect=True)
def test_a_result_beyond_the_limit_is_left_out_and_its_job_is_finished(
    client: Redis, worker: Process, tmp_path: Path
) -> None:
    log = tmp_path / "runs"
    most, more = (t.say_much.enqueue(str(log), size).id for size in (64 * 1024 - 2, 64 * 1024))  # and two quotes
    assert ended(client, most, more) == ["finished"] * 2
    assert len(Job.fetch(most, client).return_value() or "") == 64 * 1024 - 2
    assert only_attempt(most).note is None
    assert Job.fetch(more, client).return_value() is None
    note = only_attempt(more).note or ""
    assert note == "the result takes 65,538 bytes and was not kept: JOBS_RESULT_LIMIT is 65,536"
    line = worker.says(note)
    assert "WARNING job finished" in line
    assert more in line
    assert log.read_text() == "run\nrun\n"


@pytest.mark.usefixtures("refuses_size")
@pytest.mark.parametrize("worker", [{"JOBS_RESULT_LIMIT": "0"}], indirect=True)
def test_a_result_that_the_server_refuses_is_left_out_and_no_other_job_waits_for_it(
    client: Redis, worker: Process, tmp_path: Path
) -> None:
    log = tmp_path / "runs"
    big = [t.say_much.enqueue(str(log), 2 * ONE_MIB).id for _ in range(2)]
    small = [t.add.enqueue(1, number).id for number in range(20)]
    assert ended(client, *big, *small) == ["finished"] * 22
    for one in big:
        assert "the result was not kept: Redis refuses its" in (only_attempt(one).note or "")
    assert [Job.fetch(one, client).return_value() for one in small] == list(range(1, 21))
    assert log.read_text() == "run\n" * 2
    assert not [line for line in list(worker.lines) if "lost Redis" in line]


@pytest.mark.usefixtures("refuses_size")
def test_of_a_long_error_the_middle_is_left_out(client: Redis, worker: Process, tmp_path: Path) -> None:
    job = t.say_much.enqueue(str(tmp_path / "runs"), 4 * ONE_MIB, fails=True, retry=Retry(1))
    assert ended(client, job.id) == ["failed"]
    error = Job.fetch(job.id, client).latest_result().exc_string or ""
    assert len(error) < 70_000
    assert error.startswith("Traceback")
    assert "characters are left out" in error
