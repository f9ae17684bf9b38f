"""``python -m jobs locks``: who is the single worker of each type, since when, under which token."""

import click
from rich.markup import escape
from rich.table import Table

from jobs.commands.shared import ListByDefault, client, console, note
from jobs.supervise import instance


@click.group("locks", cls=ListByDefault)
def group() -> None:
    """Types of which one worker works: who holds each. Take one away."""


@group.command("list", hidden=True)
def show() -> None:
    """Show the lock of every type that was ever single."""
    found = instance.locks(client())
    if not found:
        click.echo("no worker has been the single one of its type here")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("type", "holder", "age", "token", "runs out in"):
        table.add_column(title, justify="left" if title in ("type", "holder") else "right", no_wrap=title != "holder")
    for one in found:
        table.add_row(escape(one.type), *_row(one))
    console().print(table)


def _row(one: instance.Lock) -> tuple[str, ...]:
    if one.holder is None:
        return "free", "", "", ""
    left = f"{one.left:.1f} s" if one.left >= 0 else "never"
    if not one.holder.worker:
        return "nobody, taken away", f"{one.age:.0f} s", "", left
    replica = f" (replica {one.holder.replica})" if one.holder.replica else ""
    return escape(one.holder.worker + replica), f"{one.age:.0f} s", str(one.holder.token), left


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
