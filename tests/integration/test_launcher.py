"""The combo launcher with real parts: clear within 10 s, one SIGTERM, codes passed on, nothing left."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support import ROOT, Process, Processes, free_port, get, is_alive, wait_for
from tests.tasks import add


def write_procfile(folder: Path, **lines: str) -> None:
    (folder / "Procfile").write_text("".join(f"{name}: {command}\n" for name, command in lines.items()))


@pytest.fixture
def combo(processes: Processes, folder: Path) -> tuple[Process, int]:
    port = free_port()
    return processes.start_in(folder, "-m", "jobs", "combo", PORT=str(port)), port


def left(tree: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in tree if is_alive(process.pid)]


def test_the_line_is_clear_within_ten_seconds_and_ctrl_c_leaves_nothing(combo: tuple[Process, int]) -> None:
    process, port = combo
    began = time.monotonic()
    clear = process.says("line is clear: combo → default → worker → combo in ", within=10)
    assert time.monotonic() - began < 10
    assert clear.endswith(" ms")
    assert process.says("web is at http://localhost:")
    assert _codes(port) == []
    tree = process.tree()
    assert len(tree) >= 5
    process.signal(signal.SIGINT)
    assert process.ends(within=11) == 0
    assert left(tree) == []


def test_every_line_says_its_part_and_every_pid_is_printed(combo: tuple[Process, int]) -> None:
    process, _ = combo
    process.says("line is clear")
    assert all(line.split()[0] in ("combo", "web", "worker", "scheduler") for line in process.lines), process.lines
    for name in ("web", "worker", "scheduler"):
        process.says(f"{name} started with pid ")


def test_health_names_the_worker_when_it_alone_is_gone(combo: tuple[Process, int]) -> None:
    process, port = combo
    process.says("line is clear")
    pid = int(process.says("worker started with pid ").rsplit(" ", 1)[1])
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: _codes(port) == ["worker_silent"], "the verdict")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: _codes(port) == [], "the verdict to go")


def _codes(port: int) -> list[str]:
    """What is wrong, but for where these tests run: in a container perhaps."""
    codes = [finding["code"] for finding in get(port, "/health")[1]["findings"]]
    return [code for code in codes if code != "data_not_on_a_volume"]


def test_a_killed_part_is_started_again(combo: tuple[Process, int]) -> None:
    process, _ = combo
    process.says("line is clear")
    os.kill(int(process.says("worker started with pid ").rsplit(" ", 1)[1]), signal.SIGKILL)
    process.says("worker has ended with code 137; starting it again in 1 s")
    wait_for(lambda: sum("worker started" in line for line in process.lines) == 2, "the second start")


def test_a_killed_launcher_takes_everything_with_it(combo: tuple[Process, int]) -> None:
    process, _ = combo
    process.says("line is clear")
    tree = process.tree()
    process.signal(signal.SIGKILL)
    wait_for(lambda: left(tree) == [], "everything to end")


def test_no_restart_ends_with_the_childs_own_code(processes: Processes, folder: Path) -> None:
    write_procfile(folder, odd="exec sh -c 'exit 7'")
    process = processes.start_in(folder, "-m", "jobs", "combo", "--no-restart")
    assert process.ends() == 7
    assert any("odd has ended with code 7 and is not restarted" in line for line in process.lines)


def test_a_part_that_keeps_dying_ends_the_combo(processes: Processes, folder: Path) -> None:
    write_procfile(folder, odd="exec sh -c 'echo trouble >&2; exit 3'")
    process = processes.start_in(folder, "-m", "jobs", "combo")
    process.says("starting it again in 1 s")
    assert any(line.startswith("odd       ! trouble") for line in process.lines)
    assert process.ends(within=60) == 1
    assert any(
        "for good: 6 times in a row within 30 s of its start; stopping the rest. It said last: trouble" in line
        for line in process.lines
    )


def test_a_part_that_does_not_stop_is_killed_after_the_grace(processes: Processes, folder: Path) -> None:
    write_procfile(folder, deaf="exec sh -c 'trap \"\" TERM; echo deaf; while :; do sleep 1; done'")
    process = processes.start_in(folder, "-m", "jobs", "combo", JOBS_GRACE="1")
    process.says("| deaf")
    tree = process.tree()
    process.signal(signal.SIGTERM)
    assert process.ends(within=8) == 0
    assert any("deaf did not stop in 1 s and is killed" in line for line in process.lines)
    assert left(tree) == []


def test_each_part_gets_one_sigterm_and_its_name(processes: Processes, folder: Path) -> None:
    script = "trap 'echo got TERM as $SERVICE_NAME' TERM; echo up; sleep 60 & wait; kill %1"
    (folder / "part.sh").write_text(script)
    write_procfile(folder, part="exec bash part.sh")
    process = processes.start_in(folder, "-m", "jobs", "combo")
    process.says("| up")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    assert sum("got TERM as part" in line for line in process.lines) == 1


def test_without_a_procfile_it_runs_our_own_parts(processes: Processes, tmp_path: Path) -> None:
    process = processes.start_in(tmp_path, "-m", "jobs", "combo", PORT=str(free_port()))
    process.says("there is no Procfile in ")
    process.says("web is at http://localhost:")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0


def test_any_program_may_be_web_and_the_line_is_clear_all_the_same(processes: Processes, folder: Path) -> None:
    command = "exec python -m http.server $PORT --bind 127.0.0.1"
    write_procfile(folder, web=command, admin=command, worker="exec python -m jobs worker")
    port = free_port()
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=str(port))
    process.says("line is clear: combo → default → worker → combo in ")
    process.says(f"web is at http://localhost:{port}/")
    assert f" port {port} " not in process.says("admin     | Serving HTTP on ")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0


def test_a_program_that_does_not_listen_where_it_should_is_named_once(processes: Processes, folder: Path) -> None:
    write_procfile(folder, web="exec sleep 60", worker="exec python -m jobs worker")
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=(port := str(free_port())))
    process.says("line is clear: ")
    process.says(f"web runs, but nothing listens on port {port}, which it has been given as PORT")


def test_a_line_without_a_worker_says_so_and_what_it_waits_for(processes: Processes, folder: Path) -> None:
    write_procfile(folder, web="exec python -m web")
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=str(free_port()))
    process.says("the Procfile has no worker, so nothing runs jobs: add the line worker: exec python -m jobs worker")
    process.says("waiting: no_worker")


@pytest.mark.parametrize(
    ("procfile", "role", "said"),
    [
        ("web: echo their web on $PORT\n", "web", "their web on 8000"),
        ("web: exec python -c 'import sys; print(sys.executable)'\n", "web", str(Path(sys.executable).parent)),
        ("worker: exec python -m jobs start --help\n", "worker", " is ready"),
        ("web: exec sleep 60\n", "worker", " is ready"),
    ],
)
def test_a_role_runs_what_the_procfile_has_for_it_else_our_own(
    processes: Processes, folder: Path, procfile: str, role: str, said: str, url: str
) -> None:
    (folder / "Procfile").write_text(procfile)
    process = processes.start_in(folder, "-m", "jobs", "start", JOBS_ROLE=role)
    process.says(said)


def test_on_a_terminal_each_job_has_a_line_when_it_ends(folder: Path, url: str) -> None:
    """And no more than one: how it came and began is not told."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(free_port()), "JOBS_TASKS": "tests.tasks"}
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs", "combo"], cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said: list[str] = []

    def read_until(words: str) -> None:
        deadline = time.monotonic() + 30
        while words not in "".join(said):
            left = max(deadline - time.monotonic(), 0)
            assert select.select([ours], [], [], left)[0], f"waited in vain for {words!r}:\n{''.join(said)}"
            said.append(os.read(ours, 65536).decode())

    try:
        read_until("web is at")
        job = add.enqueue(1, 2).id
        read_until(f"job={job}")
        [line] = [line for line in "".join(said).splitlines() if job in line]
        assert f"INFO    job finished job={job} task=tests.tasks.add" in line
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)


def test_with_a_redis_of_its_own_it_stops_with_code_0_and_writes_nothing(
    url: str, processes: Processes, folder: Path
) -> None:
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=str(free_port()))
    process.says("line is clear")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    assert not (folder / ".signalbox").exists()


def test_a_killed_guardian_is_replaced_and_the_line_goes_on(combo: tuple[Process, int], folder: Path) -> None:
    process, port = combo
    process.says("line is clear")
    state = json.loads((folder / ".signalbox/server.json").read_text())
    os.kill(state["guardian"], signal.SIGKILL)
    wait_for(lambda: _guardian(folder) not in (0, state["guardian"]), "another guardian")
    wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready again")


def _guardian(folder: Path) -> int:
    try:
        return int(json.loads((folder / ".signalbox/server.json").read_text())["guardian"])
    except (FileNotFoundError, ValueError):
        return 0


def test_a_port_that_is_taken_is_one_line(processes: Processes, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = processes.start_in(folder, "-m", "jobs", "combo", PORT=str(port))
        assert process.ends() == 2
        assert process.lines == [f"signalbox: PORT is '{port}': web cannot listen there: Address already in use"]


def test_a_part_that_cannot_use_its_settings_ends_the_combo_at_once(processes: Processes, folder: Path) -> None:
    process = processes.start_in(folder, "-m", "jobs", "combo", JOBS_TASKS="no.such.module", PORT=str(free_port()))
    assert process.ends(within=15) == 2
    parts = [line for line in process.lines if not line.startswith("combo")]
    assert sum("importing it failed" in line for line in parts) <= 3
    assert any("ended with code 2 because it cannot use its settings" in line for line in process.lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [("web: exec sleep 9\nweb: exec sleep 9\n", "twice"), ("web exec sleep 9\n", "expected lines such as web:")],
)
def test_a_procfile_that_cannot_be_read_is_one_line(processes: Processes, folder: Path, text: str, said: str) -> None:
    (folder / "Procfile").write_text(text)
    process = processes.start_in(folder, "-m", "jobs", "combo")
    assert process.ends() == 2
    assert said in "\n".join(process.lines)


def test_a_release_line_is_not_run(processes: Processes, folder: Path) -> None:
    write_procfile(folder, release="exec touch released", part="exec sleep 60")
    process = processes.start_in(folder, "-m", "jobs", "combo")
    process.says("part started")
    assert not (folder / "released").exists()


def test_a_part_behind_a_wrapper_runs_and_is_ended(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, wrapped="echo before && python -m jobs worker && echo after")
    process = processes.start_in(folder, "-m", "jobs", "combo")
    process.says("wrapped   | before")
    process.says("is ready")
    tree = process.tree()
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    assert left(tree) == []
