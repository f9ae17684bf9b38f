"""A master, two replicas and three Sentinels, as people run them; and a stranger where nobody should go."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import psutil
from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher.servers import binary
from jobs.supervise.process import die_with
from tests.chaos.server import Server
from tests.support import free_port, wait_for

NAME = "line"
SENTINELS, QUORUM = 3, 2
DOWN_AFTER = 1000
"""Milliseconds after which a server that says nothing is taken for dead."""
PATIENCE = 60.0
DEFAULT_PORT = 6379
"""Of redis-py, where it has not been told another."""


class Service:
    """Three servers, of which one is the master, under Sentinel. A master without a replica takes no writes."""

    def __init__(self, first: Server, folder: Path) -> None:
        first.client.config_set("repl-diskless-sync-delay", 0)
        self.servers = [first, *(_replica_of(first, folder / f"replica-{number}") for number in (1, 2))]
        for server in self.servers:
            server.client.config_set("min-replicas-to-write", 1)
            server.client.config_set("repl-diskless-sync-delay", 0)
        ports = [free_port() for _ in range(SENTINELS)]
        self._sentinels = [_sentinel(port, first.port, folder) for port in ports]
        self._asked = [Redis(port=port, socket_timeout=2) for port in ports]
        self.url = f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in ports)}/{NAME}/0"
        wait_for(self._is_whole, "every Sentinel to know all servers", PATIENCE)

    @property
    def master(self) -> Server:
        """The one that most Sentinels name."""
        named = [state["port"] for state in self._states()]
        return max(self.servers, key=lambda server: named.count(server.port))

    def lose_master(self, number: signal.Signals) -> Server:
        """SIGKILL or SIGSTOP the master, and wait until another one takes writes. Returns the one that was lost."""
        lost = self.master
        lost.kill() if number is signal.SIGKILL else lost.signal(number)
        wait_for(lambda: self.master is not lost and self._takes_writes(), "another master to take writes", PATIENCE)
        return lost

    def take_back(self) -> None:
        """Wait until every other server is a replica of the master's, and has all that it has."""
        wait_for(self._is_followed, "every other server to be a replica", PATIENCE)

    def confirms(self, client: Redis, send: Callable[[], None]) -> bool:
        """Send, and say whether every replica has it, for Sentinel may choose any of them."""
        with suppress(RedisError):
            before = client.info()
            send()
            with client.pipeline(transaction=False) as pipeline:
                pipeline.set("confirmed", 1)  # a write of this connection's, behind all that was sent before
                pipeline.wait(before["connected_slaves"], 2000)
                _, replicas = pipeline.execute()
            after = client.info()
            return bool(replicas >= after["connected_slaves"] > 0 and after["run_id"] == before["run_id"])
        return False

    def close(self) -> None:
        for process in self._sentinels:
            process.kill()
            process.wait()
        for client in self._asked:
            client.close()
        for server in self.servers[1:]:
            server.close()

    def _is_followed(self) -> bool:
        master = self.master
        return all(_follows(server, master.port) for server in self.servers if server is not master)

    def _takes_writes(self) -> bool:
        with suppress(RedisError):
            return bool(self.master.client.set("writable", 1))
        return False

    def _is_whole(self) -> bool:
        with suppress(RedisError):
            return all(one["num-slaves"] == 2 and one["num-other-sentinels"] == 2 for one in self._states())
        return False

    def _states(self) -> list[dict[str, Any]]:
        """The service as each Sentinel sees it."""
        return [cast(dict[str, dict[str, Any]], one.sentinel_masters())[NAME] for one in self._asked]


@contextmanager
def service(first: Server, folder: Path) -> Iterator[Service]:
    found = Service(first, folder)
    try:
        yield found
    finally:
        found.close()


def _replica_of(master: Server, folder: Path) -> Server:
    folder.mkdir()
    found = Server(folder)
    found.start()
    found.client.replicaof("127.0.0.1", str(master.port))
    wait_for(lambda: _follows(found, master.port), "a replica to have all", PATIENCE)
    return found


def _follows(server: Server, port: int) -> bool:
    with suppress(RedisError):
        found = server.client.info("replication")
        told = (found["role"], found.get("master_port"), found.get("master_link_status"))
        return told == ("slave", port, "up")
    return False


def _sentinel(port: int, master: int, folder: Path) -> "subprocess.Popen[bytes]":
    home = folder / f"sentinel-{port}"
    home.mkdir()
    config = home / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\nsentinel monitor {NAME} 127.0.0.1 {master} {QUORUM}\n"
        f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\nsentinel failover-timeout {NAME} 6000\n"
    )
    me = os.getpid()
    return subprocess.Popen(
        [binary(), config, "--sentinel"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: die_with(me, signal.SIGTERM),
    )


@contextmanager
def stranger() -> Iterator[None]:
    """Somebody listens on port 6379: this, or whoever has it already."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind(("127.0.0.1", DEFAULT_PORT))
            listener.listen()
        yield


def visitors(pids: Sequence[int]) -> list[int]:
    """Those of these processes that are connected to the stranger."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if any(one.raddr and one.raddr.port == DEFAULT_PORT for one in psutil.Process(pid).net_connections()):
                found.append(pid)
    return found
