"""What happens to processes: killed, frozen, dying again and again, started in the wrong place."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from jobs import keys
from tests.battery.stand import Stand
from tests.chaos.server import Server
from tests.support import Process, Processes, answers, free_port, get, wait_for

NO_WORKER = frozenset(["no_worker"])


@pytest.fixture
def worker(stand: Stand) -> Iterator[Process]:
    """The only one, until the test starts another."""
    found = stand.work()
    stand.is_calm()
    yield found
    stand.dismiss_all()


def kill(process: Process, number: signal.Signals = signal.SIGKILL) -> None:
    process.signal(number)
    process.ends()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker(stand: Stand, worker: Process, number: signal.Signals) -> None:
    said = stand.proves("no_worker", lambda: kill(worker, number), stand.work)
    assert ("stopped" if number is signal.SIGTERM else "was last seen") in said


def test_worker_silent_when_it_is_frozen(crew: Processes, url: str) -> None:
    """On a line of its own, whose only worker it is."""
    own = Stand(crew, url)
    try:
        worker = own.work()
        said = own.proves(
            "worker_silent",
            lambda: worker.signal_all(signal.SIGSTOP),
            lambda: worker.signal_all(signal.SIGCONT),
        )
        assert "it is frozen, or cut off" in said
        assert "nobody else serves 'default'" in said
    finally:
        own.close()


def test_worker_silent_when_one_of_two_is_killed(stand: Stand, worker: Process) -> None:
    other = stand.work()
    said = stand.proves("worker_silent", lambda: kill(other), stand.work)
    assert "it has been killed, and nobody has taken its place" in said


def test_crash_loop_of_a_child(crew: Processes, url: str, tmp_path: Path) -> None:
    own = Stand(crew, url)
    try:
        cause = tmp_path / "cause"
        worker = own.work(DIE_OF=str(cause))
        child = worker.running("jobs.worker.child")[0]

        def break_it() -> None:
            cause.touch()
            child.kill()

        said = own.proves("crash_loop", break_it, cause.unlink)
        assert "in a row" in said
    finally:
        own.close()


def test_crash_loop_of_a_worker(crew: Processes, url: str) -> None:
    """Started again and again, as by a platform, and killed each time when it has just come up."""
    own = Stand(crew, url)
    try:
        own.work(JOBS_QUEUES="other", SERVICE_NAME="steady")

        def die_again_and_again() -> None:
            for _ in range(5):
                own.work(SERVICE_NAME="shaky").signal(signal.SIGKILL)

        own.proves("crash_loop", die_again_and_again, lambda: own.work(SERVICE_NAME="shaky"))
    finally:
        own.close()


def test_crash_loop_of_a_worker_whose_code_cannot_be_loaded(crew: Processes, url: str) -> None:
    """It ends by itself, says so, and is started again, as by a platform."""
    own = Stand(crew, url)
    try:
        own.work(JOBS_QUEUES="other", SERVICE_NAME="steady")

        def come_up_in_vain() -> None:
            for _ in range(5):
                worker = own.start("-m", "jobs", "worker", SERVICE_NAME="shaky", JOBS_TASKS="no.such")
                assert worker.ends() == 2

        own.proves("crash_loop", come_up_in_vain, lambda: own.work(SERVICE_NAME="shaky"))
    finally:
        own.close()


def test_wrong_role(crew: Processes, url: str) -> None:
    """On Railway a service that is to be the worker is started as web, which is the Procfile's first line."""
    railway = {"RAILWAY_ENVIRONMENT_NAME": "production", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15"}
    service = {**railway, "RAILWAY_SERVICE_NAME": "worker", "JOBS_ROLE": "worker"}
    own = Stand(crew, url)
    try:
        before = own.work()
        started: list[Process] = []

        def deploy() -> None:
            port = free_port()
            started.append(own.start("-m", "web", PORT=str(port), **service))
            wait_for(lambda: answers(port) and get(port, "/readyz")[0] == 200, "the service to be ready")
            own.dismiss(before)

        def repair() -> None:
            own.start("-m", "jobs", "start", PORT=str(free_port()), **service).says("is ready")
            own.dismiss(started[0])

        said = own.proves("wrong_role", deploy, repair)
        assert "of service worker runs web" in said
    finally:
        own.close()


@pytest.mark.parametrize("difference", ["prefix", "db"])
def test_different_namespace(crew: Processes, url: str, server_port: int, difference: str) -> None:
    elsewhere = f"redis://127.0.0.1:{server_port}/997"
    environ = {"RQ_KEY_PREFIX": "other"} if difference == "prefix" else {"REDIS_URL": elsewhere}
    own = Stand(crew, url)
    try:
        said = own.proves("different_namespace", lambda: own.work(**environ), own.work)
        assert ("prefix other" if difference == "prefix" else "db 997") in said
    finally:
        own.close()
        Redis.from_url(elsewhere).flushdb()


def test_no_scheduler(crew: Processes, server: Server) -> None:
    """Where there is no worker that would lead in its place, nor one of a neighbour's."""
    own = Stand(crew, server.url)
    try:
        scheduler = own.start("-m", "jobs", "scheduler")
        wait_for(lambda: server.client.exists(keys.LEADER), "it to lead")
        wait_for(lambda: own.looks[-1].codes == NO_WORKER, "the verdict")
        again: list[Process] = []
        own.proves(
            "no_scheduler",
            lambda: kill(scheduler),
            lambda: again.append(own.start("-m", "jobs", "scheduler")),
            beside=NO_WORKER,
        )
    finally:
        own.close()
