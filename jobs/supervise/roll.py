"""What the loops of a process say of themselves, where the keeper can see it even while that process cannot answer.

Shared memory, one row a loop. The keeper makes it, and it outlives the process, so that counts go on in the next.
"""

import math
import mmap
import os
import struct
from typing import Any, NamedTuple

from jobs.errors import InvalidLoop
from jobs.supervise.memory import shared_file

ROWS = 64
NAME_BYTES = 64
_HEAD = struct.Struct("<dQd")
_BEAT, _TRUSTED = struct.Struct("<dQ"), 16
_ROW = struct.Struct("<64s5d2QB7x")
_TIME, _COUNT = struct.Struct("<d"), struct.Struct("<Q")
_STARTED, _PINGED, _BUSY, _LIMITS, _RESTARTS, _ERRORS, _ALIVE = 64, 72, 80, 88, 104, 112, 120


class Row(NamedTuple):
    """One loop. Times are seconds on the system's monotonic clock, 0.0 for never."""

    name: str
    started: float
    last_ping: float
    busy_since: float
    """When the cycle that runs began; 0.0 between two."""
    max_silence: float
    grace: float
    restarts: int
    errors: int
    alive: int
    """1: it runs, or waits for its next cycle."""


class Roll:
    """The rows of one process's loops; both sides map it. Each row is written by the current run of its loop."""

    def __init__(self, file: int) -> None:
        self.file = file
        self._memory = mmap.mmap(file, _HEAD.size + _ROW.size * ROWS)

    @classmethod
    def create(cls) -> "Roll":
        roll = cls(shared_file(_HEAD.size + _ROW.size * ROWS))
        roll.trusted_until = math.inf
        return roll

    def claim(self, name: str, max_silence: float, grace: float) -> int:
        """The number of a loop's row, the one it had before if any. Raises ``InvalidLoop`` when all are taken."""
        named = name.encode()
        for number in range(ROWS):
            at = _at(number)
            taken = self._memory[at : at + NAME_BYTES].rstrip(b"\0")
            if taken in (b"", named):
                self._memory[at : at + NAME_BYTES] = named.ljust(NAME_BYTES, b"\0")
                struct.pack_into("<2d", self._memory, at + _LIMITS, max_silence, grace)
                return number
        raise InvalidLoop(f"loop {name!r} is one too many: a worker runs at most {ROWS}")

    def start(self, number: int, now: float) -> None:
        """Say that a loop starts, for the first time or again."""
        at = _at(number)
        if _TIME.unpack_from(self._memory, at + _STARTED)[0]:
            self._count(at + _RESTARTS)
        struct.pack_into("<3d", self._memory, at + _STARTED, now, now, 0.0)
        self._memory[at + _ALIVE] = 1

    def ping(self, number: int, now: float) -> None:
        _TIME.pack_into(self._memory, _at(number) + _PINGED, now)

    def busy(self, number: int, since: float) -> None:
        """Say since when its cycle runs; 0.0: none does."""
        _TIME.pack_into(self._memory, _at(number) + _BUSY, since)

    def fail(self, number: int) -> None:
        """Count a cycle that failed."""
        self._count(_at(number) + _ERRORS)

    def end(self, number: int) -> None:
        self._memory[_at(number) + _ALIVE] = 0

    def end_all(self) -> None:
        """Say that no loop runs: their process has ended."""
        for number in range(ROWS):
            self.end(number)

    def beat(self, now: float, left: int) -> None:
        """Say that the watchdog looks, and how many threads hang in its process."""
        _BEAT.pack_into(self._memory, 0, now, left)

    @property
    def last_beat(self) -> float:
        return float(_HEAD.unpack_from(self._memory)[0])

    @property
    def left(self) -> int:
        return int(_HEAD.unpack_from(self._memory)[1])

    @property
    def trusted_until(self) -> float:
        """Until when the loops may run, on the monotonic clock; the keeper of a single worker moves it on."""
        return float(_TIME.unpack_from(self._memory, _TRUSTED)[0])

    @trusted_until.setter
    def trusted_until(self, until: float) -> None:
        _TIME.pack_into(self._memory, _TRUSTED, until)

    def rows(self) -> list[Row]:
        found = (_ROW.unpack_from(self._memory, _at(number)) for number in range(ROWS))
        return [_row(*row) for row in found if row[0][0]]

    def get_status(self, now: float) -> dict[str, dict[str, Any]]:
        """Every loop by name: ``last_ping_ago`` and ``max_silence`` in seconds, ``alive``, ``restarts``, ``errors``."""
        return {
            row.name: {
                "last_ping_ago": round(now - row.last_ping, 1),
                "alive": bool(row.alive),
                "restarts": row.restarts,
                "errors": row.errors,
                "max_silence": row.max_silence,
            }
            for row in self.rows()
            if row.started
        }

    def close(self) -> None:
        self._memory.close()
        os.close(self.file)

    def _count(self, at: int) -> None:
        _COUNT.pack_into(self._memory, at, _COUNT.unpack_from(self._memory, at)[0] + 1)


def _row(name: bytes, *rest: Any) -> Row:
    return Row._make((name.rstrip(b"\0").decode(), *rest))


def _at(number: int) -> int:
    return _HEAD.size + number * _ROW.size
