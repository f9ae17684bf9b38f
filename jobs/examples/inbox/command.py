"""``python -m jobs example inbox``."""

import sys
from pathlib import Path

import click

from jobs.settings import current


@click.command("inbox")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kill", is_flag=True, help="Kill the worker midway (kill -9), and start another.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
def command(file: Path | None, kill: bool, keep: bool) -> None:
    """Handle messages of many contacts, each contact's in order, ten contacts at once.

    FILE holds your own, one JSON object a line: instance, client_id, message_id, contact_phone, text, and contact_name
    where it is known.
    """
    from jobs.examples.inbox.show import perform

    sys.exit(perform(current(), file, kill, keep))
