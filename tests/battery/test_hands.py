"""What people do to a line, and what its jobs do: web, and a worker with two slots."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rq
from redis import Redis
from rq.serializers import JSONSerializer

from jobs import keys, prepare, queues
from jobs.health.diagnosis import Limits
from jobs.scripts import NewJob
from tests.battery import tasks as t
from tests.battery.stand import SHORT, WITHIN, Stand
from tests.support import ROOT, Process, wait_for

LIMITS = Limits(float(SHORT["JOBS_HEARTBEAT"]))
SLACK = 5.0


@pytest.fixture(scope="module")
def worker(stand: Stand) -> Process:
    found = stand.work("--concurrency", "2", "default")
    stand.is_calm()
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left(worker: Process, line: Redis) -> Iterator[None]:
    yield
    wait_for(lambda: not line.zcard(keys.registry("wip", "default")), "its jobs to have ended")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """The file that jobs wait for."""
    found = tmp_path / "gate"
    yield found
    found.touch()


def send(line: Redis, job: NewJob) -> Callable[[], object]:
    return lambda: queues.submit(line, [job])


def rq_says(stand: Stand, *command: str) -> Callable[[], object]:
    """Stock RQ's own command line."""
    arguments = [sys.executable, "-m", "rq.cli", *command, "--url", stand.url]
    return lambda: subprocess.run(arguments, check=True, capture_output=True, timeout=20)


def jobs_says(stand: Stand, *command: str) -> Callable[[], object]:
    return lambda: stand.run("-m", "jobs", *command)


def child_of(worker: Process) -> int:
    """The pid of its child."""
    return worker.running("jobs.worker.child")[0].pid


def test_worker_suspended(stand: Stand) -> None:
    stand.proves("worker_suspended", rq_says(stand, "suspend"), rq_says(stand, "resume"))


def test_queue_paused(stand: Stand) -> None:
    said = stand.proves("queue_paused", jobs_says(stand, "pause", "default"), jobs_says(stand, "resume", "default"))
    assert "'default' is paused" in said


def test_queue_not_consumed(stand: Stand, line: Redis) -> None:
    started: list[Process] = []
    said = stand.proves(
        "queue_not_consumed",
        send(line, prepare(t.nap, 0, queue="emails")),
        lambda: started.append(stand.work("emails")),
    )
    assert "'emails' has 1 job queued" in said
    stand.dismiss(started[0])


def test_lane_halted(stand: Stand, line: Redis) -> None:
    job = prepare(t.fail, key="contact:1", policy="halt")
    said = stand.proves("lane_halted", send(line, job), jobs_says(stand, "lanes", "skip", "contact:1"))
    assert f"contact:1 (0 waiting for {job.id})" in said


def test_waits_in_vain(stand: Stand, line: Redis) -> None:
    queue = rq.Queue("default", connection=line, serializer=JSONSerializer)

    def depend() -> None:
        first = queue.enqueue(f"{t.__name__}.fail", job_id="a")
        queue.enqueue(f"{t.__name__}.nap", 0, job_id="b", depends_on=first)

    said = stand.proves("waits_in_vain", depend, jobs_says(stand, "cancel", "b"))
    assert "1 job of 'default' waits in vain: b for a, which has failed" in said


def test_unknown_task(stand: Stand, line: Redis) -> None:
    """Enqueued by RQ, which asks nobody whether there is such a task."""
    queue = rq.Queue("default", connection=line, serializer=JSONSerializer)
    said = stand.proves(
        "unknown_task",
        lambda: queue.enqueue("shop.tasks.send_receipt", 7, job_id="receipt"),
        jobs_says(stand, "cancel", "receipt"),
    )
    assert "1 job waits for a worker that knows shop.tasks.send_receipt" in said


def test_unknown_task_until_the_workers_are_deployed_too(stand: Stand, line: Redis, tmp_path: Path) -> None:
    """The enqueuer's new code came first: its job waits, and runs once a worker has that code."""
    queue, log = rq.Queue("default", connection=line, serializer=JSONSerializer), tmp_path / "log"
    newer = {"JOBS_TASKS": "tests.battery.tasks,tests.tasks"}
    said = stand.proves(
        "unknown_task",
        lambda: queue.enqueue("tests.tasks.note", str(log), "ran"),
        lambda: stand.work(**newer),
        beside=frozenset(["code_mismatch"]),  # web is not deployed here
    )
    assert "knows tests.tasks.note" in said
    assert log.read_text() == "start ran\nend ran\n"
    stand.dismiss(stand.workers[-1])


def test_serializer_mismatch(stand: Stand, line: Redis) -> None:
    """Enqueued by RQ, which pickles unless it is told not to."""
    stand.proves(
        "serializer_mismatch",
        lambda: rq.Queue("default", connection=line).enqueue(t.nap, 0, job_id="pickled"),
        jobs_says(stand, "dead", "delete", "pickled"),
    )


def test_all_slots_busy(stand: Stand, line: Redis, gate: Path) -> None:
    jobs = [prepare(t.wait, str(gate)) for _ in range(3)]
    said = stand.proves("all_slots_busy", lambda: queues.submit(line, jobs), gate.touch, within=LIMITS.late + SLACK)
    assert "'default' has 1 job queued" in said
    assert "all 2 slots of 1 worker are busy" in said


def test_lane_blocked(stand: Stand, line: Redis, gate: Path) -> None:
    jobs = [prepare(t.wait, str(gate), key="contact:2") for _ in range(2)]
    said = stand.proves("lane_blocked", lambda: queues.submit(line, jobs), gate.touch, within=LIMITS.patience + SLACK)
    assert f"1 job of lane contact:2 wait for {jobs[0].id}" in said


def test_backlog_growing(stand: Stand, line: Redis) -> None:
    enough = threading.Event()

    def feed() -> None:
        while not enough.wait(0.25):
            queues.submit(line, [prepare(t.nap, 0.1) for _ in range(20)])

    feeder = threading.Thread(target=feed)

    def stop() -> None:
        enough.set()
        feeder.join()

    try:
        stand.proves("backlog_growing", feeder.start, stop, within=LIMITS.patience * 1.5 + SLACK)
    finally:
        enough.set()
        line.delete(keys.queue("default"))


def test_stuck_job(stand: Stand, line: Redis, gate: Path, worker: Process) -> None:
    """Its process is stopped; one that a job holds looks the same."""
    job = prepare(t.wait, str(gate))
    child = child_of(worker)

    def stop() -> None:
        queues.submit(line, [job])
        wait_for(Path(f"{gate}-reached").exists, "the job to run")
        os.kill(child, signal.SIGSTOP)

    def go_on() -> None:
        os.kill(child, signal.SIGCONT)
        gate.touch()

    said = stand.proves("stuck_job", stop, go_on)
    assert f"Job {job.id} holds a process of worker-" in said


def test_heartbeat_late(stand: Stand, worker: Process) -> None:
    child = child_of(worker)
    stand.proves(
        "heartbeat_late",
        lambda: os.kill(child, signal.SIGSTOP),
        lambda: os.kill(child, signal.SIGCONT),
        within=LIMITS.late + SLACK,
    )


def test_foreign_worker(stand: Stand) -> None:
    started: list[Process] = []
    stand.proves(
        "foreign_worker",
        lambda: started.append(stand.start("-m", "rq.cli", "worker", "default", "--url", stand.url)),
        lambda: stand.dismiss(started[0]),
    )


STRANGERS: dict[str, dict[str, str]] = {
    "serializer_mismatch": {"JOBS_SERIALIZER": "pickle"},
    "code_mismatch": {"JOBS_TASKS": "jobs.examples.wordcount"},
    "draining_too_short": {"RAILWAY_ENVIRONMENT_NAME": "production", "JOBS_WORKER_PORT": ""},
}


@pytest.mark.parametrize("code", STRANGERS)
def test_a_worker_that_is_not_like_the_others(stand: Stand, worker: Process, code: str) -> None:
    _beside(stand, code, STRANGERS[code])


def test_a_worker_of_another_commit(stand: Stand, worker: Process) -> None:
    _beside(stand, "code_mismatch", {"SOURCE_VERSION": "0ld"}, within=LIMITS.deploy + SLACK)


def test_version_mismatch(stand: Stand, tmp_path: Path) -> None:
    """What Python says is installed, and so all that anybody can tell."""
    folder = tmp_path / "rq-2.9.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: rq\nVersion: 2.9.0\n")
    _beside(stand, "version_mismatch", {"PYTHONPATH": f"{tmp_path}:{ROOT}"})


def test_clock_skew(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\nreal = time.time\ntime.time = lambda: real() - 60\n")
    said = _beside(stand, "clock_skew", {"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert "60 s behind" in said


def _beside(stand: Stand, code: str, environ: dict[str, str], within: float = WITHIN) -> str:
    """A second worker, which differs, is started; then it is ended."""
    started: list[Process] = []
    return stand.proves(
        code,
        lambda: started.append(stand.work("default", **environ)),
        lambda: stand.dismiss(started[0]),
        within=within,
    )
