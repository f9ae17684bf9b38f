"""Servers that answer and refuse: each is said as what it is, by what is called and by the commands."""

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs import queues, refusals
from jobs.address import parse
from jobs.connection import open_client, require
from jobs.errors import SettingsError
from jobs.launcher.server import start
from jobs.refusals import Kind
from jobs.scripts import NewJob
from tests.support import Processes, free_port, wait_for

JOB = NewJob("one", "default", {"data": "x", "description": "x()"})


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Redis]:
    port = free_port()
    process = start(folder, port, "--loglevel", "warning", *options)
    client = Redis(port=port)
    try:
        wait_for(lambda: _answers(client), "the server to answer")
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def _answers(client: Redis) -> bool:
    with suppress(RedisError):
        return bool(client.ping())
    return False


def _url(client: Redis, user: str = "") -> str:
    return f"redis://{user}127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running(tmp_path_factory.mktemp("refusing"), "--enable-protected-configs", "yes") as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">pw", "~*", "+@all", "-evalsha", "-eval", "-get")
        yield client


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with running(tmp_path_factory.mktemp("cluster"), *options) as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "the cluster to be whole")
        yield client


def _lose_disk(server: Redis, folder: Path) -> Callable[[], object]:
    gone = folder / "gone"
    gone.mkdir()
    server.config_set("dir", str(gone))
    server.config_set("save", "3600 1")
    shutil.rmtree(gone)
    server.execute_command("BGSAVE")
    wait_for(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err", "a save to fail")
    return lambda: (server.config_set("save", ""), server.config_set("dir", str(folder)), server.bgsave())


def _set(server: Redis, name: str, value: object, after: object) -> Callable[[], object]:
    server.config_set(name, str(value))
    return lambda: server.config_set(name, str(after))


def _make_replica(server: Redis, folder: Path) -> Callable[[], object]:
    server.replicaof("127.0.0.1", "1")
    return lambda: server.replicaof("NO", "ONE")


WAYS: dict[Kind, Callable[[Redis, Path], Callable[[], object]]] = {
    "readonly": _make_replica,
    "full": lambda server, folder: _set(server, "maxmemory", 1, 0),
    "replicas": lambda server, folder: _set(server, "min-replicas-to-write", 1, 0),
    "disk": _lose_disk,
}


@pytest.mark.parametrize("kind", WAYS)
def test_a_refused_write_is_of_its_kind(server: Redis, tmp_path: Path, kind: Kind) -> None:
    mend = WAYS[kind](server, tmp_path)
    where = parse(_url(server))
    try:
        found = open_client(where, "test", retries=0)
        require(found, where)  # it may still be read
        with pytest.raises(RedisError) as caught:
            queues.submit(found, [JOB])
    finally:
        mend()
    assert refusals.kind(caught.value) == kind
    assert refusals.said(caught.value).startswith(("READONLY", "OOM", "NOREPLICAS", "MISCONF"))


def test_a_missing_permission_names_itself(server: Redis) -> None:
    where = parse(_url(server, "narrow:pw@"))
    with pytest.raises(RedisError) as caught:
        queues.submit(open_client(where, "test", retries=0), [JOB])
    assert refusals.kind(caught.value) == "permission"
    assert "evalsha" in refusals.said(caught.value)


def test_a_cluster_is_named_before_anything_is_asked_of_it(cluster: Redis) -> None:
    where = parse(_url(cluster))
    with pytest.raises(SettingsError, match="Redis Cluster, which Signalbox cannot use"):
        require(open_client(where, "test", retries=0), where)
    with pytest.raises(RedisError) as caught:
        open_client(where, "test", retries=0).mget("two", "keys")
    assert refusals.kind(caught.value) == "cluster"


@pytest.mark.parametrize("command", [("worker",), ("status",)])
def test_a_command_on_a_cluster_ends_with_one_line(
    cluster: Redis, processes: Processes, command: tuple[str, ...]
) -> None:
    process = processes.start("-m", "jobs", *command, REDIS_URL=_url(cluster))
    assert process.ends() == 2
    assert "Redis Cluster" in process.lines[-1]


def test_the_doctor_names_a_cluster(cluster: Redis, processes: Processes, tmp_path: Path) -> None:
    code, checks = doctor(processes, tmp_path, _url(cluster))
    assert (code, [check["code"] for check in checks if check["level"] == "fail"]) == (2, ["redis_is_a_cluster"])


def test_the_doctor_names_a_missing_permission(server: Redis, processes: Processes, tmp_path: Path) -> None:
    code, checks = doctor(processes, tmp_path, _url(server, "narrow:pw@"))
    said = " ".join(check["says"] for check in checks if check["level"] == "fail")
    assert code == 2
    assert "does not permit" in said
    assert "does not answer" not in said


@pytest.fixture
def old(server: Redis) -> Iterator[str]:
    """The server, as if it were of another version: there is no other one here to be asked."""
    version = str(server.info("server")["redis_version"])
    told = {version: "6.2" + version[3:], "valkey_version": "_alkey_version"}
    with _rewriting(server.connection_pool.connection_kwargs["port"], told) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _rewriting(target: int, texts: dict[str, str]) -> Iterator[int]:
    """A way to a port on which texts take the place of others, each of the same length."""
    ends: list[socket.socket] = []

    def pass_on(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(1 << 20):
                for real, shown in texts.items():
                    data = data.replace(real.encode(), shown.encode())
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", target))
                ends.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        for end in ends:
            end.close()


def test_an_old_server_is_named_with_its_version(old: str, processes: Processes, tmp_path: Path) -> None:
    where = parse(old)
    with pytest.raises(SettingsError, match=r"Redis 6\.2\S* is too old: Signalbox needs 7\.0"):
        require(open_client(where, "test", retries=0), where)
    code, checks = doctor(processes, tmp_path, old)
    [check] = [check for check in checks if check["level"] == "fail" and check["name"] == "version"]
    assert code == 2
    assert "is too old" in check["says"]


def doctor(processes: Processes, folder: Path, url: str) -> tuple[int, list[dict[str, str]]]:
    process = processes.start_in(folder, "-m", "jobs", "doctor", "--json", REDIS_URL=url)
    code = process.ends()
    return code, json.loads(process.lines[-1])["checks"]
