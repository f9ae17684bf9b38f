"""One scenario's line: its Redis, its workers, what it was given, and what came of it."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

from redis import Redis
from redis.exceptions import RedisError

from jobs import address, connection, keys, prepare, queues
from jobs.scripts import NewJob
from tests.chaos import tasks as t
from tests.chaos.log import Kill, Log, Run, recoveries
from tests.chaos.report import Report
from tests.support import Process, Processes, is_alive, wait_for

Part = Literal["tree", "keeper", "child"]

SHORT_LEASE = {"JOBS_LEASE": "1.5", "JOBS_HEARTBEAT": "1"}
BLAMELESS = {"JOBS_MAX_INTERRUPTIONS": "1000"}
"""The killer is us, so no job is to fail of it."""
OVER = {"finished", "failed", "stopped", "canceled"}


class Line:
    """Starts and kills workers, feeds them, and reports. ``seed`` decides everything that is left to chance."""

    def __init__(
        self, scenario: str, url: str, folder: Path, processes: Processes, seed: int, patience: float = 30.0
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.random = Random(f"{seed} {scenario}")
        self._go_by(url)
        self.log = Log(folder / "log")
        self.queues: tuple[str, ...] = ("default",)
        self.environ: dict[str, str] = {}
        self.program: tuple[str, ...] = ("-m", "jobs")
        self.threads, self.children = 4, 1
        self.accepted: list[str] = []
        self.kills: list[Kill] = []
        self.blows = 0
        """Whatever was done to it: kills, signals, outages."""
        self.living: list[Process] = []
        self.started: list[Process] = []
        self._processes = processes
        self._patience = patience
        self._began = time.monotonic()

    def move(self, url: str) -> None:
        """Go by another address; before anything is started."""
        self.client.close()
        self._go_by(url)

    def _go_by(self, url: str) -> None:
        self.url = url
        self.client = connection.open_client(address.parse(url, "REDIS_URL"), "chaos", deadline=5, retries=0)

    # Work.

    def job(self, **options: Any) -> NewJob:
        """An honest job of at most 200 ms: one in two takes no time, and one in two is a coroutine."""
        name = f"job-{len(self.accepted):05d}"
        seconds = self.random.choice((0.0, self.random.uniform(0.02, 0.2)))
        options = {"seconds": round(seconds, 3), "queue": self.random.choice(self.queues), **options}
        self.accepted.append(name)
        task = self.random.choice((t.work, t.work_later))
        return prepare(task, str(self.log.path), name, job_id=name, **options)

    def nasty(self, task: Callable[..., object], *args: object, **options: Any) -> NewJob:
        """A job of another task, which writes to the same log."""
        name = f"{task.__name__}-{len(self.accepted):05d}"
        self.accepted.append(name)
        return prepare(task, str(self.log.path), name, *args, job_id=name, **options)

    def feed(self, count: int, **options: Any) -> None:
        self.submit([self.job(**options) for _ in range(count)])

    def submit(self, jobs: list[NewJob]) -> None:
        """Send them until Redis has said that it has them; their ids make sending them twice harmless."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                queues.submit(self.client, jobs)
                return
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def pace(self, seconds: float) -> None:
        """The time between two kills, a third more or less: the only thing here that is waited for by the clock."""
        time.sleep(seconds * self.random.uniform(0.7, 1.3))

    # Workers.

    def start(self, count: int = 1) -> None:
        for _ in range(count):
            options = ("--concurrency", str(self.threads), "--processes", str(self.children))
            worker = self.spawn(*self.program, "worker", *self.queues, *options)
            self.living.append(worker)
            self.started.append(worker)

    def spawn(self, *arguments: str) -> Process:
        """Any other process on this line's Redis."""
        environ = {"REDIS_URL": self.url, "JOBS_TASKS": "tests.chaos.tasks", **self.environ}
        return self._processes.start(*arguments, **environ)

    def start_and_wait(self, count: int = 1) -> None:
        before = len(self.living)
        self.start(count)
        for worker in self.living[before:]:
            worker.says("is ready")

    def runs_of(self, worker: Process) -> list[Run]:
        """What a worker runs now."""
        pids = alive(worker)
        return [run for run in self.log.running() if run.pid in pids]

    def victim(self, among: Sequence[Process] = ()) -> Process:
        """A worker that runs something just now; one time in four, and where none does, any."""
        candidates = list(among or self.living)
        self.random.shuffle(candidates)
        if not among and self.random.random() < 0.25:
            return candidates[0]
        try:
            return wait_for(lambda: next(filter(self.runs_of, candidates), None), "a busy worker", within=3)
        except AssertionError:
            return candidates[0]

    def kill(self, worker: Process, part: Part = "tree") -> None:
        """SIGKILL a worker whole, or its keeper, which takes its children with it, or one child."""
        busy = {run.pid for run in self.runs_of(worker)}
        least = 1 if part == "tree" else 2
        pids = wait_for(lambda: found if len(found := alive(worker)) >= least else None, "the worker to have a child")
        child = next((pid for pid in pids if pid in busy), pids[-1])
        self.kills.append(Kill(time.monotonic(), frozenset([child] if part == "child" else pids)))
        self.signal({"tree": pids, "keeper": pids[:1], "child": [child]}[part], signal.SIGKILL)
        if part != "child":
            self.living.remove(worker)

    def signal(self, pids: Sequence[int], number: signal.Signals) -> None:
        """One blow, to these processes."""
        self.blows += number is not signal.SIGCONT
        for pid in pids:
            _signal(pid, number)

    # The reckoning.

    def status(self, job_id: str) -> str:
        found = cast(bytes | None, self.client.hget(keys.job(job_id), "status"))
        return found.decode() if found else "gone"

    def report(self, planned: Sequence[str] = ()) -> Report:
        """Wait until all that was accepted is over, or patience is; ``planned`` are the jobs that are to fail."""
        expected = set(self.accepted) - set(planned)
        in_time(lambda: not self._unsettled() and expected <= self.log.ended(), self._patience)
        self.leftovers = ["not looked at"]
        in_time(self._left_clean, 10.0)
        lost = sorted(expected - self.log.ended() | {one for one in expected if self.status(one) != "finished"})
        runs = self.log.runs()
        return Report(
            scenario=self.scenario,
            seed=self.seed,
            jobs=len(self.accepted),
            kills=self.blows,
            lost=lost,
            duplicated=sum(max(0, self._completions(job_id) - 1) for job_id in self.accepted),
            refused=sum("job refused" in line for worker in self.started for line in list(worker.lines)),
            seconds=time.monotonic() - self._began,
            starts={job_id: sum(run.id == job_id for run in runs) for job_id in self.accepted},
            charged=self._charged(),
            leftovers=self.leftovers,
            recoveries=recoveries(runs, self.kills),
        )

    def close(self) -> None:
        self.client.close()

    def _left_clean(self) -> bool:
        """Nothing waits or is held, and only the living have leases. A heartbeat job may pass by at any time."""
        self.leftovers = leftovers(self.client)
        children = sum(len(alive(worker)) - 1 for worker in self.living)
        if self.client.zcard(keys.LEASES) > children:
            self.leftovers.append(keys.LEASES)
        return not self.leftovers

    def _unsettled(self) -> list[str]:
        with self.client.pipeline(transaction=False) as pipeline:
            for job_id in self.accepted:
                pipeline.hget(keys.job(job_id), "status")
            found = pipeline.execute()
        return [
            job_id for job_id, state in zip(self.accepted, found, strict=True) if (state or b"").decode() not in OVER
        ]

    def _completions(self, job_id: str) -> int:
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], self.client.xrange(f"{keys.PREFIX}:results:{job_id}"))
        return sum(fields[b"type"] == b"1" for _, fields in entries)

    def _charged(self) -> dict[str, int]:
        found = {job_id: self.client.hget(keys.job(job_id), "interruptions") for job_id in self.accepted}
        return {job_id: int(cast(bytes, count)) for job_id, count in found.items() if count}


def alive(worker: Process) -> list[int]:
    """A worker's processes, its keeper first. One that has ended, and has not been asked how, is none."""
    return [process.pid for process in worker.tree() if is_alive(process.pid)]


def leftovers(client: Redis) -> list[str]:
    """Keys that hold jobs which somebody has, waits for or owes something."""
    busy = ("queue", "wip", "deferred", "ready", "scheduled", "signalbox:held", "signalbox:lane", "signalbox:lock")
    found = [key.decode() for kind in busy for key in client.scan_iter(f"{keys.PREFIX}:{kind}:*", count=1000)]
    return found + [key for key in (keys.LANES, keys.OUTBOX) if client.exists(key)]


def in_time(condition: Callable[[], bool], within: float) -> bool:
    """Did the condition become true in time? A Redis that does not answer just now is asked again."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except RedisError:
            pass
        time.sleep(0.05)
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
