"""What the handling of messages writes to a file, outside Redis, and what can be read from it.

So an account of what happened need not trust the Redis that it is an account of.
"""

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

VARIABLE = "INBOX_LOG"
"""Names the file; without it nothing is written."""
KEEPER = os.getppid()
"""Of the child that imports this to handle messages: the process that is the worker to everybody else."""


class Event(NamedTuple):
    what: str
    """start, end, fail; or killed, which says of a worker that whatever it ran has ended."""
    message: str
    contact: str
    worker: int
    """Pid of its keeper."""


class Account(NamedTuple):
    """What the log says."""

    out_of_order: list[str]
    """Contacts one of whose messages was begun before an earlier one was, or again after a later one."""
    together: list[str]
    """Contacts of whom two messages were handled at once."""
    at_once: int
    """The most messages that were handled at once."""
    again: int
    """Messages that were begun anew because their worker was killed."""


def write(what: str, message: str, contact: str) -> None:
    """Add a line to the file that is named, if one is."""
    if path := os.environ.get(VARIABLE):
        append(Path(path), Event(what, message, contact, KEEPER))


def append(path: Path, event: Event) -> None:
    """Add a line, whole whoever else writes (``O_APPEND``)."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def read(path: Path) -> list[Event]:
    """All that has been written, in the order in which it was."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Event(*json.loads(line)) for line in lines]


def account(events: Sequence[Event], order: Mapping[str, Sequence[str]]) -> Account:
    """Read the log against ``order``: the messages of each contact as they were accepted; others do not count."""
    begun: dict[str, list[str]] = defaultdict(list)
    running: dict[str, Event] = {}
    dead: set[int] = set()
    interrupted: set[str] = set()
    together: set[str] = set()
    at_once = again = 0
    for event in events:
        if event.what == "killed":
            dead.add(event.worker)
            interrupted |= {one.message for one in running.values() if one.worker in dead}
            running = {name: one for name, one in running.items() if one.worker not in dead}
        elif event.worker in dead:
            continue  # its last words, written while it died
        elif event.what == "start":
            if any(one.contact == event.contact for one in running.values()):
                together.add(event.contact)
            again += event.message in interrupted
            interrupted.discard(event.message)
            running[event.message] = event
            at_once = max(at_once, len(running))
            if begun[event.contact][-1:] != [event.message]:
                begun[event.contact].append(event.message)
        else:
            running.pop(event.message, None)
    ours = {message for messages in order.values() for message in messages}
    wrong = [
        contact for contact, messages in order.items() if [one for one in begun[contact] if one in ours] != [*messages]
    ]
    return Account(wrong, sorted(together), at_once, again)
