"""The local server: one per folder, shared, durable, gone with its last user."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher.server import start
from jobs.launcher.servers import Server, here, written
from tests.support import Process, Processes, free_port, is_alive, wait_for

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


def test_data_that_no_server_here_can_read_is_one_line_that_names_its_writer(
    processes: Processes, folder: Path
) -> None:
    files = folder / ".signalbox" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    (files / "appendonly.aof.1.base.rdb").write_bytes(b"REDIS0099\xfa\tredis-ver\x0699.0.1\xfa\nredis-bits\xc0@")
    command = ("-m", "jobs", "enqueue", "tests.tasks.add", "1", "2")
    process = processes.start_in(folder, *command, JOBS_TASKS="tests.tasks", PATH="/nonexistent")
    assert process.ends() == 2
    [line] = process.lines
    assert "Redis 99.0.1 has written the data in " in line
    assert ", which is here, cannot read it. Install Redis 99 or newer" in line


@pytest.mark.parametrize("first", here(), ids=str)
def test_each_servers_data_is_read_by_the_server_that_is_chosen_for_it(tmp_path: Path, first: Server) -> None:
    for program, length in ((first.path, 1), (None, 2)):
        port = free_port()
        process = start(tmp_path, port, "--loglevel", "warning", program=program)
        with Redis(port=port) as client:
            wait_for(lambda client=client: _length(client) >= 0, "the server to answer")  # type: ignore[misc]
            assert client.rpush("kept", "one") == length
        process.terminate()
        process.wait(10)
    found = written(tmp_path)
    assert found
    assert found.writer[:2] == first[:2]


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
