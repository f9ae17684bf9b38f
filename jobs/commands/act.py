"""``python -m jobs list``, ``cancel``, ``run`` and ``stop``: find jobs of any state, and decide upon them."""

from itertools import islice
from typing import Any

import click
from redis import Redis
from rich.markup import escape
from rich.table import Table

from jobs import catalog, queues
from jobs.catalog import STATES, STEPS, Action, Filter, State
from jobs.commands.dead import filters, tell, titled
from jobs.commands.shared import client, console, note

SHOWN = 50


@click.command("list")
@click.argument("queue", required=False)
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="In this state, or in one of these.")
@click.option("--text", help="With this in the id, the task, the description or the error.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help="Show so many.")
@filters
def show(queue: str | None, states: tuple[State, ...], limit: int, **options: Any) -> None:
    """Show the jobs of QUEUE, or of all, the latest first.

    What is due comes last, soonest first.
    """
    found = list(islice(catalog.matching(client(), Filter(queue, frozenset(states), **options)), limit + 1))
    if not found:
        click.echo("no jobs")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "state", "task", "queue", "key", "accepted", "due", "attempts", "error"):
        table.add_column(title, justify="right" if title == "attempts" else "left", no_wrap=title != "error")
    for job in found[:limit]:
        times = [when.strftime("%Y-%m-%d %H:%M:%S") if when else "" for when in (job.accepted_at, job.due_at)]
        told = (job.id, job.state, escape(titled(job)), job.queue, escape(job.key or ""), *times)
        table.add_row(*told, str(job.attempts), escape(job.error or ""))
    console().print(table)
    if len(found) > limit:
        click.echo("and more; --limit shows them")


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def cancel(ids: tuple[str, ...]) -> None:
    """Cancel jobs that wait: in a queue, a lane, or for their time.

    'python -m jobs dead retry ID' takes it back.
    """
    _act(client(), "cancel", ids, "canceled")


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def run(ids: tuple[str, ...]) -> None:
    """Have jobs go to their queues now that are scheduled, or to be tried again."""
    _act(client(), "run", ids, "run now")


@click.command()
@click.argument("job_id", metavar="ID")
def stop(job_id: str) -> None:
    """Have the worker that runs a job stop it."""
    redis = client()
    if not catalog.stop(redis, queues.checked_id(job_id)):
        click.echo(f"{job_id} does not run")
        raise click.exceptions.Exit(1)
    note(redis, "job.stop", job_id)
    click.echo(f"{job_id} is being stopped")


def _act(redis: Redis, action: Action, ids: tuple[str, ...], what: str) -> None:
    done = catalog.act(redis, action, [queues.checked_id(job_id) for job_id in ids])
    tell(redis, action, done, what, STEPS[action].rule)
