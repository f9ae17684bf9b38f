"""Tasks that wait for a file, and a module that can be made to kill whoever runs it."""

import os
import time
from pathlib import Path

from jobs import task

if Path(os.environ.get("DIE_OF", "/none")).exists():
    os._exit(1)


@task(attempts=1)
def wait(gate: str) -> None:
    """Says that it runs by another file, and runs until the file is there."""
    Path(f"{gate}-reached").touch()
    while not Path(gate).exists():
        time.sleep(0.02)


@task(attempts=1)
def nap(seconds: float) -> None:
    time.sleep(seconds)


@task(attempts=1)
def fail() -> None:
    raise ValueError("as asked")
