"""Every attempt keeps its own record: how it ended, when, on which worker, and with which error."""

import signal
import zlib
from base64 import b64encode
from pathlib import Path

import pytest
from redis import Redis

from jobs import attempts, enqueue, history, keys, records, scripts
from jobs.job import Job
from jobs.records import LOST
from jobs.retry import Retry
from jobs.worker.execution import packed
from tests import tasks as t
from tests.integration.test_engine import CHILD, WORKER, accept, claim, expire, lease, settle, tick
from tests.support import Process, Processes, wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def outcomes(client: Redis, job_id: str) -> list[str]:
    return [one.outcome for one in attempts(job_id, client)]


def start(processes: Processes, **environ: str) -> Process:
    worker = processes.start("-m", "jobs", "worker", **environ)
    worker.says("is ready")
    return worker


def test_each_attempt_has_its_own_worker_times_and_error(url: str, processes: Processes, tmp_path: Path) -> None:
    start(processes)
    job = t.fail_until.enqueue(str(tmp_path / "log"), 3, retry=Retry(backoff=0.1))
    wait_for(lambda: len(attempts(job.id)) == 3, "three attempts")
    first, second, third = attempts(job.id)
    assert [one.number for one in (first, second, third)] == [1, 2, 3]
    assert [one.outcome for one in (first, second, third)] == ["failed", "failed", "finished"]
    assert "RuntimeError: run 1 of 3" in (first.error or "")
    assert "RuntimeError: run 2 of 3" in (second.error or "")
    assert third.error is None
    for one in (first, second, third):
        assert one.worker
        assert one.started
        assert one.started <= one.ended
    assert first.ended < second.ended < third.ended


def test_a_job_that_nobody_knows_has_none(client: Redis) -> None:
    assert attempts("nobody", client) == []
    assert attempts(accept(client).id, client) == []


def test_an_attempt_whose_process_died_counts_and_the_next_one_too(
    url: str, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    worker = start(processes)
    job = enqueue(t.die, 7)
    wait_for(lambda: Job.fetch(job.id, client).is_failed, "the job to fail", 40)
    found = attempts(job.id, client)
    assert [one.outcome for one in found] == ["interrupted"] * (len(found) - 1) + ["failed"]
    assert len(found) >= 4  # a heartbeat may have run beside it, and shared the blame
    for one in found:
        assert "ended with code 7" in (one.error or "")
        assert (one.worker or "") in worker.says("registered")
        assert one.started
        assert one.started <= one.ended


def test_a_job_that_is_killed_for_its_time_says_so(url: str, client: Redis, processes: Processes) -> None:
    start(processes)
    job = enqueue(t.sleep_through)
    wait_for(lambda: outcomes(client, job.id) == ["failed"], "the end of it", 30)
    assert "could not be interrupted; its process was killed" in (attempts(job.id, client)[0].error or "")
    wait_for(
        lambda: history.read(client, "1h", task="tests.tasks.sleep_through").total.failed == 1, "the history of it"
    )


def test_an_attempt_that_a_deploy_cut_short_is_no_fault_of_the_job(
    url: str, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    worker = start(processes, JOBS_GRACE="0.5")
    job = enqueue(t.note, str(tmp_path / "log"), "long", 60.0)
    wait_for((tmp_path / "log").exists, "it to run")
    worker.signal(signal.SIGTERM)
    worker.ends()
    [one] = attempts(job.id, client)
    assert one.outcome == "interrupted"
    assert "no fault of the job" in (one.error or "")
    assert client.hget(keys.job(job.id), "interruptions") is None


def test_a_lost_lease_is_an_attempt_and_the_last_one_is_the_failure(client: Redis) -> None:
    job = accept(client)
    for _ in range(2):
        scripts.grant(client, CHILD, 60)
        claim(client)
        expire(client)
        tick(client, survives=1)
    found = attempts(job.id, client)
    assert [(one.outcome, one.error) for one in found] == [("interrupted", LOST), ("failed", "it was lost")]
    assert {one.worker for one in found} == {WORKER}
    assert all(one.started and one.started <= one.ended for one in found)


def test_what_had_not_started_was_no_attempt(client: Redis) -> None:
    job = accept(client)
    [one] = claim(client)
    scripts.release(client, CHILD, [scripts.Held(one.id, one.token, charged=False)], 3)
    assert attempts(job.id, client) == []


def test_rq_reads_them_all(client: Redis) -> None:
    job = accept(client, retry=Retry())
    [one] = claim(client)
    scripts.release(client, CHILD, [scripts.Held(one.id, one.token, charged=True, why=packed("killed\n"))], 3)
    settle(client, claim(client)[0], "failed", packed("boom\n"))
    results = Job.fetch(job.id, client).results()
    assert [(result.type.name, result.exc_string) for result in results] == [
        ("FAILED", "boom\n"),
        ("FAILED", "killed\n"),
    ]
    assert outcomes(client, job.id) == ["interrupted", "failed"]


def test_of_a_traceback_that_quotes_a_whole_file_the_middle_is_left_out(client: Redis) -> None:
    head, tail = "Traceback (most recent call last):\nValueError: ", "\nRuntimeError: the end\n"
    for text in (head + tail, head + "x" * 8_000_000 + tail):
        fields = {b"exc_string": b64encode(zlib.compress(text.encode()))}
        found = records.error_of(fields) or ""
        assert (found.startswith(head), found.endswith(tail.strip())) == (True, len(text) < records.UNPACKED)
        assert len(found) < records.MOST + 100


def test_numbers_count_on_when_the_oldest_are_forgotten(client: Redis) -> None:
    job = accept(client)
    for number in range(105):
        client.xadd(keys.results(job.id), {"type": "2", "worker_name": f"w{number}"}, maxlen=100, approximate=False)
    found = attempts(job.id, client)
    assert (len(found), found[0].number, found[-1].number, found[-1].worker) == (100, 6, 105, "w104")


class TestJobCommand:
    def test_it_shows_a_job_with_its_attempts_and_no_arguments(
        self, client: Redis, processes: Processes, tasks: None
    ) -> None:
        job = accept(client, 1234567, 2, key="contact:42", retry=Retry())
        settle(client, claim(client)[0], "failed", packed("Traceback (most recent call last):\nValueError: as asked\n"))
        shown = processes.start("-m", "jobs", "job", job.id)
        assert shown.ends() == 0
        text = "\n".join(shown.lines)
        for word in (
            "tests.tasks.add",
            "contact:42",
            "retrying",
            "1 of 1, behind nobody",
            "1 left",
            WORKER,
            "ValueError: as asked",
        ):
            assert word in text
        assert "1234567" not in text

    def test_it_shows_the_arguments_when_asked(self, client: Redis, processes: Processes) -> None:
        job = accept(client, 1234567, b=2)
        shown = processes.start("-m", "jobs", "job", job.id, "--arguments")
        assert shown.ends() == 0
        assert "1234567, b=2" in "\n".join(shown.lines)

    def test_a_job_that_is_not_there_is_one_line_and_code_2(self, client: Redis, processes: Processes) -> None:
        shown = processes.start("-m", "jobs", "job", "nobody")
        assert shown.ends() == 2
        assert shown.lines == ["signalbox: there is no job 'nobody'; finished jobs are kept for JOBS_KEEP"]
