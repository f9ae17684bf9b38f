"""What a user's code asks of Redis ends within 5 s, in an error with a name; a short outage is waited out."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from jobs import (
    RedisUnavailable,
    attempts,
    connection,
    enqueue,
    enqueue_many,
    is_busy,
    is_locked,
    keys,
    lock,
    prepare,
    registry,
    settings,
)
from jobs.queues import JobRef
from tests.chaos.server import Server
from tests.network import Way, way
from tests.support import wait_for

TASK = "tests.tasks.add"
LONGEST = 5.0


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("redis"))
    found.start()
    yield found
    found.signal(signal.SIGCONT)
    found.close()


@pytest.fixture
def network(server: Server) -> Iterator[Way]:
    with way(server.port) as found:
        yield found


@pytest.fixture
def ours(network: Way, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """This process's client, through the network."""
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{network.port}/0")
    _forget()
    registry.load(("tests.tasks",))
    yield connection.default()
    connection.default().close()
    _forget()


def _forget() -> None:
    for cached in (settings.current, connection.default, connection.patient, connection.address):
        cached.cache_clear()


def _take_lock() -> None:
    with lock("a lock", wait=0):
        raise AssertionError("it was taken")


CALLS: dict[str, Callable[[], object]] = {
    "enqueue": lambda: enqueue(TASK, 1, 2),
    "enqueue_many": lambda: enqueue_many([prepare(TASK, 1, 2)]),
    "fetch": lambda: JobRef("one", "default", True).fetch(),
    "attempts": lambda: attempts("one"),
    "is_busy": lambda: is_busy("a key"),
    "is_locked": lambda: is_locked("a lock"),
    "lock": _take_lock,
}


def _fails_in_time(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(RedisUnavailable, match="does not answer"):
        call()
    return time.monotonic() - began


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("how", ["frozen", "black hole"])
def test_every_call_ends_within_5_s(ours: Redis, server: Server, network: Way, how: str, connected: bool) -> None:
    if connected:
        with ThreadPoolExecutor(len(CALLS)) as pool:
            list(pool.map(lambda _: ours.ping(), CALLS))
    server.signal(signal.SIGSTOP) if how == "frozen" else network.cut()
    with ThreadPoolExecutor(len(CALLS)) as pool:
        took = dict(zip(CALLS, pool.map(_fails_in_time, CALLS.values()), strict=True))
    assert max(took.values()) <= LONGEST, took


def test_a_host_that_drops_packets_ends_within_5_s_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """192.0.2.0/24 belongs to nobody (RFC 5737)."""
    monkeypatch.setenv("REDIS_URL", "redis://192.0.2.1:6379/0")
    _forget()
    registry.load(("tests.tasks",))
    assert _fails_in_time(CALLS["enqueue"]) <= LONGEST
    _forget()


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_a_freeze_is_waited_out_and_the_job_is_accepted_once(ours: Redis, server: Server, seconds: float) -> None:
    """Within one try, and over two: then the server is given the job twice."""
    ours.ping()
    server.signal(signal.SIGSTOP)
    threading.Timer(seconds, server.signal, [signal.SIGCONT]).start()
    accepted = enqueue(TASK, 1, 2)
    assert server.client.lrange(keys.queue("default"), 0, -1) == [accepted.id.encode()]


def test_a_restart_is_waited_out(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", server.url)
    _forget()
    registry.load(("tests.tasks",))
    connection.default().ping()
    server.kill()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(enqueue, TASK, 1, 2)
        wait_for(lambda: "try 1" in caplog.text, "a try to be refused")
        server.start()
        accepted = sent.result()
    assert server.client.lrange(keys.queue("default"), 0, -1) == [accepted.id.encode()]
    _forget()
