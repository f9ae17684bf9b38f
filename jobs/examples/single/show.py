"""The example's course: three types start together, one of them twice, and the one that works is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from redis import Redis
from rich.console import Console
from rich.table import Table

from jobs import connection, embedded, keys
from jobs.errors import SignalboxError
from jobs.examples.single import tasks
from jobs.settings import Settings
from jobs.supervise import instance
from jobs.supervise.instance import Holder
from jobs.supervise.process import PARENT

TYPES = ("example-inbound", "example-outbound", "example-reports")
"""Names of its own, so that none of your workers has to stand by for it."""
TWICE = TYPES[0]
SLACK = 2.0
"""Seconds past the lock's ttl in which another is at work."""
PATIENCE = 30.0
LOOK = 0.05

T = TypeVar("T")


def run(settings: Settings) -> int:
    """Run it and print the account; 0 when every promise was kept."""
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="single-") as folder, _workers(settings, Path(folder)) as workers:
        return 0 if _course(workers, settings.lease, console) else 1


class Workers:
    """Single workers of the example, by pid, and what they say."""

    def __init__(self, environ: dict[str, str], folder: Path, client: Redis) -> None:
        self.client = client
        self._environ = environ
        self._log = folder / "workers.log"
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, kind: str) -> int:
        """Start one of a type; its pid. Call it from the main thread: the kernel ends it with the thread that did."""
        with open(self._log, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "jobs", "worker", "--type", kind, "--single"],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running[process.pid] = process
        return process.pid

    def kill(self, pid: int) -> None:
        process = self._running.pop(pid)
        process.kill()
        process.wait()

    def end(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            process.wait()

    def holder(self, kind: str) -> Holder | None:
        return next((lock.holder for lock in instance.locks(self.client) if lock.type == kind), None)

    def identity(self, pid: int) -> dict[str, Any] | None:
        """What a worker says of itself, once it does."""
        rows = cast(dict[bytes, bytes], self.client.hgetall(keys.PROCESSES))
        mark = f"-{pid}-".encode()
        return next((json.loads(row) for name, row in rows.items() if mark in name), None)

    def settled(self, pid: int) -> dict[str, Any] | None:
        """What a worker says of itself once it no longer says that it is starting."""
        found = self.identity(pid)
        return found if found and found["status"] != "starting" else None

    def job(self, kind: str) -> dict[str, Any]:
        """Have a worker of a type run a job; what that said."""
        job = tasks.who.enqueue(queue=kind)
        found: dict[str, Any] = self.wait(lambda: job.fetch().return_value(), f"a job of {kind}")
        return found

    def wait(self, condition: Callable[[], T | None], what: str) -> T:
        """The condition's first true value. Raises ``SignalboxError`` when there is none in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(LOOK)
        raise SignalboxError(
            f"waited {PATIENCE:g} s in vain for {what}:\n" + self._log.read_text(encoding="utf-8")[-2000:]
        )


@contextmanager
def _workers(settings: Settings, folder: Path) -> Iterator[Workers]:
    """Workers on this folder's Redis or the configured one; ended again at the end."""
    client = connection.default()
    environ = {
        **os.environ,
        "JOBS_TASKS": ",".join(dict.fromkeys([*settings.tasks, tasks.__name__])),
        "JOBS_TYPES": ";".join(f"{kind}={kind}" for kind in TYPES),
        "JOBS_IF_HELD": "wait",
        PARENT: str(os.getpid()),
    }
    workers = Workers(environ, folder, client)
    try:
        yield workers
    finally:
        workers.end()
        client.close()
        embedded.detach(settings.folder)


def _course(workers: Workers, ttl: float, console: Console) -> bool:
    pids = {kind: workers.start(kind) for kind in TYPES}
    before = {kind: workers.job(kind) for kind in TYPES}
    holders = {kind: workers.holder(kind) for kind in TYPES}
    console.print(f"{len(TYPES)} types started together", style="dim")
    second = workers.start(TWICE)
    says = workers.wait(lambda: workers.settled(second), "the second worker to stand by")
    console.print(f"{says['id']} is {says['status']}: {TWICE} is held by {says['holder']}", style="dim", soft_wrap=True)
    names = sorted(key.decode() for key in workers.client.scan_iter(keys.instance("example-*")))
    _table(workers.client, console)
    workers.kill(pids[TWICE])
    killed = time.monotonic()
    console.print(f"kill -9: the worker of {TWICE}, pid {pids[TWICE]}, is gone", style="red")
    workers.wait(lambda: _pid(workers.holder(TWICE)) == second, "the second worker to have the lock")
    taken = time.monotonic() - killed
    after = workers.job(TWICE)
    took = time.monotonic() - killed
    _table(workers.client, console)
    new = workers.holder(TWICE)
    workers.end()
    left = [kind for kind in TYPES if workers.holder(kind)]
    held_by = [one.pid for one in holders.values() if one]
    old, token = before[TWICE]["token"], after["token"]
    rows = [
        (held_by == list(pids.values()), f"{len(before)} types ran a job, side by side"),
        (names == sorted(map(keys.instance, TYPES)), f"redis-cli KEYS '{keys.instance('*')}' shows exactly the types"),
        (says["status"] == "standby", f"the second {TWICE} stood by, ready, and named the holder"),
        (says["holder"] == getattr(holders[TWICE], "worker", ""), "which is the one that has the lock"),
        (new is not None and new.pid == second, f"it took over, and ran a job {took:.1f} s after the kill"),
        (taken <= ttl + SLACK, f"with the lock after {taken:.1f} s: within its {ttl:g} s and {SLACK:g} s more"),
        (token > old > 0, f"under a later token: {old}, then {token}"),
        (not left, "stopped, they gave all locks back"),
    ]
    for kept, text in rows:
        console.print(f"[green]✓[/green] {text}" if kept else f"[red]✗[/red] {text}")
    return all(kept for kept, _ in rows)


def _pid(holder: Holder | None) -> int | None:
    return holder.pid if holder else None


def _table(client: Redis, console: Console) -> None:
    table = Table("type", "held by", "age", "token", title="python -m jobs locks")
    for one in instance.locks(client):
        if one.type in TYPES and one.holder:
            table.add_row(one.type, one.holder.worker, f"{one.age:.1f} s", str(one.holder.token))
    console.print(table)
