"""Processes that look alive and do not work are found and replaced; one that works for long is not."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests import tasks as t
from tests.support import ROOT, Process, Processes, free_port, wait_for


def test_a_keeper_that_is_stopped_is_replaced(processes: Processes, folder: Path, url: str) -> None:
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=str(free_port()))
    process.says("line is clear")
    keeper = int(process.says("worker started with pid ").rsplit(" ", 1)[1])
    [child] = psutil.Process(keeper).children()
    began = time.monotonic()
    os.kill(keeper, signal.SIGSTOP)
    process.says("worker lives, but its loop has not turned for 30 s: it is killed", within=45)
    wait_for(lambda: sum("worker is ready" in line for line in process.lines) == 2, "another worker")
    assert time.monotonic() - began < 45
    assert not psutil.pid_exists(keeper)
    assert not child.is_running()


def has_another_child(worker: Process) -> bool:
    return sum("child" in line and "started with pid" in line for line in worker.lines) > 1


@pytest.mark.usefixtures("tasks")
def test_children_that_only_look_alive_are_replaced_and_one_that_works_is_not(
    processes: Processes, folder: Path, url: str
) -> None:
    """One is stopped; one's threads are stuck outside jobs; one is busy in all of its slots, all the time."""
    log = folder / "log"
    (folder / "stuck.py").write_text(
        "from jobs.worker.bell import Bell\n"
        "import threading\n"
        "Bell.listen = lambda self, wanted: threading.Event().wait()\n"
    )
    idle = processes.start("-m", "jobs", "worker", "idle")
    stuck = processes.start(
        "-m", "jobs", "worker", "idle", JOBS_TASKS="tests.tasks,stuck", PYTHONPATH=f"{ROOT}:{folder}"
    )
    busy = processes.start("-m", "jobs", "worker", "busy", "--concurrency", "1")
    t.note.enqueue(str(log), "long", seconds=50, queue="busy", timeout=7200)
    children = {}
    for worker in (idle, stuck, busy):
        worker.says("is ready")
        [children[worker]] = psutil.Process(worker.popen.pid).children()
    wait_for(log.exists, "the long job to run")
    children[idle].suspend()
    began = time.monotonic()
    for worker in (idle, stuck):
        worker.says("lives, has a free slot and does not ask for jobs: it is killed and replaced", within=45)
        wait_for(partial(has_another_child, worker), "another child")
    assert time.monotonic() - began < 45
    os.kill(idle.popen.pid, 0)
    assert children[busy].is_running(), "a long job is not a wedge"
    assert not [line for line in busy.lines if "killed" in line]
    assert log.read_text() == "start long\n"
