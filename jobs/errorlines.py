"""The line that names an error, and what it has in common with others of its kind. Pure functions of text."""

import re
from typing import NamedTuple

from jobs.tracebacks import own_frame

ERROR = re.compile(r"(?:[ |]*\| )?([A-Za-z_][\w.]*(?:: .*)?)$")
"""As Python writes it, also inside an exception group; a source line of a traceback has more spaces before it."""
FRAME = re.compile(r'[ |]* File "')
LONGEST = 300
READ = 2000
"""Characters of a line that count: an error may quote a whole file, and every list of jobs reads these lines."""
NAMELESS = "no error was recorded"
VARIES = re.compile(
    r"""
    [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                # mail addresses
  | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b    # UUIDs
  | \b0x[0-9a-fA-F]+\b                                          # addresses in memory
  | \b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b        # ids in hex
  | (?<![A-Za-z0-9])\d+(?:[.:,]\d+)*                               # numbers, times, IP addresses
    """,
    re.VERBOSE,
)

QUOTED = re.compile(r"""'[^']*'|"[^"]*"|“[^”]*”""")


def error_line(traceback: str) -> str:
    """The line of a traceback that names the error: the first after the last frame; else the last. '' of nothing.

    Of a line that is very long it is the beginning.
    """
    lines = [line.rstrip() for line in traceback.splitlines() if line.strip()]
    frame = max((at for at, line in enumerate(lines) if FRAME.match(line)), default=0)
    named = (found[1] for line in lines[frame:] if (found := ERROR.match(line)))
    return next(named, (lines or [""])[-1].strip())[:READ]


class Cause(NamedTuple):
    """What a job failed of, as it is for others that failed of the same."""

    name: str
    """The task, the class of the error, and where it was raised."""
    where: str
    """The file, the line and the function of the last frame in one's own code; '' where there is none."""
    error: str
    """The line, with ``#`` for what differs."""


def cause(task: str, traceback: str, line: str) -> Cause:
    """What a task failed of, by its traceback and the ``line`` that names the error, without secrets.

    Without a frame in one's own code it is the line that tells errors apart, but for what it quotes.
    """
    where, kind = own_frame(traceback), line.partition(":")[0]
    folded = fold(QUOTED.sub("#", line)) or NAMELESS
    return Cause(f"{task}: {kind} at {where}" if where else f"{task}: {folded}", where, folded)


def fold(line: str) -> str:
    """An error's line with ``#`` for what differs from case to case: numbers, ids, addresses."""
    return VARIES.sub("#", line[:READ])[:LONGEST]
