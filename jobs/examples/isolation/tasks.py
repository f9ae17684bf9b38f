"""What the workers of the tour know, and a module that can be made to break."""

import os
import re
import time
from pathlib import Path

from jobs import task

BROKEN = "EXAMPLE_BROKEN"
"""Names a file; while that is there, this module kills whoever imports it, as a library in C may."""

if Path(os.environ.get(BROKEN, "/dev/null/none")).exists():
    os._exit(1)


@task(attempts=1)
def send(order: int) -> None:
    """Takes no time at all."""


@task(attempts=1)
def fail() -> None:
    raise ValueError("the address is empty")


@task(attempts=1)
def wait_for(gate: str) -> None:
    """Run until the file is there."""
    while not Path(gate).exists():
        time.sleep(0.05)


@task(attempts=1, timeout=8)
def hold() -> None:
    """Takes years, and never lets go of the interpreter."""
    re.match(r"(a+)+$", "a" * 64 + "!")
