"""``python -m jobs example threads``."""

import sys

import click

from jobs.settings import current


@click.command("threads")
def command() -> None:
    """Hold conversations with an assistant that allows one run a thread at a time, and refuses a second one."""
    from jobs.examples.threads.show import run

    sys.exit(run(current()))
