"""Loops in real processes: they die, hang, hold the interpreter, and are back; or the worker ends, and says why."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from jobs import enqueue, keys, registry
from jobs.supervise.runs import TaskRun
from tests.support import Process, Processes, command_line, wait_for

SLACK = 10.0
SILENCE = 2.0


class Scene:
    """A worker with the loops of ``tests.loops``, and what they have written."""

    def __init__(self, folder: Path, processes: Processes, client: Redis) -> None:
        self.folder = folder
        self._processes = processes
        self._client = client

    def start(self, *options: str, waits: str = "loops started", **environ: str) -> Process:
        environ = {"LOOPS_FOLDER": str(self.folder), "JOBS_TASKS": "tests.loops", **environ}
        self.worker = self._processes.start("-m", "jobs", "worker", *options, **environ)
        self.worker.says(waits)
        return self.worker

    def ask(self, harm: str) -> None:
        (self.folder / harm).touch()

    def lines(self) -> list[tuple[int, str]]:
        """Pid and text of all that was written."""
        log = self.folder / "log"
        if not log.exists():
            return []
        return [(int(pid), text) for pid, _, text in (line.partition(" ") for line in log.read_text().splitlines())]

    def wrote(self, text: str) -> Callable[[], bool]:
        return lambda: any(said == text for _, said in self.lines())

    def more(self, text: str) -> Callable[[], bool]:
        """Has it been written again, since this was called?"""
        before = self.count(text)
        return lambda: self.count(text) > before

    def count(self, text: str) -> int:
        return Counter(said for _, said in self.lines())[text]

    def row(self) -> dict[str, Any]:
        """The worker's identity, as it is published."""
        rows = map(json.loads, self._client.hvals(keys.PROCESSES))
        return next((row for row in rows if row["pid"] == self.worker.popen.pid), {})

    def loop(self, name: str) -> dict[str, Any]:
        found = self.row().get("loops", {}).get(name, {})
        assert isinstance(found, dict)
        return found


@pytest.fixture
def scene(url: str, client: Redis, processes: Processes, tmp_path: Path) -> Iterator[Scene]:
    found = Scene(tmp_path, processes, client)
    yield found
    worker = getattr(found, "worker", None)
    if worker and worker.popen.poll() is None:
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0, worker.lines
        assert "Traceback" not in "".join(worker.lines) or any("as asked" in line for line in worker.lines)


def test_loops_and_jobs_run_side_by_side_and_say_how_they_are(scene: Scene) -> None:
    scene.start()
    for text in ("sync", "async", "beside", "calls", "slow"):
        wait_for(scene.wrote(text), text)
    registry.load(("tests.loops",))
    job = enqueue("tests.loops.add", 1, 2)
    wait_for(lambda: job.fetch().return_value() == 3, "the job")
    wait_for(lambda: set(scene.row()["loops"]) == {"sync", "wakes", "async", "beside", "calls", "slow"}, "all loops")
    assert all(loop["alive"] and loop["restarts"] == 0 for loop in scene.row()["loops"].values())
    assert scene.row()["counters"]["hanging"] == 0
    assert not scene.wrote("fragile")()  # of another type


@pytest.mark.parametrize("harm", ["sync-dies", "sync-hangs", "async-dies", "async-hangs"])
def test_a_loop_that_dies_or_hangs_is_back_and_the_others_notice_nothing(scene: Scene, harm: str) -> None:
    name = harm.partition("-")[0]
    worker = scene.start()
    wait_for(scene.wrote(name), name)
    scene.ask(harm)
    wait_for(lambda: not (scene.folder / harm).exists(), "the harm to be done")
    began = time.monotonic()
    wait_for(scene.more(name), "the loop to be back")
    assert time.monotonic() - began < SILENCE + SLACK
    worker.says(f"loop {name} has")
    wait_for(lambda: scene.loop(name).get("restarts") == 1, "the restart to be told")
    assert scene.loop("beside")["restarts"] == 0
    assert len({pid for pid, _ in scene.lines()}) == 1


def test_the_death_of_a_loop_and_its_restart_are_told_at_once(scene: Scene) -> None:
    worker = scene.start()
    wait_for(lambda: scene.loop("sync").get("alive"), "the loop to be told of")
    scene.ask("sync-dies")
    worker.says("loop sync has died")
    wait_for(lambda: scene.loop("sync")["alive"] is False, "its death to be told", within=2)
    worker.says("it is started again")
    wait_for(lambda: scene.loop("sync")["alive"] and scene.loop("sync")["restarts"] == 1, "its restart", within=2)


def test_an_async_loop_is_cancelled_and_its_next_start_is_a_new_one(scene: Scene) -> None:
    worker = scene.start()
    wait_for(scene.wrote("async"), "the loop")
    scene.ask("async-hangs")
    worker.says("loop async has been silent")
    began = time.monotonic()
    wait_for(scene.wrote("async cancelled"), "the cycle to be cancelled")
    assert time.monotonic() - began < TaskRun.patience
    wait_for(lambda: scene.count("async made") == 2, "another instance")


def test_a_loop_that_holds_the_interpreter_is_ended_with_its_process(scene: Scene) -> None:
    worker = scene.start()
    wait_for(scene.wrote("sync"), "the loops")
    [old] = {pid for pid, _ in scene.lines()}
    before = scene.more("sync")
    wait_for(before, "one more")
    scene.ask("sync-hogs")
    wait_for(lambda: not (scene.folder / "sync-hogs").exists(), "the harm to be done")
    began = time.monotonic()
    wait_for(lambda: any(pid != old and text == "sync" for pid, text in scene.lines()), "the loop in a new process")
    assert time.monotonic() - began < SILENCE + SLACK
    assert "inside a cycle: sync" in worker.says("the loops' process does not run")
    assert not psutil.pid_exists(old)
    job = enqueue("tests.loops.add", 1, 2)
    wait_for(lambda: job.fetch().return_value() == 3, "a job, by the child that was not touched")


def test_a_blocked_event_loop_is_ended_with_its_process(scene: Scene) -> None:
    worker = scene.start()
    wait_for(scene.wrote("beside"), "the loops")
    [old] = {pid for pid, _ in scene.lines()}
    scene.ask("async-blocks")
    wait_for(lambda: any(pid != old and text == "beside" for pid, text in scene.lines()), "another process")
    assert "inside a cycle: async" in worker.says("the event loop does not answer")
    assert worker.popen.poll() is None


@pytest.mark.parametrize("harm", ["wakes-late", "pings-late"])
def test_a_superseded_thread_that_wakes_does_nothing_more(scene: Scene, harm: str) -> None:
    worker = scene.start()
    wait_for(lambda: scene.loop("wakes"), "the loops")
    scene.ask(harm)
    worker.says("loop wakes has been silent")
    wait_for(lambda: scene.loop("wakes")["restarts"] == 1 and scene.loop("wakes")["alive"], "the restart")
    wait_for(lambda: scene.row()["counters"]["hanging"] == 0, "the old thread to have ended")
    if harm == "pings-late":
        wait_for(scene.wrote("awake"), "it to have come back")
    wait_for(scene.more("sync"), "time to pass")
    assert scene.count("sleeps") == 1
    assert not scene.wrote("acts")()


def test_a_cycle_that_fails_is_followed_by_the_next(scene: Scene) -> None:
    worker = scene.start()
    scene.ask("sync-fails")
    worker.says("loop sync: as asked; again in 5 s")
    wait_for(scene.more("sync"), "the next cycle")
    wait_for(lambda: scene.loop("sync").get("errors") == 1, "the error to be told")
    assert scene.loop("sync")["restarts"] == 0


def test_a_call_that_hangs_ends_the_cycle_and_not_the_loop(scene: Scene) -> None:
    worker = scene.start()
    scene.ask("call-hangs")
    worker.says("loop calls: 'send' did not end within 0.3 s; again in 5 s")
    wait_for(scene.more("calls"), "the next cycle")
    assert scene.wrote("call given up")()
    assert not scene.wrote("never")()
    wait_for(lambda: scene.row()["counters"]["hanging"] == 1, "the thread to be counted")
    assert scene.loop("calls")["restarts"] == 0


def test_a_cycle_is_ended_at_its_timeout(scene: Scene) -> None:
    worker = scene.start()
    scene.ask("slow")
    worker.says("loop slow: 'slow' did not end within 1 s")
    wait_for(scene.more("slow"), "the next cycle")
    wait_for(lambda: scene.loop("slow").get("errors") == 1, "the error to be told")
    assert scene.loop("slow")["restarts"] == 0


def test_a_loop_that_has_used_its_restarts_ends_the_worker_with_code_3(scene: Scene) -> None:
    worker = scene.start("--type", "fragile")
    scene.ask("fragile-dies")
    worker.says("loop fragile has died, and may not be started again")
    assert worker.ends() == 3
    assert any("stops" in line for line in worker.lines), "the worker signed off"


def test_a_process_of_loops_that_ends_too_often_ends_the_worker_with_code_3(scene: Scene) -> None:
    worker = scene.start()
    for killed in range(1, 7):
        os.kill(_pid_of_loops(worker, killed), signal.SIGKILL)
    assert worker.ends(30) == 3
    worker.says("has ended 6 times in 600 s: given up")


def _pid_of_loops(worker: Process, start: int) -> int:
    """The pid of the loops' process that was started as the so-manieth."""
    said = "the loops' process started"
    lines = wait_for(lambda: found if len(found := [x for x in worker.lines if said in x]) >= start else None, said)
    return int(lines[-1].rpartition(" ")[2])


def test_a_worker_may_run_loops_only(scene: Scene, client: Redis) -> None:
    worker = scene.start("--runs", "loops")
    worker.says("is ready")
    wait_for(scene.wrote("sync"), "the loops")
    assert scene.row()["role"] == "loops"
    assert scene.row()["queues"] == []
    wait_for(lambda: scene.row()["tasks"] > 1, "its tasks to be told")
    assert not worker.running("jobs.worker.child")
    assert client.keys(keys.heartbeat("*")) == []


def test_a_worker_may_run_jobs_only(scene: Scene, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", "--runs", "jobs", JOBS_TASKS="tests.loops")
    worker.says("is ready")
    assert _children(worker) == ["jobs.worker.child"]


def test_a_worker_whose_modules_declare_no_loops_starts_no_process_for_them(url: str, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.tasks")
    worker.says("is ready")
    assert _children(worker) == ["jobs.worker.child"]


def _children(worker: Process) -> list[str]:
    found = [command_line(one) for one in worker.tree()[1:]]
    return [command[command.index("-m") + 1] for command in found if "-m" in command]


def test_a_worker_for_loops_only_that_has_none_ends_with_one_line(url: str, processes: Processes) -> None:
    worker = processes.start("-m", "jobs", "worker", "--runs", "loops", JOBS_TASKS="tests.tasks")
    assert worker.ends() == 2
    assert "JOBS_TASKS is 'tests.tasks': no loop is declared there" in "\n".join(worker.lines)


@pytest.mark.parametrize("runs", ["all", "loops"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP])
def test_of_single_workers_one_runs_the_loops_and_the_next_begins_when_it_has_ended(
    scene: Scene, processes: Processes, client: Redis, number: signal.Signals, runs: str
) -> None:
    options = ("--type", "solo", "--single", "--runs", runs)
    first = scene.start(*options, JOBS_LEASE="2")
    wait_for(scene.wrote("sync"), "the loops")
    [old] = {pid for pid, _ in scene.lines()}
    second = scene.start(*options, JOBS_LEASE="2", waits="stands by")
    assert {pid for pid, _ in scene.lines()} == {old}
    first.signal(number)  # SIGSTOP: the keeper alone
    second.says("loops started")
    wait_for(lambda: any(pid != old for pid, _ in scene.lines()), "the loops of the second")
    pids = [pid for pid, _ in scene.lines()]
    assert set(pids[: pids.count(old)]) == {old}, "the loops of both ran at a time"
    if number is signal.SIGSTOP:
        first.signal(signal.SIGCONT)
        wait_for(scene.more("sync"), "the second to go on")
        assert old not in [pid for pid, _ in scene.lines()][pids.count(old) :]


def test_killing_the_keeper_ends_the_loops(scene: Scene) -> None:
    worker = scene.start()
    wait_for(scene.wrote("sync"), "the loops")
    tree = worker.tree()
    worker.signal(signal.SIGKILL)
    worker.ends()
    wait_for(lambda: not any(one.is_running() for one in tree), "everything to have ended")


def test_a_worker_that_is_asked_to_stop_lets_its_loops_end(scene: Scene) -> None:
    worker = scene.start()
    wait_for(scene.wrote("sync"), "the loops")
    scene.ask("async-hangs")
    wait_for(lambda: not (scene.folder / "async-hangs").exists(), "a cycle that waits")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert scene.wrote("async cancelled")()
    assert not any("killed" in line for line in worker.lines)
