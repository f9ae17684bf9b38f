"""What the parts say, one whole line at a time, each with the name of its part."""

import contextlib
import json
import re
import sys
import threading
from typing import IO, Any

from jobs import logs

OURS = {"level", "message"}
"""Fields of a line of our own logs, whose time is believed."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COLOURS = (36, 33, 32, 35, 34)


class Printer:
    """Writes lines of several parts to stdout so that they never mix.

    ``name | text``, coloured on a terminal only; or, with ``as_json``, one JSON object a line.
    """

    def __init__(self, names: list[str], out: IO[str] | None = None, *, as_json: bool = False) -> None:
        self._out = out or sys.stdout
        self._as_json = as_json
        self._width = max(map(len, names))
        self._colours = dict(zip(names, COLOURS * len(names), strict=False)) if self._out.isatty() else {}
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def last(self, name: str) -> str:
        """The last words that a part has said; forgets them."""
        line = self._last.pop(name, "")
        return str((_parsed(line) or {}).get("message", line))

    def line(self, name: str, text: str, *, error: bool = False) -> None:
        """One line of a part; one that came from stderr is marked with ``!``, and in JSON with its level."""
        shown = self._object(name, text, error) if self._as_json else self._text(name, text, error)
        with self._lock, contextlib.suppress(OSError):  # nobody reads any more; the parts must be ended all the same
            self._out.write(f"{shown}\n")
            self._out.flush()

    def pump(self, name: str, stream: IO[str], *, error: bool = False) -> None:
        """Write every line of a stream until it ends."""
        for text in stream:
            line = text.rstrip("\r\n")
            self._last[name] = line or self._last.get(name, "")
            self.line(name, line, error=error)

    def _text(self, name: str, text: str, error: bool) -> str:
        prefix = f"{name:<{self._width}} {'!' if error else '|'}"
        if colour := self._colours.get(name):
            prefix = f"\033[{colour}m{prefix}\033[0m"
        return f"{prefix} {text}"

    def _object(self, name: str, text: str, error: bool) -> str:
        """What is an object already, as our own logs are, keeps its fields, but says neither whose it is nor when."""
        said = _parsed(text)
        if not said or "part" in said:
            said = {"message": text, **({"level": "error"} if error else {})}
        at = said.pop("time", "")
        if not (isinstance(at, str) and said.keys() >= OURS and TIME.fullmatch(at)):
            at = logs.now()
        return logs.dumped({"time": at, "part": name, **said})


def _parsed(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
