"""What one bucket of time holds, as Redis keeps it: ``a12b1Y200000q>9``, a symbol for what is counted and how many.

A letter alone stands for how executions ended; a letter and a mark for a bin, of waits or of runs. ``X`` and ``Y`` are
the longest wait and run, in microseconds. What is zero is left out, and adding up needs no more than the same symbols
(``lua/lib/tally.lua``). Before there were marks, letters stood for bins that were too wide: these are left out, so
nothing is said of how long jobs of that time took; how they ended is. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from string import ascii_letters
from typing import Literal, NamedTuple, get_args

from jobs.history import bins
from jobs.history.bins import BINS, Times

End = Literal["finished", "failed", "retried"]
ENDS: tuple[End, ...] = get_args(End)
LETTERS = ascii_letters[: len(ENDS)]
LONGEST_WAIT, LONGEST_RUN = "X", "Y"


def _symbols(marks: str) -> tuple[str, ...]:
    return tuple(letter + mark for mark, letter in product(marks, ascii_letters))[:BINS]


WAITS, RUNS = _symbols("+-*"), _symbols("<=>")
_WAITS, _RUNS = ({symbol: at for at, symbol in enumerate(symbols)} for symbols in (WAITS, RUNS))
MICRO = 1_000_000


class Cells(NamedTuple):
    """Counts of one bucket, or of many."""

    ends: tuple[int, ...] = (0,) * len(ENDS)
    """As in ``ENDS``."""
    waits: Times = Times()
    runs: Times = Times()


def cells(ends: Mapping[End, int], waits: Times, runs: Times) -> Cells:
    """Of executions: how they ended, and how long they waited and ran."""
    return Cells(tuple(ends.get(end, 0) for end in ENDS), waits, runs)


def names(queue: str, task: str) -> list[str]:
    """What a job is counted under; a queue or a task that is not known is left out."""
    return ["all", *([f"queue:{queue}"] if queue else []), *([f"task:{task}"] if task else [])]


def together(many: Sequence[Cells]) -> Cells:
    """All of these as one."""
    ends = tuple(map(sum, zip(*(one.ends for one in many), strict=True))) if many else Cells().ends
    return Cells(ends, bins.together(one.waits for one in many), bins.together(one.runs for one in many))


def pack(one: Cells) -> str:
    return "".join(f"{symbol}{count}" for symbol, count in _told(one) if count)


def _told(one: Cells) -> Iterator[tuple[str, int]]:
    yield from zip(LETTERS, one.ends, strict=True)
    yield LONGEST_WAIT, round(one.waits.longest * MICRO)
    yield LONGEST_RUN, round(one.runs.longest * MICRO)
    yield from ((WAITS[at], count) for at, count in one.waits.counts.items())
    yield from ((RUNS[at], count) for at, count in one.runs.counts.items())


def unpack(text: str) -> Cells:
    """The other way; symbols of another version are left out."""
    found = {symbol: int(count) for symbol, count in re.findall(r"(\D+)(\d+)", text)}
    longest = [found.get(symbol, 0) / MICRO for symbol in (LONGEST_WAIT, LONGEST_RUN)]
    return Cells(
        tuple(found.get(letter, 0) for letter in LETTERS),
        Times(_bins(found, _WAITS), longest[0]),
        Times(_bins(found, _RUNS), longest[1]),
    )


def _bins(found: Mapping[str, int], places: Mapping[str, int]) -> dict[int, int]:
    return {places[symbol]: count for symbol, count in found.items() if symbol in places}
