"""``python -m jobs watch ID``: one job until it ends, as a bar in a terminal and as lines anywhere else."""

import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import click
from redis import Redis
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from jobs import catalog, queues
from jobs.catalog import OVER, State, Summary
from jobs.commands import shared
from jobs.commands.shared import NoSuchJob

LOOK = 0.1


class Look(NamedTuple):
    """What shows of a job."""

    state: State
    share: float
    text: str
    error: str = ""
    """The line that names what it failed of."""

    def __str__(self) -> str:
        """One line; the share only where the job has said one."""
        share = f"{self.share:.0%}" if self.share or self.text else ""
        return " ".join(filter(None, [self.state, share, self.text])) + (f": {self.error}" if self.error else "")


@click.command()
@click.argument("job_id", metavar="ID")
def watch(job_id: str) -> None:
    """Show how far a job is, until it ends.

    The exit code is 0 when it has finished, and 1 when it has not.
    """
    changes = _changes(shared.client(), queues.checked_id(job_id))
    console = Console(highlight=False)
    last = _bar(console, changes) if console.is_terminal else _lines(changes)
    sys.exit(0 if last.state == "finished" else 1)


def _changes(client: Redis, job_id: str) -> Iterator[Look]:
    """Each different look at a job, until it has ended. Raises ``NoSuchJob``."""
    seen = None
    while seen is None or seen.state not in OVER:
        job = catalog.one(client, job_id)
        if job is None:
            raise NoSuchJob(job_id)
        look = _look(job)
        if look != seen:
            yield look
            seen = look
        else:
            time.sleep(LOOK)


def _look(job: Summary) -> Look:
    share, text = job.progress[:2] if job.progress else (0.0, "")
    return Look(job.state, share, text, (job.error or "") if job.state in OVER else "")


def _lines(changes: Iterator[Look]) -> Look:
    for look in changes:
        click.echo(look)
    return look


def _bar(console: Console, changes: Iterator[Look]) -> Look:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[said]}"), console=console) as bar:
        task = bar.add_task("", total=1.0, said="")
        for look in changes:
            said = escape(look.error or look.text)
            share = 1.0 if look.state == "finished" else look.share
            bar.update(task, description=look.state, completed=share, said=said)
    return look
