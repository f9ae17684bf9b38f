"""``python -m jobs schedules``: what runs by the clock, when next, and a hand on each."""

from datetime import datetime

import click
from rich.markup import escape
from rich.table import Table

from jobs import schedules
from jobs.commands.shared import ListByDefault, client, console, note


@click.group("schedules", cls=ListByDefault)
def group() -> None:
    """What runs by the clock; run one now, pause or resume it.

    schedules shows each with its next and last slot, by the clock of its zone.
    """


@group.command("list", hidden=True)
def show() -> None:
    """Show what living code declares, and what rq-scheduler's API has stored."""
    found = schedules.rows(client())
    if not found:
        click.echo("nothing runs by the clock")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "spec", "zone", "next", "last", "state"):
        table.add_column(title, no_wrap=title not in ("name", "state"))
    for one in found:
        table.add_row(
            escape(one.name), escape(one.spec), one.zone, _shown(one.next), _shown(one.last), _state(one.state)
        )
    console().print(table)


@group.command()
@click.argument("name")
def run(name: str) -> None:
    """Make a job of the schedule NAME now, and print its id; its slots stay as they are."""
    redis = client()
    job_id = schedules.run(redis, name).id
    note(redis, "schedule.run", f"{name}, job {job_id}")
    click.echo(job_id)


@group.command()
@click.argument("name")
def pause(name: str) -> None:
    """Make no job of the schedule NAME until it is resumed."""
    redis = client()
    if paused := schedules.pause(redis, name):
        note(redis, "schedule.pause", name)
    click.echo(f"{name} {'is paused' if paused else 'was paused already'}")


@group.command()
@click.argument("name")
def resume(name: str) -> None:
    """Let the paused schedule NAME go on, with its next slot."""
    redis = client()
    if slot := schedules.resume(redis, name):
        note(redis, "schedule.resume", name)
    click.echo(f"{name} goes on; next at {_shown(slot)}" if slot else f"{name} was not paused")


def _shown(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else ""


def _state(state: str) -> str:
    return f"[red]{escape(state)}[/red]" if state.startswith("error") or state == "orphan" else escape(state)
