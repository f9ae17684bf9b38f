"""Jobs that cannot run, or whose result cannot be kept, fail at once, in words, beside jobs that can."""

from typing import Any

import pytest
from rq import Queue, Retry

from jobs import attempts, keys
from jobs.job import Job
from tests.chaos import tasks as t
from tests.chaos.line import Line
from tests.support import wait_for

TRIES = Retry(max=3)
NAME = '"tests.chaos.tasks.work"'
CORRUPT = {
    "nothing": b"",
    "not text": b"\x00\xff\xfe",
    "not zlib": b"x\x9cneither compressed nor JSON",
    "cut short": f"[{NAME}, null, [".encode(),
    "another shape": f"[{NAME}]".encode(),
}


def queue(line: Line, serializer: str) -> Queue:
    return Queue("default", connection=line.client, serializer=serializer)


def ending(line: Line, job_id: str) -> tuple[str, int, str]:
    """How a job ended, how many executions were written down, and what the last one says; once it is over."""
    wait_for(lambda: line.status(job_id) in ("finished", "failed"), f"{job_id} to be over")
    results = Job.fetch(job_id, line.client).results()
    return line.status(job_id), len(results), results[0].exc_string or ""


def assert_refused(line: Line, job_id: str, *causes: str) -> None:
    status, executions, text = ending(line, job_id)
    assert (status, executions) == ("failed", 1), text
    assert all(cause in text for cause in causes), text


def serve(line: Line) -> None:
    """A worker, and honest jobs beside what the test has sent."""
    line.feed(10)
    line.start_and_wait()


def assert_bystanders_done(line: Line) -> None:
    report = line.report()
    report.assert_kept()
    assert set(report.starts.values()) == {1}


@pytest.mark.parametrize("name", ["shop.tasks.gone", "tests.chaos.tasks.gone", "os.getcwd"])
def test_a_missing_function(line: Line, name: str) -> None:
    line.environ["JOBS_UNKNOWN_WAIT"] = "0"
    job = queue(line, "json").enqueue(name, retry=TRIES)
    serve(line)
    assert_refused(line, job.id, "UnknownTask", f"'{name}' is not a registered task")
    assert_bystanders_done(line)


def test_another_serializer(line: Line) -> None:
    job = queue(line, "pickle").enqueue(t.work, str(line.log.path), "pickled", retry=TRIES)
    serve(line)
    assert_refused(line, job.id, "DeserializationError", f"job {job.id} is damaged, or not json")
    assert_bystanders_done(line)


def test_a_corrupt_payload(line: Line) -> None:
    sent = {what: queue(line, "json").enqueue(t.work, str(line.log.path), "corrupt", retry=TRIES) for what in CORRUPT}
    for what, job in sent.items():
        line.client.hset(keys.job(job.id), "data", CORRUPT[what])
    serve(line)
    for job in sent.values():
        assert_refused(line, job.id, "DeserializationError", f"job {job.id} is damaged, or not json")
    assert_bystanders_done(line)


@pytest.mark.parametrize(("task", "kind"), [(t.give_a_set, "set"), (t.give_an_object, "object")])
def test_work_whose_result_cannot_be_kept_is_done(line: Line, task: Any, kind: str) -> None:
    job = queue(line, "json").enqueue(task)
    serve(line)
    wait_for(lambda: line.status(job.id) == "finished", "the job")
    [only] = attempts(job.id, line.client)
    assert f"Object of type {kind} is not JSON serializable" in (only.note or "")
    assert_bystanders_done(line)
