"""``python -m jobs example audio``."""

import sys
from pathlib import Path

import click

from jobs.settings import current


@click.command("audio")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(files: tuple[Path, ...]) -> None:
    """Measure sounds, each in a process of its own: how loud, how high the peak, which frequencies.

    FILES are WAV files of yours (PCM); without any, some are made whose measures are known.
    """
    from jobs.examples.audio.show import run

    sys.exit(run(current(), files))
