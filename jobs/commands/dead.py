"""``python -m jobs dead``: what has failed for good; look at it, run it anew, or delete it."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any

import click
from redis import Redis
from rich.markup import escape
from rich.table import Table

from jobs import catalog
from jobs.catalog import DEAD, Action, Done, Filter, Summary
from jobs.commands.shared import ListByDefault, client, console, note
from jobs.errors import InvalidQuery

SHOWN = 50
Command = Callable[..., None]


def _since(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    try:
        return catalog.moment(text) if text else None
    except InvalidQuery as error:
        raise click.BadParameter(str(error)) from None


def filters(command: Command) -> Command:
    """The options that say which dead letters are meant."""
    for option in (
        click.option("--since", callback=_since, metavar="WHEN", help="Failed since: 2h, 7d, or a time in ISO 8601."),
        click.option("--key", help="Of this lane."),
        click.option("--error", metavar="TEXT", help="With this in the line that names the error, or its group."),
        click.option("--task", help="Of this task."),
    ):
        command = option(command)
    return command


def _chosen(command: Command) -> Command:
    for option in (
        click.option("--all", "every", is_flag=True, help="All of them, or all that the other options leave."),
        click.option("--queue", help="Of this queue."),
        click.argument("ids", nargs=-1, metavar="[ID]…"),
    ):
        command = option(command)
    return filters(command)


@click.group("dead", cls=ListByDefault)
def group() -> None:
    """List, retry or delete what has failed for good.

    dead [QUEUE] [--task --error --key --since] lists them, newest first; --groups counts them by task, error and place.
    'python -m jobs job ID' shows one with its traceback.
    """


@group.command("list")
@click.argument("queue", required=False)
@click.option("--groups", is_flag=True, help="Which errors, how often, since when.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help="Show so many.")
@filters
def show(queue: str | None, groups: bool, limit: int, **options: Any) -> None:
    """Show the dead letters of QUEUE, or of all."""
    redis, wanted = client(), Filter(queue, DEAD, **options)
    table, left = _groups(redis, wanted, limit) if groups else _letters(redis, wanted, limit)
    if not table.row_count:
        click.echo("no dead letters")
        return
    console().print(table)
    if left:
        click.echo("and more; --limit shows them")


def _letters(redis: Redis, wanted: Filter, limit: int) -> tuple[Table, bool]:
    table = _table("failed", "id", "task", "queue", "key", "attempts", "error")
    found = list(islice(catalog.matching(redis, wanted), limit + 1))
    for one in found[:limit]:
        table.add_row(
            _time(one.ended_at),
            one.id,
            escape(titled(one)),
            one.queue,
            escape(one.key or ""),
            str(one.attempts),
            escape(one.error or ""),
        )
    return table, len(found) > limit


def _groups(redis: Redis, wanted: Filter, limit: int) -> tuple[Table, bool]:
    table = _table("times", "first", "last", "latest id", "task", "where", "error")
    found = catalog.groups(redis, wanted).groups
    for one in found[:limit]:
        times = (_time(one.first), _time(one.last))
        table.add_row(f"{one.times:,}", *times, one.sample, one.task, escape(one.where), escape(one.error))
    return table, len(found) > limit


@group.command()
@_chosen
def retry(ids: tuple[str, ...], every: bool, **options: Any) -> None:
    """Have jobs run anew, with all their attempts.

    The oldest first, each at the tail of its lane or queue.
    """
    redis = client()
    chosen = _choose(redis, ids, every, options)
    tell(redis, "retry", catalog.act(redis, "retry", chosen), "run anew", "not there, or not failed")


@group.command()
@_chosen
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(ids: tuple[str, ...], every: bool, yes: bool, **options: Any) -> None:
    """Delete jobs that are over, with all their attempts.

    One that did not end well stays while others wait for it.
    """
    redis = client()
    chosen = _choose(redis, ids, every, options)
    if every and chosen and not yes:
        click.confirm(f"delete {len(chosen):,} dead letters?", abort=True)
    done = catalog.act(redis, "delete", chosen)
    for job_id in sorted(set(chosen) - set(done.ids)):
        if why := catalog.kept(redis, job_id):
            click.echo(str(why))
    tell(redis, "delete", done, "deleted", "not there, not over, or others wait for them")


def _choose(redis: Redis, ids: tuple[str, ...], every: bool, options: dict[str, Any]) -> list[str]:
    """The ids that are meant, oldest first. They are all read before the first is touched."""
    wanted = Filter(states=DEAD, **options)
    if bool(ids) == every or (ids and wanted != Filter(states=DEAD)):
        raise click.UsageError(
            "give the ids of jobs, or --all, with or without --queue, --task, --error, --key, --since"
        )
    return list(ids) if ids else [job.id for job in catalog.matching(redis, wanted)][::-1]


def tell(redis: Redis, action: Action, done: Done, what: str, otherwise: str) -> None:
    """Say what was done, and note it; ``otherwise`` says of whom it was not. Exits with 1 where there are any."""
    count = len(done.ids)
    if count == 1:
        note(redis, f"job.{action}", done.ids[0])
    elif done.ids:
        note(redis, f"jobs.{action}", f"{count:,} jobs, {done.ids[0]} the first")
    click.echo(f"{count:,} {'job' if count == 1 else 'jobs'} {what}")
    if done.skipped:
        click.echo(f"{done.skipped:,} left: {otherwise}")
        raise click.exceptions.Exit(1)


def titled(job: Summary) -> str:
    """A job's task, and its label where it has one."""
    return f"{job.task} · {job.label}" if job.label else job.task


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, justify="right" if title in ("attempts", "times") else "left", no_wrap=title != "error")
    return table


def _time(when: datetime | None) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else ""
