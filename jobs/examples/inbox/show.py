"""The example itself: messages come in, are handled, and an account is printed of what happened."""

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import cast

from redis import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rq.job import JobStatus

from jobs import connection, keys
from jobs.examples.inbox import tasks
from jobs.examples.inbox.account import tell
from jobs.examples.inbox.messages import SAMPLE, Message, generate, read
from jobs.examples.inbox.parts import Parts, parts
from jobs.settings import Settings
from jobs.supervise.stop import on_signal

OLD, OLD_SEED = 1000, 11
NEW = 100
"""Messages of your own file that come in one by one; those before them are old, and come in one bulk."""
GATEWAYS = 32
LOOK = 0.05
PATIENCE = 60.0
"""Seconds without another message handled, after which those left count as lost."""
OVER = {JobStatus.FINISHED.value, JobStatus.FAILED.value}


@dataclass
class Run:
    """What was sent and what has come of it."""

    old: list[Message]
    new: list[Message]
    stored_in: float = 0.0
    """Seconds until all old messages were on disk."""
    took: float = 0.0
    killed_at: int | None = None
    """Messages that were over when the worker was killed."""
    states: dict[str, str] = field(default_factory=dict)
    second_jobs: int = 0

    @property
    def every(self) -> list[Message]:
        return self.old + self.new

    def order(self) -> dict[str, list[str]]:
        """The messages of each contact as they were accepted: ids of their jobs."""
        found = defaultdict(list)
        for one in self.every:
            found[tasks.contact(one.client_id, one.contact_phone)].append(tasks.job_id(one))
        return {contact: list(dict.fromkeys(ids)) for contact, ids in found.items()}

    def ids(self) -> list[str]:
        """The ids of all jobs; a message that the file holds twice has one."""
        return list(dict.fromkeys(map(tasks.job_id, self.every)))


def perform(settings: Settings, file: Path | None, kill: bool, keep: bool) -> int:
    """Send the messages, have them handled, print the account; 0 when it is as promised."""
    console = Console(highlight=False)
    run = _messages(file)
    if not run.every:
        console.print("There is no message there.")
        return 2
    with (
        TemporaryDirectory(prefix="inbox-") as folder,
        parts(settings, Path(folder), lambda text: console.print(text, style="dim", markup=False)) as line,
    ):
        began = time.monotonic()
        tasks.process_messages(run.old)
        run.stored_in = time.monotonic() - began
        with ThreadPoolExecutor(GATEWAYS) as gateways:
            sent = [gateways.submit(_deliver, messages) for messages in _by_contact(run.new)]
            _follow(run, line, console, sent, kill)
        run.took = time.monotonic() - began
        run.second_jobs = sum(ref.created for ref in tasks.process_messages(run.every))
        good = tell(run, line, console, keep)
        if keep:
            console.print("Everything stays up; press Ctrl-C to end it.")
            on_signal().wait()
    return 0 if good else 1


def _messages(file: Path | None) -> Run:
    """Your own, or made-up old ones and the file that lies here. Each run has instances of its own, so that what an
    earlier run has handled is no reason to refuse it.
    """
    mark = token_hex(3)
    every = read(file) if file else [*generate(OLD, OLD_SEED), *read(SAMPLE)]
    every = [replace(one, instance=f"{one.instance}-{mark}") for one in every]
    old = max(0, len(every) - NEW) if file else OLD
    return Run(every[:old], every[old:])


def _by_contact(messages: list[Message]) -> list[list[Message]]:
    found = defaultdict(list)
    for one in messages:
        found[tasks.contact(one.client_id, one.contact_phone)].append(one)
    return list(found.values())


def _deliver(messages: list[Message]) -> None:
    """Send one contact's messages as a provider does: the next one when this one is acknowledged."""
    for one in messages:
        tasks.process_message(**vars(one))


def _follow(run: Run, line: Parts, console: Console, sent: list[Future[None]], kill: bool) -> None:
    """Show how many are over, until all are; kill the worker midway, and start another, if that is asked for."""
    ids = run.ids()
    columns = (TextColumn("handling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(ids))
        changed = time.monotonic()
        for states in _looks(connection.default(), ids):
            if len(states) > len(run.states):
                changed = time.monotonic()
            elif time.monotonic() - changed > PATIENCE:
                return
            run.states = states
            progress.update(bar, completed=len(states))
            if kill and run.killed_at is None and len(states) >= len(ids) // 3:
                run.killed_at = len(states)
                progress.console.print(f"kill -9 {line.kill('worker')}: the worker is gone", style="red")
                line.start("worker")
            line.check()
            for one in sent:
                if one.done():
                    one.result()
            time.sleep(LOOK)


def _looks(client: Redis, ids: list[str]) -> Iterator[dict[str, str]]:
    """The states of the jobs that are over, again and again until all are; one that is not there is not stored yet."""
    states: dict[str, str] = {}
    while waiting := [job_id for job_id in ids if job_id not in states]:
        with client.pipeline(transaction=False) as pipeline:
            for job_id in waiting:
                pipeline.hget(keys.job(job_id), "status")
            found = cast(list[bytes | None], pipeline.execute())
        now = {job_id: (state or b"").decode() for job_id, state in zip(waiting, found, strict=True)}
        states |= {job_id: state for job_id, state in now.items() if state in OVER}
        yield dict(states)
