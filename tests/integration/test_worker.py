"""Jobs through a real worker process: results, failures, retries, lanes, refusals, stopping."""

import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
import rq
from redis import Redis
from rq import Callback, Queue
from rq.command import send_shutdown_command
from rq.job import JobStatus

from jobs import enqueue, enqueue_many, keys, prepare
from jobs.address import parse
from jobs.connection import open_client
from jobs.errors import DurabilityUnavailable, UnknownTask
from jobs.job import Job
from jobs.launcher.server import start
from jobs.launcher.servers import Server, here
from jobs.queues import JobRef, submit
from jobs.worker.nursery import CORES
from tests import tasks as t
from tests.support import ROOT, Process, Processes, answers, free_port, is_alive, wait_for

pytestmark = pytest.mark.usefixtures("tasks")


@pytest.fixture
def worker(url: str, tasks: None, processes: Processes) -> Process:
    process = processes.start("-m", "jobs", "worker")
    process.says("is ready")
    return process


def state(job: JobRef | rq.job.Job) -> JobStatus:
    return Job.fetch(job.id, Redis.from_url(os.environ["REDIS_URL"])).get_status(refresh=False)


def error(job: JobRef | rq.job.Job) -> str:
    latest = Job.fetch(job.id, Redis.from_url(os.environ["REDIS_URL"])).latest_result()
    return (latest.exc_string or "") if latest else ""


def over(*jobs: JobRef | rq.job.Job) -> Callable[[], bool]:
    return lambda: all(state(job) in (JobStatus.FINISHED, JobStatus.FAILED) for job in jobs)


def test_a_job_runs_and_its_result_is_kept(worker: Process) -> None:
    job = enqueue(t.add, 2, b=3)
    wait_for(over(job), "the job")
    assert job.fetch().return_value() == 5


def test_a_task_is_enqueued_by_itself_by_name_and_in_bulk(worker: Process) -> None:
    jobs = [t.add.enqueue(1, 2), enqueue("tests.tasks.add", 1, 2), *enqueue_many(t.add.prepare(n, 1) for n in range(5))]
    wait_for(over(*jobs), "all jobs")
    assert [job.fetch().return_value() for job in jobs] == [3, 3, 1, 2, 3, 4, 5]


def test_a_job_that_fails_keeps_its_error(worker: Process) -> None:
    job = t.fail.enqueue()
    wait_for(over(job), "the job")
    assert state(job) is JobStatus.FAILED
    assert "ValueError: as asked" in error(job)


def test_a_job_is_tried_again_after_its_backoff(worker: Process, tmp_path: Path) -> None:
    job = t.fail_until.enqueue(str(tmp_path / "runs"), 2)
    wait_for(over(job), "the job")
    assert job.fetch().return_value() == 2


def test_a_job_fails_for_good_after_its_last_attempt(worker: Process, tmp_path: Path) -> None:
    job = t.fail_until.enqueue(str(tmp_path / "runs"), 9)
    wait_for(over(job), "the job", within=30)
    assert state(job) is JobStatus.FAILED
    assert len((tmp_path / "runs").read_text().splitlines()) == 3


@pytest.mark.parametrize(("name", "runs"), [("OSError", 3), ("FileNotFoundError", 1), ("ValueError", 1)])
def test_only_errors_that_are_worth_it_are_tried_again(worker: Process, tmp_path: Path, name: str, runs: int) -> None:
    job = t.fail_of.enqueue(str(tmp_path / "runs"), name)
    wait_for(lambda: state(job) is JobStatus.FAILED, "the job")
    assert len((tmp_path / "runs").read_text().splitlines()) == runs


def test_a_job_that_snoozes_runs_again_and_spends_no_attempt(worker: Process, tmp_path: Path) -> None:
    job = t.snooze_until.enqueue(str(tmp_path / "runs"), 3, 0.2)
    wait_for(over(job), "the job")
    assert job.fetch().return_value() == 3


def test_a_job_that_finds_somebody_busy_waits_two_seconds_and_spends_no_attempt(
    worker: Process, tmp_path: Path
) -> None:
    began = time.monotonic()
    job = t.ask_somebody.enqueue(str(tmp_path / "runs"))
    wait_for(over(job), "the job")
    assert (job.fetch().return_value(), time.monotonic() - began >= 2) == ("answered", True)


def test_a_job_that_finds_somebody_busy_for_too_long_fails_of_it(worker: Process) -> None:
    job = t.ask_nobody.enqueue()
    wait_for(over(job), "the job")
    assert "nobody is there" in error(job)


def test_a_delayed_job_waits_until_it_is_due(worker: Process, client: Redis) -> None:
    job = enqueue(t.add, 1, 1, delay=1.5)
    assert state(job) is JobStatus.SCHEDULED
    wait_for(over(job), "the job")
    found = job.fetch()
    assert found.started_at
    assert (found.started_at - found.created_at).total_seconds() >= 1.5


def test_jobs_of_one_key_run_one_at_a_time_and_in_order(worker: Process, processes: Processes, tmp_path: Path) -> None:
    processes.start("-m", "jobs", "worker").says("is ready")
    log = tmp_path / "log"
    jobs = [t.note.enqueue(str(log), str(number), seconds=0.01, key="contact:1") for number in range(8)]
    wait_for(over(*jobs), "the lane")
    assert log.read_text().split("\n")[:-1] == [f"{word} {n}" for n in range(8) for word in ("start", "end")]


def test_a_lane_waits_for_a_head_that_is_to_be_tried_again(worker: Process, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    head = t.fail_until.enqueue(str(runs), 2, key="contact:1")
    after = t.note.enqueue(str(runs), "after", key="contact:1")
    wait_for(over(head, after), "the lane")
    assert runs.read_text().splitlines() == ["run", "run", "start after", "end after"]


def test_a_lane_goes_on_after_a_head_that_has_failed_for_good(worker: Process) -> None:
    head, after = t.fail.enqueue(key="contact:1"), t.add.enqueue(1, 1, key="contact:1")
    wait_for(over(head, after), "the lane")
    assert (state(head), state(after)) == (JobStatus.FAILED, JobStatus.FINISHED)


def test_a_lane_whose_worker_died_before_the_next_step_is_swept(url: str, client: Redis, processes: Processes) -> None:
    head, after = t.add.enqueue(1, 1, key="k"), t.add.enqueue(2, 2, key="k")
    client.lrem(keys.queue("default"), 1, head.id)
    client.hset(keys.job(head.id), "status", "finished")
    processes.start("-m", "jobs", "worker")
    wait_for(over(after), "the sweep")
    assert not client.exists(keys.lane("k"), keys.LANES)


def test_plain_rq_reaches_a_registered_task_with_the_json_serializer(worker: Process, client: Redis) -> None:
    job = Queue("default", connection=client, serializer="json").enqueue(t.add, 4, 5)
    wait_for(over(job), "the job")
    assert Job.fetch(job.id, client).return_value() == 9


@pytest.mark.parametrize("name", ["os.system", "tests.tasks.not_a_task", "subprocess.run"])
def test_what_is_not_registered_does_not_run(worker: Process, client: Redis, name: str) -> None:
    """It waits for a worker that knows it."""
    job = Queue("default", connection=client, serializer="json").enqueue(name, "touch /tmp/never")
    wait_for(lambda: client.hget(keys.job(job.id), "unknown") == name.encode(), "the refusal")
    assert state(job) is JobStatus.SCHEDULED


def test_a_callback_that_is_not_registered_does_not_run(worker: Process, client: Redis) -> None:
    queue = Queue("default", connection=client, serializer="json")
    job = queue.enqueue(t.add, 1, 1, on_success=Callback("os.getcwd"))
    wait_for(over(job), "the refusal")
    assert "'os.getcwd' is not a registered task" in error(job)


def test_a_pickled_job_fails_with_its_cause_and_is_not_unpickled(worker: Process, client: Redis) -> None:
    job = Queue("default", connection=client, serializer="pickle").enqueue(t.add, 1, 1)
    wait_for(over(job), "the refusal")
    assert state(job) is JobStatus.FAILED
    assert "DeserializationError" in error(job)


def test_nothing_is_written_when_a_job_is_refused(url: str, client: Redis) -> None:
    with pytest.raises(UnknownTask):
        enqueue("os.system", "true")
    with pytest.raises(UnknownTask):
        enqueue_many([prepare(t.add, 1, 1), prepare("os.system")])
    assert client.dbsize() == 0


def test_the_same_job_id_is_one_job(worker: Process, client: Redis) -> None:
    first, second = (enqueue(t.add, 1, 1, job_id="order-7") for _ in range(2))
    assert (first.created, second.created) == (True, False)
    wait_for(over(first), "the job")
    assert client.llen(keys.queue("default")) == 0


def test_a_unique_id_is_refused_even_when_its_job_is_gone(url: str, client: Redis) -> None:
    assert enqueue(t.add, 1, 1, job_id="order-8", unique=True).created
    client.delete(keys.job("order-8"))
    assert not enqueue(t.add, 1, 1, job_id="order-8", unique=True).created


@pytest.mark.parametrize("program", here(), ids=str)
def test_durable_returns_once_the_job_is_on_disk_or_says_that_the_server_is_too_old(
    program: Server, tmp_path: Path
) -> None:
    port = free_port()
    server = start(tmp_path, port, "--loglevel", "warning", program=program.path)
    try:
        wait_for(lambda: answers(port), "the server")
        client = open_client(parse(f"redis://127.0.0.1:{port}/0"), "test")
        if program.version >= (7, 2):
            assert submit(client, [prepare(t.add, 1, 1)], durable=True)[0].created
        else:
            with pytest.raises(DurabilityUnavailable, match=r"older than Redis 7\.2"):
                submit(client, [prepare(t.add, 1, 1)], durable=True)
            assert client.dbsize() == 0
    finally:
        server.kill()
        server.wait()


def test_durable_is_refused_with_nothing_written_where_the_server_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port()
    where = parse(f"redis://127.0.0.1:{port}/0")
    server = start(tmp_path, port, "--loglevel", "warning", "--appendonly", "no")
    try:
        wait_for(lambda: answers(port), "the server")
        client = open_client(where, "test")
        with pytest.raises(DurabilityUnavailable, match="append-only file"):
            submit(client, [prepare(t.add, 1, 1)], durable=True)
        assert client.dbsize() == 0
        assert submit(client, [prepare(t.add, 1, 1)], durable="best")[0].created
    finally:
        server.kill()
        server.wait()


def test_sigterm_lets_the_running_job_finish_and_leaves_the_rest(
    url: str, processes: Processes, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    worker = processes.start("-m", "jobs", "worker", "--concurrency", "1")
    running, left = (t.note.enqueue(str(log), name, seconds=1.0) for name in ("first", "second"))
    wait_for(lambda: log.exists(), "the first job to start")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert log.read_text().split("\n")[:-1] == ["start first", "end first"]
    assert (state(running), state(left)) == (JobStatus.FINISHED, JobStatus.QUEUED)


def test_an_idle_worker_stops_within_three_seconds(worker: Process) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.ends(within=3) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this policy")
def test_who_runs_jobs_pushes_nobody_off_a_processor(worker: Process) -> None:
    keeper, child = worker.tree()
    policies = [{os.sched_getscheduler(thread.id) for thread in process.threads()} for process in (keeper, child)]
    assert policies == [{os.SCHED_OTHER}, {os.SCHED_BATCH}]


def test_a_process_of_a_pool_ends_with_its_keeper(processes: Processes, tmp_path: Path) -> None:
    """Or its job would run twice at once."""
    worker = processes.start("-m", "jobs", "worker", "--pool", "process", JOBS_TASKS="tests.tasks")
    worker.says("is ready")
    log = tmp_path / "log"
    t.burn.enqueue(str(log))
    pid = wait_for(lambda: int(log.read_text() or 0) if log.exists() else 0, "the job to start")
    worker.signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "the process of the job to be gone", within=3)


IMPORTS = """
import os, time
def say(word):
    with open({log!r}, "a") as log:
        log.write(f"{{word}}\\n")
say("begin")
time.sleep(0.2)
say("end")
"""


def test_children_import_as_many_at_once_as_there_are_processors(processes: Processes, tmp_path: Path) -> None:
    """Or the first would be ready only with the last."""
    log, count = tmp_path / "log", 2 * CORES + 1
    (tmp_path / "slow_import.py").write_text(IMPORTS.format(log=str(log)))
    environ = {"JOBS_TASKS": "slow_import", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    processes.start("-m", "jobs", "worker", "--pool", "process", "--concurrency", str(count), **environ)
    wait_for(lambda: log.exists() and log.read_text().count("end") == count, "all to be ready", within=60)
    open_imports = list(accumulate(1 if word == "begin" else -1 for word in log.read_text().split()))
    assert max(open_imports) <= CORES


def test_a_killed_worker_takes_its_running_job_with_it(worker: Process, tmp_path: Path) -> None:
    log = tmp_path / "log"
    t.note.enqueue(str(log), "orphan", seconds=30)
    wait_for(lambda: log.exists(), "the job to start")
    tree = worker.tree()
    worker.signal(signal.SIGKILL)
    worker.ends()
    wait_for(lambda: not any(is_alive(process.pid) for process in tree), "the child to die too")


def test_a_worker_outlives_its_redis_and_hears_commands_again(
    monkeypatch: pytest.MonkeyPatch, processes: Processes, tmp_path: Path
) -> None:
    port = free_port()
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    server = start(tmp_path, port, "--loglevel", "warning")
    worker = processes.start("-m", "jobs", "worker")
    worker.says("is ready")
    server.kill()
    server.wait()
    worker.says("lost Redis")
    server = start(tmp_path, port, "--loglevel", "warning")
    try:
        client = Redis(port=port)
        wait_for(lambda: answers(port), "the server to be back")
        job = Queue("default", connection=client, serializer="json").enqueue(t.add, 1, 1)
        wait_for(over(job), "the job after the outage")
        [channel] = wait_for(lambda: client.pubsub_channels("rq:pubsub:*"), "the worker to listen for commands again")
        send_shutdown_command(client, channel.decode().removeprefix("rq:pubsub:"))
        assert worker.ends() == 0
    finally:
        server.kill()
        server.wait()


def test_what_is_done_is_handed_in_while_every_thread_is_busy(
    url: str, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    processes.start("-m", "jobs", "worker", "--concurrency", "2").says("is ready")
    log = tmp_path / "log"
    short = [prepare(t.note, str(log), str(number)) for number in range(60)]
    long = [prepare(t.note, str(log), "long", 10.0) for _ in range(2)]
    submit(client, [*short, *long])
    wait_for(lambda: log.exists() and log.read_text().count("start long") == 2, "the long ones to run")
    done = log.read_text().count("end")  # turns overtake one another, so a few of the short ones may still wait
    assert done > 0
    wait_for(lambda: client.zcard(keys.registry("finished", "default")) == done, "what is done to be handed in", 3)
    assert log.read_text().count("end") == done
