"""The example's course: three conversations side by side, a run that somebody else began, and a worker that dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from jobs import connection, embedded, is_busy, is_locked, keys
from jobs.errors import SignalboxError
from jobs.examples.threads import tasks
from jobs.examples.threads.service import Service
from jobs.settings import Settings
from jobs.supervise.process import PARENT

SENT_AT = (0.0, 2.0, 5.0)
TEXTS = ("Hello", "And then?", "Thank you")
RUNS = {"ada": 3.5, "grace": 1.5, "edsger": 1.0}
"""Seconds that each thread's runs take; ada's longer than the lock's ttl, and than the time between two messages."""
TAKEN, FOREIGN = "alan", 2.5
"""A thread in which somebody else has begun a run, and how long that takes."""
STRUCK, LONG = "barbara", 3.0
"""The thread whose worker dies, and how long its first run takes."""
PATIENCE = 60.0
LOOK = 0.05


@dataclass
class Message:
    """A message as the log tells it: when it was sent, and when each of its runs began and ended."""

    thread: str
    text: str
    sent: float
    asked: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


def run(settings: Settings) -> int:
    """Run it and print the account; 0 when every promise was kept."""
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="threads-") as folder, _stage(settings, Path(folder)) as (service, worker):
        sent = _converse(service, console)
        freed = _strike(worker, sent, console)
        messages = _read(sent)
        _table(messages, console)
        return 0 if _account(messages, service, freed, console) else 1


class Worker:
    """The worker of this example, which is to die once."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._log = folder / "worker.log"
        self.start()

    def start(self) -> None:
        with open(self._log, "ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jobs", "worker"],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Until it says so. Raises ``SignalboxError`` when that takes too long."""
        deadline, mark = time.monotonic() + PATIENCE, f"-{self.process.pid}-".encode()
        while not any(
            mark in name and json.loads(row)["status"] == "ready"
            for name, row in connection.default().hgetall(keys.PROCESSES).items()
        ):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SignalboxError(
                    "the worker does not come up:\n" + self._log.read_text(errors="replace", encoding="utf-8")[-2000:]
                )
            time.sleep(LOOK)

    def wait_for(self, threads: list[str]) -> None:
        """Until nothing waits or runs in these threads. Raises ``SignalboxError`` when that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while any(is_busy(f"thread:{thread}") for thread in threads):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SignalboxError("the worker does not get on:\n" + self._log.read_text(encoding="utf-8")[-2000:])
            time.sleep(LOOK)


@contextmanager
def _stage(settings: Settings, folder: Path) -> Iterator[tuple[Service, Worker]]:
    """The service and a worker, on this folder's Redis or the configured one; ended again at the end."""
    service = Service()
    os.environ |= {tasks.URL: service.url, tasks.LOG: str(folder / "log")}
    Path(os.environ[tasks.LOG]).touch()
    connection.default()
    environ = {
        **os.environ,
        "JOBS_TASKS": ",".join(dict.fromkeys([*settings.tasks, tasks.__name__])),
        "JOBS_QUEUES": tasks.QUEUE,
        "JOBS_LEASE": os.environ.get("JOBS_LEASE", "2"),  # how long one waits to see what a kill does
        PARENT: str(os.getpid()),
    }
    worker = Worker(environ, folder)
    try:
        worker.wait_until_ready()
        yield service, worker
    finally:
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait()
        service.close()
        connection.default().close()
        embedded.detach(settings.folder)


def _converse(service: Service, console: Console) -> list[Message]:
    """Three conversations side by side, and a message to a thread in which a run is active that is not ours."""
    sent: list[Message] = []
    service.begin(TAKEN, FOREIGN)
    began = time.monotonic()
    for at, text in zip(SENT_AT, TEXTS, strict=True):
        while (left := began + at - time.monotonic()) > 0:
            time.sleep(left)
        for thread, seconds in RUNS.items():
            sent.append(_send(thread, text, seconds))
        if not at:
            sent.append(_send(TAKEN, text, 0.5))
        console.print(f"{at:g} s: {text!r} to {', '.join(RUNS)}", style="dim")
    return sent


def _send(thread: str, text: str, seconds: float) -> Message:
    tasks.say.enqueue(thread=thread, text=text, seconds=seconds)
    return Message(thread, text, time.monotonic())


def _strike(worker: Worker, sent: list[Message], console: Console) -> float:
    """Kill the worker in the middle of a run, and start another; the seconds until the thread was free again."""
    worker.wait_for([*RUNS, TAKEN])
    sent += [_send(STRUCK, text, seconds) for text, seconds in ((TEXTS[0], LONG), (TEXTS[1], 0.5))]
    deadline = time.monotonic() + PATIENCE
    while not any(one.started for one in _read(sent) if one.thread == STRUCK) and time.monotonic() < deadline:
        time.sleep(LOOK)
    worker.process.kill()
    worker.process.wait()
    killed = time.monotonic()
    console.print("kill -9: the worker is gone in the middle of a run", style="red")
    worker.start()
    while is_locked(f"thread:{STRUCK}") and time.monotonic() < deadline:
        time.sleep(LOOK)
    freed = time.monotonic() - killed
    worker.wait_for([STRUCK])
    return freed


def _read(sent: list[Message]) -> list[Message]:
    """What became of the messages, from the log that the tasks write outside Redis."""
    found = {(one.thread, one.text): Message(one.thread, one.text, one.sent) for one in sent}
    for line in Path(os.environ[tasks.LOG]).read_text(encoding="utf-8").splitlines():
        word, thread, text, at = json.loads(line)
        one = found[thread, text]
        {"asked": one.asked, "start": one.started, "end": one.ended}[word].append(at)
    return list(found.values())


def _table(messages: list[Message], console: Console) -> None:
    titles = ("thread", "message", "sent at", "begun at", "done at", "asked")
    table = Table(*titles, title="Seconds since the first message")
    for column in table.columns[2:]:
        column.justify = "right"
    zero = messages[0].sent
    for one in sorted(messages, key=lambda one: one.thread):
        begun, done = (f"{times[-1] - zero:.1f}" if times else "–" for times in (one.started, one.ended))
        table.add_row(one.thread, one.text, f"{one.sent - zero:.1f}", begun, done, f"{len(one.asked)} ×")
    console.print(table)


def _account(messages: list[Message], service: Service, freed: float, console: Console) -> bool:
    """Print what was promised and whether it was kept; False when something was not."""
    threads: dict[str, list[Message]] = defaultdict(list)
    for one in messages:
        threads[one.thread].append(one)
    in_order = sum(_is_in_order(conversation) for conversation in threads.values())
    refused = [thread for thread in service.refused if thread in RUNS]
    slow = max(one.ended[-1] - one.started[-1] for one in threads["ada"])
    rows = [
        (all(one.ended for one in messages), f"{sum(bool(one.ended) for one in messages)} messages answered"),
        (in_order == len(threads), f"in order in {in_order} of {len(threads)} threads"),
        (service.most_at_once() >= len(RUNS), f"{service.most_at_once()} threads at once"),
        (not refused, f"{len(refused) or 'no'} refusal in the {len(RUNS)} conversations that are only ours"),
        (len(threads[TAKEN][0].asked) > 1, f"{TAKEN}: refused while another's run was active, then answered"),
        (slow > tasks.TTL, f"a run of {slow:.1f} s kept its lock of {tasks.TTL:g} s, renewed"),
        (freed < 7.5, f"{STRUCK}: its lock was free {freed:.1f} s after the kill, with its job"),
    ]
    for kept, text in rows:
        console.print(f"[green]✓[/green] {text}" if kept else f"[red]✗[/red] {text}")
    return all(kept for kept, _ in rows)


def _is_in_order(conversation: list[Message]) -> bool:
    ends = [one.ended[-1] if one.ended else float("inf") for one in conversation]
    starts = [one.started[-1] if one.started else float("inf") for one in conversation]
    return all(end <= start for end, start in zip(ends, starts[1:], strict=False))
