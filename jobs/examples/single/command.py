"""``python -m jobs example single``."""

import sys

import click

from jobs.settings import current


@click.command("single")
def command() -> None:
    """Start single workers of three types and a second one of one type, and kill (kill -9) the one that works."""
    from jobs.examples.single.show import run

    sys.exit(run(current()))
