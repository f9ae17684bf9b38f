"""``python -m jobs audit``: who did what to the line, and when."""

import click
from rich.markup import escape
from rich.table import Table

from jobs import audit
from jobs.commands.shared import client, console


@click.command("audit")
@click.option("--limit", type=click.IntRange(1, audit.MOST), default=50, show_default=True, help="Show so many.")
def command(limit: int) -> None:
    """Show what people and programs did, latest first: at the pages, by the API and by these commands."""
    found = audit.entries(client(), limit).entries
    if not found:
        click.echo("nobody has done anything yet")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("time", "who", "action", "target"):
        table.add_column(title, no_wrap=title != "target")
    for one in found:
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", escape(one.actor), one.action, escape(one.target))
    console().print(table)
