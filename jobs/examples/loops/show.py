"""The show: a worker with four loops, everything that goes wrong, and the account."""

import json
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from jobs import connection, embedded, keys
from jobs.errors import SignalboxError
from jobs.examples.loops.account import BACK, Account, longest_gap
from jobs.examples.loops.facts import OUTBOX, SILENCE
from jobs.examples.loops.part import Part
from jobs.examples.loops.service import Service
from jobs.settings import Settings

CUT = 20.0
LOOK = 0.05


def run(settings: Settings, pace: float) -> int:
    """Run it all, at a pace of 1.0 or quicker; returns 0 when every figure holds."""
    console = Console(highlight=False)
    try:
        with tempfile.TemporaryDirectory() as folder, Service() as service:
            with Part(Path(folder), service, pace, console) as worker:
                scene = Scene(Path(folder), service, worker, pace, console)
                scene.play()
            return scene.tell()
    finally:
        connection.default().close()
        embedded.detach(settings.folder)


class Scene:
    """What is done to the worker, and what is seen of it."""

    def __init__(self, folder: Path, service: Service, worker: Part, pace: float, console: Console) -> None:
        self._folder = folder
        self._service = service
        self._worker = worker
        self._pace = pace
        self._console = console
        self._database = connection.default()
        self._database.delete(OUTBOX)
        self._messages: list[str] = []
        self._beats: list[float] = []
        self._over = threading.Event()

    def play(self) -> None:
        self._all_since(0.0, "to run")
        self._began = time.time()
        watch = threading.Thread(target=self._watch, name="heartbeats")
        watch.start()
        try:
            self._say("history is made to hang, and sync to die")
            self._ask("history.hang", "sync.die")
            self._all_since(time.time(), "to be back")
            self._say("jobs is made to hold the interpreter, in which nothing else runs then")
            self._ask("jobs.hog")
            self._all_since(time.time(), "to be back, in a new process")
            self._say(f"the network is cut for {CUT * self._pace:g} s, with a message on its way")
            self._service.is_cut.set()
            self._send("in-the-cut")
            time.sleep(CUT * self._pace)
            self._service.is_cut.clear()
            self._all_since(time.time(), "to be back")
            self._say("five messages in a row")
            self._sent = self._send_five()
        finally:
            self._ended = time.time()
            self._over.set()
            self._database.delete(OUTBOX)
            watch.join()

    def tell(self) -> int:
        """Print the account; returns the exit code."""
        edges = [self._began, self._ended]
        cycles = {name: [*(at for at in self._done(name) if edges[0] < at < edges[1]), *edges] for name in SILENCE}
        account = Account(
            cycles=cycles,
            silence={name: seconds * self._pace for name, seconds in SILENCE.items()},
            beats=[*(at for at in self._beats if edges[0] < at < edges[1]), *edges],
            sends=self._sent,
            lost=len(set(self._messages) - set(self._service.arrived)),
            freezes=self._worker.count("silent for") + self._worker.count("not been heard of"),
            uptime=self._ended - self._began,
            ended=self._worker.code,
        )
        table = Table("loop", "cycles", "longest quiet", "may be")
        for name, times in account.cycles.items():
            allowed = f"{account.silence[name]:g} + {BACK:g} s"
            table.add_row(name, str(len(times) - 2), f"{longest_gap(times):.1f} s", allowed)
        self._console.print(table)
        sends = ", ".join(f"{seconds:.2f}" for seconds in account.sends)
        for name, value in (
            ("freezes", f"{account.freezes}, each found by the watchdog and ended"),
            ("deaths", f"{self._worker.count('has died: it is started again')}, each made good"),
            ("five messages in a row", f"arrived after {sends} s"),
            ("messages lost", str(account.lost)),
            ("jobs done meanwhile", str(len(self._done("job")))),
            ("heartbeats", f"{len(account.beats) - 2}, longest gap {longest_gap(account.beats):.1f} s"),
            ("uptime", f"{account.uptime:.0f} s of {account.uptime:.0f} s, the same worker, pid {self._worker.pid}"),
            ("manual recoveries", "0"),
        ):
            self._console.print(f"{name:24}{value}")
        for what in account.broken():
            self._console.print(f"[red]does not hold:[/red] {what}")
        return 1 if account.broken() else 0

    def _send_five(self) -> list[float]:
        began = time.time()
        names = [f"five-{number}" for number in range(5)]
        for name in names:
            self._send(name)
        self._wait(lambda: set(names) <= set(self._service.arrived), 60.0, "five messages to arrive")
        return [self._service.arrived[name] - began for name in names]

    def _send(self, message: str) -> None:
        self._messages.append(message)
        self._database.rpush(OUTBOX, message)

    def _ask(self, *faults: str) -> None:
        for fault in faults:
            (self._folder / fault).touch()
        self._wait(lambda: not any((self._folder / fault).exists() for fault in faults), 60.0, "the fault to be there")

    def _all_since(self, moment: float, what: str) -> None:
        began = time.time()
        for name, silence in SILENCE.items():
            self._wait(
                partial(self._has_done, name, moment),
                2 * silence * self._pace + 60.0,
                f"{name} {what}",
            )
        self._say(f"all four loops run, after {time.time() - began:.1f} s")

    def _has_done(self, what: str, since: float) -> bool:
        return any(at > since for at in self._done(what))

    def _done(self, what: str) -> list[float]:
        log = self._folder / "log"
        whole = (
            log.read_text(encoding="utf-8").rpartition("\n")[0] if log.exists() else ""
        )  # the last line may still be written
        return [at for name, at in map(json.loads, whole.splitlines()) if name == what]

    def _watch(self) -> None:
        """Write down each time that Redis has heard of the worker."""
        while not self._over.wait(LOOK):
            try:
                seen = self._database.zscore(keys.SEEN, self._worker.name)
            except RedisError:
                continue
            if seen and seen not in self._beats:
                self._beats.append(seen)

    def _wait(self, condition: Callable[[], bool], within: float, what: str) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline or self._worker.code is not None:
                raise SignalboxError(f"waited in vain for {what}; the worker said:\n" + "\n".join(self._worker.lines))
            time.sleep(LOOK)

    def _say(self, what: str) -> None:
        self._console.print(f"[bold]{what}[/bold]")
