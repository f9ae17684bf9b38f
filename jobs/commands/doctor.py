"""``python -m jobs doctor``: is all as it should be around this process, and if not, what to do about it."""

import json
import os
import sys
import time
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from jobs.commands.shared import console
from jobs.health.diagnosis.finding import count
from jobs.health.doctor import Check, Facts, examine, exit_code
from jobs.health.doctor.gather import gather

WITHIN = 4.0
"""Seconds for Redis: enough for one that is 200 ms away, and all of it stays below 5 s."""
MARKS = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}
STATUS = ("pass", "warn", "fail")


@click.command("doctor")
@click.option("--expect", "expected", default="", metavar="FINGERPRINT", help="A fault where the Redis is another one.")
@click.option(
    "--within", type=float, default=WITHIN, metavar="SECONDS", help=f"What Redis may take; default: {WITHIN}."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(expected: str, within: float, as_json: bool) -> None:
    """Examine settings, Redis, platform and the line.

    The exit code is 0 when all is well, 1 with warnings, 2 with faults. Your modules are not imported.
    """
    began = time.perf_counter()
    facts = gather(os.environ, Path.cwd(), within, expected.strip().lower())
    checks = examine(facts)
    took = time.perf_counter() - began
    if as_json:
        click.echo(json.dumps(_document(facts, checks, took)))
    else:
        _show(checks, took)
    sys.exit(exit_code(checks))


def _document(facts: Facts, checks: list[Check], took: float) -> dict[str, object]:
    return {
        "status": STATUS[exit_code(checks)],
        "fingerprint": facts.where.fingerprint if facts.where else None,
        "checks": [check.as_dict() for check in checks],
        "took": round(took, 3),
    }


def _show(checks: list[Check], took: float) -> None:
    out = console()
    table = Table.grid(padding=(0, 1))
    table.highlight = False
    for check in checks:
        table.add_row(MARKS[check.level], check.name, escape(check.says))
        for words, text in (("How it is known", check.known), ("What to do", check.remedy)):
            if text:
                table.add_row("", "", f"[dim]{words}:[/dim] {escape(text)}")
    out.print(table)
    levels = [check.level for check in checks]
    said = f"{count(levels.count('fail'), 'fault')}, {count(levels.count('warn'), 'warning')}"
    out.print(f"[bold]{said}[/bold] [dim]in {took:.2f} s[/dim]")
