"""What a worker costs that has nothing to do: memory, and commands."""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rq import Queue

from bench.figures.rounds import play
from bench.results import Row, at_most
from bench.stage import PYTHON, QUEUE, BenchError, Stage, Worker, free_port
from bench.tasks import append

SETTLE = 2.0
RQ_DB = 1
MINUTE, QUICK_MINUTE = 60.0, 20.0
_COMMAND = re.compile(r'^\+[\d.]+ \[(\d+) (\S+)\] "(\w+)"')


def memory(stage: Stage) -> list[Row]:
    """Proportional set size, of all processes of a worker that has run one job."""
    queue = Queue(QUEUE, connection=stage.redis)

    def pss(start: Callable[[], AbstractContextManager[Worker]], enqueue: Callable[[], object]) -> float:
        stage.clear()
        enqueue()
        with start() as worker:
            stage.wait_for(1, worker)
            time.sleep(SETTLE)
            return sum(map(_pss, worker.pids))

    found = play(
        {
            "ours": lambda: pss(stage.ours, lambda: append.enqueue(0)),
            "rq": lambda: pss(stage.rq, lambda: queue.enqueue(append, 0)),
        }
    )
    goal = at_most(75, "MB")
    return [Row("memory", "Memory, keeper + child idle", "MB", found["ours"], found["rq"], less=True, goal=goal)]


def combo(stage: Stage) -> list[Row]:
    """The same of a whole combo whose line is clear: launcher, web, worker, scheduler, without their Redis."""

    def pss() -> float:
        stage.clear()
        with stage.work([*PYTHON, "jobs", "combo", "--port", str(free_port())]) as parts:
            stage.hear("line is clear", parts)
            time.sleep(SETTLE)
            return sum(map(_pss, parts.pids))

    found = play({"ours": pss})
    return [Row("combo", "Memory, whole combo idle", "MB", found["ours"], less=True, goal=at_most(170, "MB"))]


def _pss(pid: int) -> float:
    """Megabytes; see proc_pid_smaps(5)."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError as error:
        raise BenchError(f"memory is measured where /proc/<pid>/smaps_rollup can be read: {error}") from None
    found = re.search(r"^Pss:\s+(\d+) kB", said, re.M)
    return int(found[1]) / 1024 if found else 0.0


def commands(stage: Stage) -> list[Row]:
    """Commands that clients send in a minute, as MONITOR tells them; what a script runs inside is not one.

    Both are idle at the same time, in a database each. RQ has its scheduler with it, as ours has.
    """
    stage.clear()
    stage.clear(RQ_DB)
    queue = Queue(QUEUE, connection=stage.client(RQ_DB))
    with stage.ours() as ours, stage.rq("--scheduler", db=RQ_DB) as rq:
        append.enqueue(0)
        stage.wait_for(1, ours)
        queue.enqueue(append, 1)
        stage.wait_for(2, rq)
        time.sleep(SETTLE)
        counted = _watch(stage, QUICK_MINUTE if stage.quick else MINUTE)
    goal = at_most(100, "/min")
    return [Row("idle", "Commands of an idle worker", "/min", [counted[0]], [counted[RQ_DB]], less=True, goal=goal)]


def _watch(stage: Stage, seconds: float) -> Counter[int]:
    """Commands a minute of each database."""
    said = b""
    with stage.monitor() as monitor:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            monitor.settimeout(left)
            try:
                said += monitor.recv(65536)
            except TimeoutError:
                break
    found: Counter[int] = Counter()
    for line in said.decode(errors="replace").splitlines():
        command = _COMMAND.match(line)
        if command and command[2] != "lua":
            found[int(command[1])] += 1
    return Counter({db: round(count * 60 / seconds) for db, count in found.items()})
