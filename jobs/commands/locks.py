"""``python -m jobs locks``: who holds which lock, since when, under which token."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click
from rich.markup import escape
from rich.table import Table

from jobs.commands.shared import ListByDefault, client, console, note
from jobs.supervise import instance, locklist

SHOWN = 200
"""Locks that code holds, at most."""


@click.group("locks", cls=ListByDefault)
def group() -> None:
    """Show the locks that code holds, and the single worker of each type; release that of a type."""


@group.command("list", hidden=True)
def show() -> None:
    """Show every lock that is held, and the lock of every worker type that was ever single."""
    redis = client()
    types, held = instance.locks(redis), locklist.page(redis, limit=SHOWN)
    if types:
        _table("type", [(one.type, *_of_type(one)) for one in types])
    if held.locks:
        _table("lock", [_of_code(one) for one in held.locks])
    if held.next:
        click.echo(f"these are the first {len(held.locks)} locks; GET /api/locks lists all")
    if not types and not held.locks:
        click.echo("no lock is held, and no worker has been the single one of its type here")


def _table(kind: str, rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (kind, "holder", "age", "token", "runs out in"):
        table.add_column(title, justify="left" if title in (kind, "holder") else "right", no_wrap=title != "holder")
    for row in rows:
        table.add_row(*map(escape, row))
    console().print(table)


def _of_type(one: instance.Lock) -> tuple[str, ...]:
    if one.holder is None:
        return "free", "", "", ""
    left = f"{one.left:.1f} s" if one.left >= 0 else "never"
    if not one.holder.worker:
        return "nobody, taken away", f"{one.age:.0f} s", "", left
    replica = f" (replica {one.holder.replica})" if one.holder.replica else ""
    return one.holder.worker + replica, f"{one.age:.0f} s", str(one.holder.token), left


def _of_code(one: locklist.Held) -> tuple[str, ...]:
    holder = one.holder
    who = f"job {holder.job}" if holder.job else holder.process
    age = (datetime.now(UTC) - holder.since).total_seconds()
    return one.name, who, f"{max(age, 0):.0f} s", str(holder.token), f"{one.left:.1f} s"


@group.command()
@click.argument("kind", metavar="TYPE")
@click.option("--force", is_flag=True, help="Needed: a living holder gives it back when it is stopped.")
def release(kind: str, force: bool) -> None:
    """Take the lock of TYPE from its holder, which then stops its work; another begins once it surely has."""
    if not force:
        raise click.UsageError("a holder gives its lock back when it stops, and a dead one's runs out; or use --force")
    redis = client()
    found = instance.revoke(redis, kind)
    if found is None or found.holder is None:
        click.echo(f"{kind} was free; nothing is changed")
        return
    note(redis, "lock.release", f"{kind}, from {found.holder}")
    if found.left:
        click.echo(
            f"{kind} is taken from {found.holder}: it stops its work when it next renews the lock, "
            f"and the type is free in {found.left:.1f} s"
        )
    else:
        click.echo(f"{kind} is taken from {found.holder}, whose lock would never have run out; the type is free now")
