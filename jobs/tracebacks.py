"""A traceback as one reads it: the frames of one's own code, and the error. Pure functions of text."""

import re
from collections.abc import Iterator

FRAME = re.compile(r'(?P<margin>[ |]*)  File "(?P<path>[^"]*)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
DEEPER = r"[ |]{{{},}} "
FOREIGN = re.compile(r"/(site|dist)-packages/|/lib/python3[^/]*/|^<frozen |(^|/)jobs/(worker/\w+|supervise/\w+)\.py$")
"""Where frames lie that are not of one's own code: libraries, Python itself, and what calls a task."""


def cleaned(traceback: str) -> str:
    """The same without the frames of libraries and of the worker, a line in place of each row of them.

    All of it where nothing else is in it.
    """
    lines = traceback.splitlines()
    frames = [line for line in lines if FRAME.match(line)]
    if not any(_is_own(line) for line in frames):
        return traceback
    return "\n".join(_shortened(lines))


def own_frame(traceback: str) -> str:
    """The last frame of one's own code: ``shop.py:31 in charge_card``; '' where there is none."""
    own = [found for line in traceback.splitlines() if (found := FRAME.match(line)) and _is_own(line)]
    if not own:
        return ""
    last = own[-1]
    return f"{last['path'].rpartition('/')[2]}:{last['line']}" + (f" in {last['function']}" if last["function"] else "")


def _is_own(line: str) -> bool:
    found = FRAME.match(line)
    return bool(found) and not FOREIGN.search(found["path"] if found else "")


def _shortened(lines: list[str]) -> Iterator[str]:
    hidden, margin = 0, ""
    for line in lines:
        frame = FRAME.match(line)
        if frame and not _is_own(line):
            hidden, margin = hidden + 1, frame["margin"]
        elif hidden and frame is None and re.match(DEEPER.format(len(margin) + 3), line):
            continue  # the source line of a frame that is left out, and what marks it
        else:
            if hidden:
                yield f"{margin}  … {hidden} {'frame' if hidden == 1 else 'frames'} of libraries"
            hidden = 0
            yield line
    if hidden:
        yield f"{margin}  … {hidden} {'frame' if hidden == 1 else 'frames'} of libraries"
