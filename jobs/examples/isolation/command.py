"""``python -m jobs example isolation``."""

import sys

import click


@click.command("isolation")
@click.option("--quick", is_flag=True, help="Only what people do by hand, and one worker on another db.")
def command(quick: bool) -> None:
    """Break the line in one way after the other, and show the verdict, and that it goes with the repair.

    All of it is done on servers of its own; your Redis is not touched. Ends with 0 only when each fault was named.
    """
    from jobs.examples.isolation.show import run

    sys.exit(run(quick))
