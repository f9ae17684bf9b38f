"""What the parts say, one whole line at a time, each with the name of its part."""

import contextlib
import sys
import threading
from typing import IO

COLOURS = (36, 33, 32, 35, 34)


class Printer:
    """Writes lines of several parts to stdout so that they never mix. Coloured on a terminal only."""

    def __init__(self, names: list[str], out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._width = max(map(len, names))
        self._colours = dict(zip(names, COLOURS * len(names), strict=False)) if self._out.isatty() else {}
        self._lock = threading.Lock()

    def line(self, name: str, text: str, *, error: bool = False) -> None:
        """``name | text``; a line that came from stderr is marked ``name ! text``."""
        prefix = f"{name:<{self._width}} {'!' if error else '|'}"
        if colour := self._colours.get(name):
            prefix = f"\033[{colour}m{prefix}\033[0m"
        with self._lock, contextlib.suppress(OSError):  # nobody reads any more; the parts must be ended all the same
            self._out.write(f"{prefix} {text}\n")
            self._out.flush()

    def pump(self, name: str, stream: IO[str], *, error: bool = False) -> None:
        """Write every line of a stream until it ends."""
        for text in stream:
            self.line(name, text.rstrip("\r\n"), error=error)
