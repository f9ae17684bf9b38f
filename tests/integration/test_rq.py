"""RQ stays RQ: its enqueuers, its vocabulary and its tools, against our worker."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rq
from redis import Redis
from rq import Callback, Queue, Repeat
from rq.command import send_shutdown_command, send_stop_job_command
from rq.group import Group
from rq.job import JobStatus
from rq.rate_limit import RateLimit
from rq.webhook import Webhook

from jobs import keys, scripts
from tests import tasks as t
from tests.support import ROOT, Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")
OVER = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED}


@pytest.fixture
def queue(client: Redis) -> Queue:
    return Queue("default", connection=client, serializer="json")


@pytest.fixture
def worker(url: str, tasks: None, processes: Processes) -> Process:
    process = processes.start("-m", "jobs", "worker")
    process.says("is ready")
    return process


def ended(job: rq.job.Job) -> JobStatus:
    return wait_for(lambda: state if (state := job.get_status()) in OVER else None, f"job {job.id} to end")


def error(job: rq.job.Job) -> str:
    latest = job.latest_result()
    return (latest.exc_string or "") if latest else ""


def worker_name(client: Redis) -> str:
    return wait_for(lambda: [key.decode() for key in client.smembers("rq:workers")], "a worker")[0].rpartition(":")[2]


class TestVocabulary:
    def test_dependents_run_after_what_they_depend_on(self, worker: Process, queue: Queue) -> None:
        first = queue.enqueue(t.add, 1, 2)
        then = queue.enqueue(t.add, 3, 4, depends_on=first)
        after_failure = queue.enqueue(t.add, 5, 6, depends_on=rq.job.Dependency([queue.enqueue(t.fail)], True))
        assert [ended(job) for job in (first, then, after_failure)] == [JobStatus.FINISHED] * 3

    def test_callbacks_are_called_with_what_rq_gives_them(self, worker: Process, queue: Queue, client: Redis) -> None:
        good = queue.enqueue(t.add, 1, 2, on_success=Callback(t.on_end))
        bad = queue.enqueue(t.fail, on_failure=Callback(t.on_end))
        ended(good), ended(bad)
        assert {line.decode() for line in client.lrange("called", 0, -1)} == {f"{good.id} 1", f"{bad.id} 3"}

    def test_a_success_callback_that_raises_is_the_jobs_failure(self, worker: Process, queue: Queue) -> None:
        job = queue.enqueue(t.add, 1, 2, on_success=Callback(t.fail))
        assert ended(job) is JobStatus.FAILED

    def test_rqs_own_retry_counts_retries(self, worker: Process, queue: Queue, tmp_path: Path) -> None:
        job = queue.enqueue(t.fail_until, str(tmp_path / "runs"), 3, retry=rq.Retry(max=2))
        assert ended(job) is JobStatus.FINISHED
        assert job.return_value() == 3

    def test_a_job_that_returns_retry_is_run_again_and_at_last_fails(self, worker: Process, queue: Queue) -> None:
        job = queue.enqueue(t.ask_again, 2)
        assert ended(job) is JobStatus.FAILED
        assert [result.type.name for result in job.results()] == ["MAX_RETRIES_EXCEEDED", "RETRIED", "RETRIED"]

    def test_a_repeat_runs_so_many_times_more(self, worker: Process, queue: Queue, tmp_path: Path) -> None:
        log = tmp_path / "log"
        queue.enqueue(t.note, str(log), "again", repeat=Repeat(times=2))
        wait_for(lambda: log.exists() and log.read_text().count("end") == 3, "three runs")

    def test_results_live_as_long_as_they_were_told(self, worker: Process, queue: Queue, client: Redis) -> None:
        brief, none = queue.enqueue(t.add, 1, 1, result_ttl=30), queue.enqueue(t.add, 1, 1, result_ttl=0)
        ended(brief)
        wait_for(lambda: not client.exists(none.key), "the job without result to go")
        assert 0 < client.ttl(brief.key) <= 30
        failed = queue.enqueue(t.fail, failure_ttl=40)
        ended(failed)
        assert 0 < client.ttl(failed.key) <= 40

    def test_a_job_sees_itself_and_may_write_its_meta(self, worker: Process, queue: Queue) -> None:
        job = queue.enqueue(t.whoami)
        ended(job)
        seen = job.return_value()
        assert seen
        assert (seen["id"], seen["origin"], seen["args"]) == (job.id, "default", [])
        assert job.get_meta() == {"seen": True}
        assert seen["pid"] != worker.popen.pid

    def test_a_job_does_of_itself_what_rq_lets_it(self, worker: Process, queue: Queue, client: Redis) -> None:
        first = queue.enqueue(t.add, 1, 2)
        job = queue.enqueue(t.describe_itself, depends_on=first)
        assert ended(job) is JobStatus.FINISHED, error(job)
        job.refresh()
        assert job.return_value() == [3, [3]]
        assert (job.meta, job.description) == ({"step": 2}, "in its own words")
        assert 0 < client.ttl(job.key) <= 77

    def test_a_group_knows_its_jobs(self, worker: Process, queue: Queue, client: Redis) -> None:
        group = Group.create(connection=client)
        jobs = group.enqueue_many(queue, [Queue.prepare_data(t.add, (n, n)) for n in range(3)])
        assert [ended(job) for job in jobs] == [JobStatus.FINISHED] * 3

    def test_a_rate_limit_holds(self, worker: Process, queue: Queue, tmp_path: Path) -> None:
        log = tmp_path / "log"
        jobs = [queue.enqueue(t.note, str(log), str(n), 0.02, rate_limit=RateLimit("slow", 1)) for n in range(5)]
        assert [ended(job) for job in jobs] == [JobStatus.FINISHED] * 5
        words = [line.split()[0] for line in log.read_text().splitlines()]
        assert words == ["start", "end"] * 5

    def test_webhooks_are_sent_when_they_are_allowed(
        self, url: str, processes: Processes, queue: Queue, hook: tuple[str, list[str]]
    ) -> None:
        address, said = hook
        processes.start("-m", "jobs", "worker", JOBS_WEBHOOKS="1").says("is ready")
        job = queue.enqueue(t.add, 1, 2, webhooks=[Webhook(address, "finished", method="POST")])
        wait_for(lambda: job.id in "".join(said), "the webhook")

    def test_webhooks_of_a_job_that_kills_its_workers_are_owed(self, client: Redis, queue: Queue) -> None:
        scripts.grant(client, "w.1", 60)
        job = queue.enqueue(t.add, 1, 2, webhooks=[Webhook("http://127.0.0.1:1", "failed", method="POST")])
        [one] = scripts.claim(client, "w", "w.1", ["default"], 1) or []
        scripts.release(client, "w.1", [scripts.Held(one.id, one.token, charged=True, why=b"")], 0)
        assert client.zrange(keys.OUTBOX, 0, -1) == [f"{job.id}:failed".encode()]

    def test_webhooks_are_not_sent_unless_they_are_allowed(
        self, worker: Process, queue: Queue, hook: tuple[str, list[str]]
    ) -> None:
        job = queue.enqueue(t.add, 1, 2, webhooks=[Webhook(hook[0], "finished", method="POST")])
        worker.says(f"job {job.id} has webhooks, which are not sent")
        assert hook[1] == []

    def test_a_coroutine_task_runs(self, worker: Process, queue: Queue) -> None:
        job = queue.enqueue(t.add_later, 1, 2)
        assert ended(job) is JobStatus.FINISHED
        assert job.return_value() == 3


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """A page that remembers what was posted to it."""
    said: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", said
    server.shutdown()
    server.server_close()


class TestTools:
    def test_rq_info_shows_the_worker_and_the_queue(self, worker: Process, url: str, client: Redis) -> None:
        shown = self.rq("info", url)
        assert worker_name(client) in shown
        assert "default" in shown

    def test_suspended_workers_take_nothing_and_go_on_when_resumed(
        self, worker: Process, url: str, queue: Queue
    ) -> None:
        self.rq("suspend", url)
        job = queue.enqueue(t.add, 1, 2)
        late = time.monotonic() + 1.5
        wait_for(lambda: time.monotonic() > late, "a while")
        assert job.get_status() is JobStatus.QUEUED
        self.rq("resume", url)
        assert ended(job) is JobStatus.FINISHED

    def test_a_failed_job_is_requeued(self, worker: Process, url: str, queue: Queue, tmp_path: Path) -> None:
        job = queue.enqueue(t.fail_until, str(tmp_path / "runs"), 2)
        assert ended(job) is JobStatus.FAILED
        self.rq("requeue", url, "--queue", "default", job.id)
        wait_for(lambda: job.get_status() is JobStatus.FINISHED, "the second run")

    def rq(self, command: str, url: str, *arguments: str) -> str:
        line = [sys.executable, "-m", "rq.cli", command, "--url", url, *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=20).stdout


class TestCommands:
    def test_stopping_a_job_stops_that_job_and_no_other(
        self, worker: Process, queue: Queue, client: Redis, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        stopped, other = queue.enqueue(t.spin, job_timeout=60), queue.enqueue(t.note, str(log), "other", 1.0)
        wait_for(lambda: stopped.get_status() is JobStatus.STARTED and log.exists(), "both to run")
        send_stop_job_command(client, stopped.id, serializer="json")
        assert ended(stopped) is JobStatus.STOPPED
        assert ended(other) is JobStatus.FINISHED
        assert log.read_text().splitlines() == ["start other", "end other"]

    def test_a_worker_shuts_down_when_asked(self, worker: Process, client: Redis) -> None:
        send_shutdown_command(client, worker_name(client))
        assert worker.ends() == 0

    def test_a_paused_queue_waits(self, worker: Process, url: str, queue: Queue, processes: Processes) -> None:
        pause = processes.start("-m", "jobs", "pause", "default")
        assert pause.ends() == 0
        assert pause.lines == ["default is paused; 0 jobs queued"]
        job = queue.enqueue(t.add, 1, 2)
        resume = processes.start("-m", "jobs", "resume", "default")
        assert resume.ends() == 0
        assert resume.lines[0].startswith("default goes on; 1 jobs queued")
        assert ended(job) is JobStatus.FINISHED

    def test_recover_prints_what_it_put_back(self, url: str, queue: Queue, client: Redis, processes: Processes) -> None:
        job = queue.enqueue(t.add, 1, 2)

        scripts.grant(client, "lost.1", 60)
        scripts.claim(client, "lost", "lost.1", ("default",), 1)
        client.zadd(keys.LEASES, {"lost.1": 1})
        assert self.recover(processes) == [job.id]
        assert self.recover(processes) == ["nothing to put back"]
        assert job.get_status() is JobStatus.QUEUED

    def recover(self, processes: Processes) -> list[str]:
        process = processes.start("-m", "jobs", "recover")
        assert process.ends() == 0
        return process.lines


class TestDeadlines:
    @pytest.mark.parametrize("task", [t.spin, t.wait_for_ever])
    def test_a_job_past_its_timeout_fails_at_once(
        self, worker: Process, queue: Queue, task: Callable[..., object]
    ) -> None:
        job = queue.enqueue(task, job_timeout=1)
        began = time.monotonic()
        assert ended(job) is JobStatus.FAILED
        assert time.monotonic() - began < 3
        assert "ran longer than its timeout of 1 s" in error(job)

    def test_a_job_that_cannot_be_interrupted_is_ended_with_its_child_and_others_are_not_charged(
        self, worker: Process, queue: Queue, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        stuck = queue.enqueue(t.sleep_through, job_timeout=1)
        other = queue.enqueue(t.note, str(log), "other", 8.0, job_timeout=60)
        began = time.monotonic()
        assert ended(stuck) is JobStatus.FAILED
        assert time.monotonic() - began < 1 + 6 + 1.5
        assert "could not be interrupted" in error(stuck)
        assert ended(other) is JobStatus.FINISHED
        assert not other.connection.hget(other.key, "interruptions")

    def test_a_job_that_kills_its_process_again_and_again_fails_and_says_so(
        self, url: str, processes: Processes, queue: Queue
    ) -> None:
        processes.start("-m", "jobs", "worker", JOBS_MAX_INTERRUPTIONS="1").says("is ready")
        job = queue.enqueue(t.die, 3)
        assert ended(job) is JobStatus.FAILED
        assert "ended with code 3" in error(job)


class TestProcessPool:
    @pytest.fixture
    def worker(self, url: str, tasks: None, processes: Processes) -> Process:
        process = processes.start("-m", "jobs", "worker", "--pool", "process", "--concurrency", "2")
        process.says("is ready")
        return process

    def test_jobs_run_in_processes_of_their_own(self, worker: Process, queue: Queue) -> None:
        jobs = [queue.enqueue(t.whoami) for _ in range(2)]
        assert [ended(job) for job in jobs] == [JobStatus.FINISHED] * 2
        seen = jobs[0].return_value()
        assert seen
        assert seen["pid"] != worker.popen.pid

    def test_what_cannot_be_interrupted_is_ended_at_its_timeout(self, worker: Process, queue: Queue) -> None:
        job = queue.enqueue(t.sleep_through, job_timeout=1)
        assert ended(job) is JobStatus.FAILED
        assert "past its timeout of 1 s, and could not be interrupted" in error(job)
        job.refresh()
        assert job.started_at
        assert job.ended_at
        assert (job.ended_at - job.started_at).total_seconds() < 3, "it ran alone: nobody had to be waited for"

    def test_what_can_be_interrupted_is_and_its_process_lives_on(self, worker: Process, queue: Queue) -> None:
        tree = worker.tree()
        job = queue.enqueue(t.spin, job_timeout=1)
        assert ended(job) is JobStatus.FAILED
        assert "ran longer than its timeout of 1 s" in error(job)
        assert worker.tree() == tree

    def test_a_job_that_kills_its_process_takes_no_other_with_it(
        self, worker: Process, queue: Queue, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        other = queue.enqueue(t.note, str(log), "other", 2.0)
        wait_for(log.exists, "the other job to run")
        job = queue.enqueue(t.die, 3)
        assert ended(job) is JobStatus.FAILED
        assert ended(other) is JobStatus.FINISHED
        assert log.read_text().splitlines() == ["start other", "end other"]


PROJECT = """
from redis import Redis
from rq import Queue
import shop

queue = Queue("high", connection=Redis.from_url("{url}"))
job = queue.enqueue(shop.Receipt("Ada").send, 7)
plain = queue.enqueue(shop.total, [1, 2], {{"rest": 3}})
print(job.id, plain.id)
"""
SHOP = """
class Receipt:
    def __init__(self, name):
        self.name = name

    def send(self, order):
        return f"receipt {order} for {self.name}"


def total(numbers, more):
    return sum(numbers) + sum(more.values())
"""


def test_an_rq_project_is_served_without_a_change_to_its_code(
    url: str, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "main.py").write_text(PROJECT.format(url=url))
    environ = {"JOBS_SERIALIZER": "pickle", "JOBS_ALLOW": "any", "JOBS_TASKS": "", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    worker = processes.start_in(tmp_path, "-m", "jobs", "worker", "high", "default", **environ)
    worker.says("is ready")
    enqueued = processes.start_in(tmp_path, "main.py")
    assert enqueued.ends() == 0, enqueued.lines
    first, second = enqueued.lines[0].split()
    for job_id, expected in ((first, "receipt 7 for Ada"), (second, 6)):
        job = rq.job.Job.fetch(job_id, client)
        assert ended(job) is JobStatus.FINISHED
        assert job.return_value() == expected
