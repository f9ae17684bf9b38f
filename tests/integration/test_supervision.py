"""The combo around real processes: when they are started again, how they end, and what they leave."""

import os
import pty
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.support import ROOT, Process, Processes, answers, free_port, is_alive, wait_for

COMBO = ("-m", "jobs", "combo")
NAPS = "trap 'echo got TERM' TERM; trap 'echo got INT' INT; trap 'echo got HUP' HUP; echo up; sleep 60 & wait; kill $!"


def write_procfile(folder: Path, **lines: str) -> None:
    (folder / "Procfile").write_text("".join(f"{name}: {command}\n" for name, command in lines.items()))


def write_script(folder: Path, text: str) -> str:
    (folder / "part.sh").write_text(text)
    return "exec bash part.sh"


def start(processes: Processes, folder: Path, *options: str, **environ: str) -> Process:
    """A combo without a scheduler, which would only be in the way."""
    formation = {"JOBS_FORMATION": "scheduler=0", **environ}
    return processes.start_in(folder, *COMBO, *options, **formation)


def pid_of(process: Process, part: str) -> int:
    return int(process.says(f"{part} started with pid ").rsplit(" ", 1)[1])


def test_a_daemon_that_ends_with_0_has_failed(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, short="exec true")
    process = start(processes, folder)
    process.says("short has ended with code 0; starting it again in 1 s")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0


def test_keep_going_outlives_a_part_that_cannot_use_its_settings(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, odd="exec sh -c 'exit 2'", other="exec sleep 60")
    process = start(processes, folder, "--keep-going")
    process.says("and the rest goes on without it; starting it again in 16 s")
    assert is_alive(pid_of(process, "other"))


def test_the_line_is_clear_without_an_optional_part(processes: Processes, folder: Path, url: str) -> None:
    """The scheduler's part is done by the worker, then."""
    with (folder / "Procfile").open("a") as procfile:
        procfile.write("scheduler: exec sh -c 'exit 2'\n")
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()))
    process.says("scheduler has ended with code 2")
    process.says("line is clear")


def test_the_scheduler_ends_first_then_the_worker_then_web(processes: Processes, folder: Path, url: str) -> None:
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()))
    process.says("line is clear")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0
    asked = [line.split()[2] for line in process.lines if "is asked to stop" in line]
    assert asked == ["scheduler", "worker", "web"]
    stops = next(number for number, line in enumerate(process.lines) if "worker" in line and line.endswith("stops"))
    assert stops < process.lines.index("combo     | web is asked to stop"), "web did not wait for the worker"


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_part_that_does_not_end_in_its_time_does_not_take_the_others_theirs(
    processes: Processes, folder: Path, url: str, name: str
) -> None:
    deaf = write_script(folder, "trap '' TERM; echo deaf; while :; do sleep 1; done")
    write_procfile(folder, **{"web": "exec sleep 60", "worker": "exec sleep 60", name: deaf})
    process = start(processes, folder, JOBS_GRACE="1", PORT=str(free_port()))
    process.says("| deaf")
    process.signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.ends() == 0
    assert time.monotonic() - began < 3
    assert sum("is asked to stop" in line for line in process.lines) == 2
    process.says(f"{name} did not stop in 1 s and is killed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_way_of_ending_ends_all(processes: Processes, folder: Path, url: str, number: signal.Signals) -> None:
    write_procfile(folder, part=write_script(folder, NAPS))
    process = start(processes, folder)
    process.says("| up")
    process.signal(number)
    assert process.ends() == 0
    assert [line for line in process.lines if "got " in line] == ["part  | got TERM"]


def test_nohup_is_obeyed(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, part=write_script(folder, NAPS))
    run = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    process = processes.start_in(
        folder, "-c", run, sys.executable, *COMBO, "--formation", "scheduler=0", "--keep-going"
    )
    process.says("| up")
    process.signal(signal.SIGHUP)
    os.kill(pid_of(process, "part"), signal.SIGKILL)
    process.says("part has ended with code 137; starting it again in 1 s")
    process.signal(signal.SIGTERM)
    assert process.ends() == 0


@contextmanager
def terminal(folder: Path) -> Iterator[tuple[int, int]]:
    """The combo on a terminal of its own: its pid, and the terminal's other end."""
    pid, far = pty.fork()
    if not pid:
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, *COMBO, "--formation", "scheduler=0"], environ)
    try:
        yield pid, far
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.close(far)


def read_until(far: int, text: str) -> str:
    said = ""
    with suppress(OSError):  # the other end is closed
        while text not in said:
            said += os.read(far, 4096).decode()
    return said


def test_ctrl_c_on_a_terminal_reaches_each_part_once_and_as_sigterm(folder: Path, url: str) -> None:
    write_procfile(folder, part=write_script(folder, NAPS))
    with terminal(folder) as (pid, far):
        assert "\033[" in read_until(far, "up"), "no colour on a terminal"
        os.write(far, b"\x03")
        said = read_until(far, "stopped")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [said.count(f"got {name}") for name in ("TERM", "INT", "HUP")] == [1, 0, 0]


def test_told_to_end_while_it_starts_it_ends(processes: Processes, folder: Path, url: str) -> None:
    """At any moment: with 0, or of the signal where there was nothing yet to hear it."""
    moments, trees = Random(1), []
    for _ in range(12):
        process = processes.start_in(folder, *COMBO, PORT=str(free_port()))
        time.sleep(moments.uniform(0.0, 0.6))  # the moment is the point
        trees += process.tree()
        process.signal(signal.SIGTERM)
        assert process.ends(within=8) in (0, -signal.SIGTERM)
    assert [process for process in trees if is_alive(process.pid)] == []


def test_what_a_part_has_started_ends_with_it_however_far_it_went(processes: Processes, folder: Path, url: str) -> None:
    (folder / "leaves.py").write_text(
        "import os, time\n"
        "if not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "    open('pid', 'w').write(str(os.getpid())); time.sleep(600)\n"
        "os.wait(); time.sleep(600)\n"
    )
    write_procfile(folder, part="exec python leaves.py", other="exec sleep 600")
    process = start(processes, folder)
    far = wait_for(lambda: int((folder / "pid").read_text() or 0) if (folder / "pid").exists() else 0, "its pid")
    os.kill(pid_of(process, "part"), signal.SIGKILL)
    process.says("part has ended with code 137")
    wait_for(lambda: not is_alive(far), "the process that had left")
    assert is_alive(pid_of(process, "other"))


def test_adopted_processes_are_buried(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, part="for n in 1 2 3 4 5; do (true & ) ; done; echo done; exec sleep 60")
    process = start(processes, folder)
    process.says("| done")

    wait_for(lambda: all(is_alive(one.pid) for one in process.tree()), "no zombie")


def test_a_part_that_knows_nothing_of_us_ends_with_a_killed_launcher(
    processes: Processes, folder: Path, url: str
) -> None:
    write_procfile(folder, part="exec sleep 600")
    process = start(processes, folder)
    pid = pid_of(process, "part")
    wait_for(lambda: psutil.Process(pid).name() == "sleep", "its exec")
    process.signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "its end")


def test_two_webs_answer_on_two_ports(processes: Processes, folder: Path, url: str) -> None:
    write_procfile(folder, web="exec python -m http.server $PORT --bind 127.0.0.1")
    port = free_port()
    start(processes, folder, JOBS_FORMATION="scheduler=0,web=2", PORT=str(port))
    wait_for(lambda: answers(port) and answers(port + 1), "both")
