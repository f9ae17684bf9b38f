"""What happens to Redis, and to the way there."""

import signal
from collections.abc import Iterator

import pytest

from tests.battery.proxy import Proxy
from tests.battery.stand import Stand
from tests.chaos.server import Server
from tests.support import Processes


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
