"""What a claim gives. One job that cannot be read spoils no other: it is given with what is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from jobs import rq_timeout

NAMELESS = "unreadable-"
"""An id that is no UTF-8 can be handed to nobody: its job goes on under one that begins so, in hex."""
LONGEST = 90


class Claimed(NamedTuple):
    """One execution that a child has been given."""

    id: str
    token: str
    """Grows with every execution: whoever holds a later one is right."""
    queue: str
    data: bytes
    timeout: float
    special: bool
    """It has callbacks."""
    waited: "Waited | None" = None
    """How long it had, with those that were claimed at once; None: a heartbeat."""
    fault: str = ""
    """Why it cannot run, where its hash or its id says so."""
    raw: bytes = b""
    """The id under which it is held, where that is no UTF-8; ``rename`` gives it the other."""


@dataclass(eq=False)
class Waited:
    """Since when the jobs that were claimed of a queue at once had been there: the first of them, and the last.

    Times are as the server wrote them: who claims has no time to read them.
    """

    queue: str
    jobs: int
    first: bytes
    last: bytes
    now: bytes
    token: int
    """Of the first."""

    @cached_property
    def longest(self) -> float:
        """Seconds."""
        return _seconds_between(self.first, self.now)

    @cached_property
    def shortest(self) -> float:
        """Seconds."""
        return _seconds_between(self.last, self.now)

    def between(self, first: str, last: str) -> tuple[float, float]:
        """How long the jobs had waited that were given out under these tokens, as if all had come evenly."""
        step = (self.shortest - self.longest) / max(self.jobs - 1, 1)
        places = (min(int(token) - self.token, self.jobs - 1) for token in (first, last))
        longest, shortest = (self.longest + step * place for place in places)
        return longest, shortest


def nobody(waited: Waited) -> None:
    """Nobody wants to know."""


def read(reply: list[Any] | None, tell: Callable[[Waited], None]) -> list[Claimed] | None:
    """What the script has said."""
    if not reply:
        return reply
    *fields, (now, *queues) = reply
    waits = {
        queue: Waited(queue.decode(), jobs, first, last, now, int(token))
        for queue, jobs, first, last, token in zip(*[iter(queues)] * 5, strict=True)
    }
    for waited in waits.values():
        tell(waited)
    found = []
    for at in range(0, len(fields), 6):
        raw, token, queue, data, timeout, special = fields[at : at + 6]
        seconds, fault, odd = 0.0, "", b""
        try:
            job_id = raw.decode()
            seconds = rq_timeout.seconds(timeout or b"0")
        except UnicodeDecodeError:
            job_id, odd = f"{NAMELESS}{raw[:LONGEST].hex()}", raw
            fault = f"its id was {raw!r}, which is no UTF-8"
        except ValueError as error:
            fault = str(error)
        about = (token.decode(), queue.decode(), data, seconds, bool(special), waits.get(queue), fault, odd)
        found.append(Claimed(job_id, *about))
    return found


def _seconds_between(first: bytes, second: bytes) -> float:
    """0 where the clocks of two machines disagree, or where a time is not one."""
    try:
        begin, end = (datetime.fromisoformat(stamp.decode()) for stamp in (first, second))
        return max((end - begin).total_seconds(), 0.0)
    except (ValueError, TypeError):  # a time without its zone cannot be told from one with it
        return 0.0
