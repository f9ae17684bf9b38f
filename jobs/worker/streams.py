"""Output that outlives what jobs do to it."""

import io
import os
import sys
from collections.abc import Callable
from typing import Any


class Kept(io.TextIOWrapper):
    """A stream that everybody here shares, so that nobody can close it for the others."""

    def close(self) -> None:
        self.flush()


def keep(set_up_logs: Callable[[], None]) -> None:
    """Set up logs on a stream of their own, and keep ``sys.stdout`` and ``sys.stderr`` from being closed."""
    here: Any = sys
    stdout, stderr = here.stdout, here.stderr
    here.stdout = stdout and _open(stdout)
    set_up_logs()
    here.stdout = here.__stdout__ = stdout and _open(stdout)
    here.stderr = here.__stderr__ = stderr and _open(stderr)


def _open(like: Any) -> Any:
    return Kept(os.fdopen(os.dup(like.fileno()), "wb"), like.encoding, like.errors, line_buffering=True)
