"""What happens to Redis, and to the way there."""

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.battery.proxy import Proxy
from tests.battery.stand import Stand
from tests.chaos.server import Server
from tests.support import Processes, get, wait_for


@pytest.fixture(scope="module")
def stand(crew: Processes, server: Server) -> Iterator[Stand]:
    found = Stand(crew, server.url)
    found.work()
    yield found
    found.close()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    found = Proxy(server.port)
    yield found
    found.close()


def test_redis_evicts(stand: Stand, server: Server) -> None:
    said = stand.proves(
        "redis_evicts",
        lambda: server.client.config_set("maxmemory-policy", "allkeys-lru"),
        lambda: server.client.config_set("maxmemory-policy", "noeviction"),
    )
    assert "maxmemory-policy allkeys-lru" in said


def test_redis_not_persistent(stand: Stand, server: Server) -> None:
    stand.proves(
        "redis_not_persistent",
        lambda: server.client.config_set("appendonly", "no"),
        lambda: server.client.config_set("appendonly", "yes"),
    )


def test_redis_full(stand: Stand, server: Server) -> None:
    stand.proves("redis_full", server.make_full, server.make_roomy)


def test_redis_readonly(stand: Stand, server: Server) -> None:
    said = stand.proves("redis_readonly", server.make_read_only, server.make_writable)
    assert "replica of 127.0.0.1:1" in said


def test_redis_unreachable_when_it_is_frozen(stand: Stand, server: Server) -> None:
    stand.proves("redis_unreachable", lambda: server.signal(signal.SIGSTOP), lambda: server.signal(signal.SIGCONT))


def test_redis_unreachable_when_it_is_killed(stand: Stand, server: Server) -> None:
    stand.proves("redis_unreachable", server.kill, server.start)


def test_redis_unreachable_through_a_black_hole(crew: Processes, stand: Stand, server: Server, proxy: Proxy) -> None:
    """Only web's way there; the worker goes on."""
    other = Stand(crew, server.url, REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
    try:
        other.proves("redis_unreachable", proxy.swallow, proxy.pass_on)
    finally:
        other.close()


def test_worker_silent_behind_a_black_hole(stand: Stand, server: Server, proxy: Proxy) -> None:
    """Only the way of a second worker; what it serves, another serves too."""
    stand.work(REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
    said = stand.proves("worker_silent", proxy.swallow, proxy.pass_on)
    assert "it is frozen, or cut off from the network" in said


def refuses_writes(stand: Stand, break_it: Callable[[], object], repair_it: Callable[[], object], words: str) -> None:
    """Named within 5 s, never as a worker's fault; and web is not ready."""

    def break_and_look() -> None:
        break_it()
        wait_for(lambda: get(stand.port, "/readyz")[0] == 503, "web not to be ready", 5)

    assert words in stand.proves("redis_refuses_writes", break_and_look, repair_it, within=5)
    wait_for(lambda: get(stand.port, "/readyz")[0] == 200, "web to be ready")


def test_redis_refuses_writes_without_its_replicas(stand: Stand, server: Server) -> None:
    def break_it() -> None:
        server.client.config_set("min-replicas-to-write", 1)
        stand.lasts(18)  # longer than any process may be silent

    def repair_it() -> None:
        server.client.config_set("min-replicas-to-write", 0)

    refuses_writes(stand, break_it, repair_it, "too few replicas")


def test_redis_refuses_writes_when_a_snapshot_has_failed(stand: Stand, server: Server) -> None:
    refuses_writes(stand, server.break_snapshots, server.mend_snapshots, "unable to persist to disk")
