"""What a child is running, where its keeper can see it even while the child cannot answer.

Shared memory, one row a slot and some numbers for all: writing it costs a microsecond, and a job that holds the
interpreter, blocks in C or has just killed its process cannot keep it from being read.
"""

import math
import mmap
import os
import struct
from typing import NamedTuple

from jobs.supervise.memory import shared_file

_ROW = struct.Struct("<200sQddQdB7x")
_STOP = struct.Struct("<Q")
_STOP_AT = 224
_CLOCK = struct.Struct("<d")
_DEADLINE_AT, _HELD_AT = 216, 232
_SIGN = struct.Struct("d")  # native, so that it is written whole
_SIGNS = 5 * _SIGN.size
IDLE, RUNNING = 0, 1


class Running(NamedTuple):
    """One execution as it runs. Times are seconds on the system's monotonic clock."""

    id: str
    token: str
    started: float
    deadline: float
    """0.0: none."""
    held: float = 0.0
    """Since when it holds the event loop, which all coroutines of its process share; 0.0: it does not."""


class Table:
    """The rows of one child. The keeper makes it and hands over its file; both sides map it."""

    def __init__(self, file: int, slots: int) -> None:
        self.file = file
        self.slots = slots
        self._memory = mmap.mmap(file, _ROW.size * slots + _SIGNS)

    @classmethod
    def create(cls, slots: int) -> "Table":
        table = cls(shared_file(_ROW.size * slots + _SIGNS), slots)
        table.trusted_until = math.inf
        return table

    @property
    def trusted_until(self) -> float:
        """Until when the child may work, on the system's monotonic clock; its keeper sets it."""
        return self._sign(2)

    @trusted_until.setter
    def trusted_until(self, until: float) -> None:
        self._set_sign(2, until)

    @property
    def turned(self) -> float:
        """When the child's housekeeping last took its turn, and so could have the interpreter."""
        return self._sign(0)

    @turned.setter
    def turned(self, at: float) -> None:
        self._set_sign(0, at)

    @property
    def asked(self) -> float:
        """When the child last asked for jobs and was answered; infinite once it is not to ask any more."""
        return self._sign(1)

    @asked.setter
    def asked(self, at: float) -> None:
        self._set_sign(1, at)

    @property
    def done(self) -> int:
        """How many jobs the child has run, heartbeats left out."""
        return int(self._sign(3))

    @done.setter
    def done(self, jobs: int) -> None:
        self._set_sign(3, jobs)

    @property
    def spent(self) -> bool:
        """Can the child open no more files?"""
        return bool(self._sign(4))

    @spent.setter
    def spent(self, is_spent: bool) -> None:
        self._set_sign(4, is_spent)

    def _sign(self, number: int) -> float:
        return float(_SIGN.unpack_from(self._memory, _ROW.size * self.slots + number * _SIGN.size)[0])

    def _set_sign(self, number: int, at: float) -> None:
        _SIGN.pack_into(self._memory, _ROW.size * self.slots + number * _SIGN.size, at)

    def begin(self, slot: int, job_id: str, token: str, started: float, deadline: float) -> None:
        """Say that a slot runs this execution."""
        _ROW.pack_into(self._memory, slot * _ROW.size, job_id.encode(), int(token), started, deadline, 0, 0.0, RUNNING)

    def hold(self, slot: int, deadline: float, held: float) -> None:
        """Say until when a slot's coroutine may run, and since when it holds the event loop; 0.0: it does not."""
        _CLOCK.pack_into(self._memory, slot * _ROW.size + _DEADLINE_AT, deadline)
        _CLOCK.pack_into(self._memory, slot * _ROW.size + _HELD_AT, held)

    def end(self, slot: int) -> None:
        """Say that a slot runs nothing."""
        self._memory[(slot + 1) * _ROW.size - 8] = IDLE

    def ask_to_stop(self, job_id: str) -> str | None:
        """Ask the slot that runs this job to stop it; returns the token of the execution, None when none runs it."""
        for slot, row in enumerate(self._rows()):
            if row[6] == RUNNING and row[0].rstrip(b"\0").decode() == job_id:
                _STOP.pack_into(self._memory, slot * _ROW.size + _STOP_AT, row[1])
                return str(row[1])
        return None

    def asked_to_stop(self, slot: int) -> bool:
        """Has the execution that this slot runs been asked to stop?"""
        _, token, _, _, stop, _, state = _ROW.unpack_from(self._memory, slot * _ROW.size)
        return bool(state == RUNNING and stop == token)

    def _rows(self) -> list[tuple[bytes, int, float, float, int, float, int]]:
        return [_ROW.unpack_from(self._memory, slot * _ROW.size) for slot in range(self.slots)]

    def running(self) -> list[Running]:
        """What the slots run now."""
        return [
            Running(job_id.rstrip(b"\0").decode(), str(token), started, deadline, held)
            for job_id, token, started, deadline, _, held, state in self._rows()
            if state == RUNNING
        ]

    def close(self) -> None:
        self._memory.close()
        os.close(self.file)
