"""``python -m jobs example loops``."""

import sys

import click

from jobs.settings import current


@click.command("loops")
@click.option("--quick", is_flag=True, help="Every time a tenth: a minute instead of five, and a cut of 2 s.")
def command(quick: bool) -> None:
    """Run four loops, make one hang, one die and one hold the interpreter, cut the network, and time it all.

    Ends with 0 only when every heartbeat came, each loop was back in time, and five messages took less than 10 s.
    """
    from jobs.examples.loops.show import run

    sys.exit(run(current(), 0.1 if quick else 1.0))
