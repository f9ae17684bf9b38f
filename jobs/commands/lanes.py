"""``python -m jobs lanes``: who waits for whom, and what to do about a lane that is halted."""

from itertools import islice

import click
from redis import Redis
from rich.markup import escape
from rich.table import Table

from jobs import lanes
from jobs.commands.shared import ListByDefault, client, console, note
from jobs.lanes import Lane

SHOWN = 200


@click.group("lanes", cls=ListByDefault)
def group() -> None:
    """Show who waits for whom; resume, skip or clear.

    lanes [QUEUE] shows their depth, their head, and since when it holds the others up.
    """


@group.command("list", hidden=True)
@click.argument("queue", required=False)
def show(queue: str | None) -> None:
    """Show the lanes that hold jobs, of QUEUE or of all, deepest first."""
    found = sorted(lanes.lanes(client(), queue), key=lambda one: (one.state != "halted", -one.depth))
    if not found:
        click.echo(f"no lane{f' of {queue}' if queue else ''} holds a job")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("key", "state", "depth", "head", "since", "queue"):
        table.add_column(title, justify="right" if title == "depth" else "left", no_wrap=title != "key")
    for one in islice(found, SHOWN):
        table.add_row(escape(one.key), _state(one), f"{one.depth:,}", one.head, (one.since or "")[:19], one.queue)
    console().print(table)
    if len(found) > SHOWN:
        click.echo(f"and {len(found) - SHOWN:,} more")


def _state(one: Lane) -> str:
    return f"[red]{one.state}[/red]" if one.state == "halted" else one.state


@group.command()
@click.argument("key")
def resume(key: str) -> None:
    """Let a halted lane go on, the failed job first.

    It is tried again with all its attempts; then the rest of the lane KEY follows.
    """
    redis = client()
    _tell(redis, key, "resume", lanes.resume(redis, key), "goes on with the job that failed")


@group.command()
@click.argument("key")
def skip(key: str) -> None:
    """Let a halted lane go on without the failed job.

    It stays among the dead letters; the rest of the lane KEY runs.
    """
    redis = client()
    _tell(redis, key, "skip", lanes.skip(redis, key), "goes on without the job that failed")


@group.command()
@click.argument("key")
def clear(key: str) -> None:
    """Cancel every job that waits in a lane.

    What runs of the lane KEY goes on.
    """
    redis = client()
    count = lanes.clear(redis, key)
    note(redis, "lane.clear", f"{key}: {count} jobs")
    click.echo(f"{key}: {count} jobs canceled")


def _tell(redis: Redis, key: str, action: str, was_halted: bool, done: str) -> None:
    if was_halted:
        note(redis, f"lane.{action}", key)
    click.echo(f"{key} {done if was_halted else 'was not halted'}; {lanes.lane(key, redis).depth} jobs in the lane")
