"""What one bucket of time holds, as Redis keeps it: ``a12b1e9z13``, a letter for what is counted and how many. Pure.

The letters stand for how executions ended, then for the bins of waits, then for those of runs. What is zero is left
out, so a bucket takes some 50 bytes, and adding up needs no more than the same letters (``lua/lib/tally.lua``).
"""

import re
from collections.abc import Mapping, Sequence
from string import ascii_letters
from typing import Literal, NamedTuple, get_args

from jobs.history.bins import BINS

End = Literal["finished", "failed", "retried"]
ENDS: tuple[End, ...] = get_args(End)
LETTERS = ascii_letters[: len(ENDS) + 2 * BINS]


class Cells(NamedTuple):
    """Counts of one bucket, or of many."""

    ends: tuple[int, ...] = (0,) * len(ENDS)
    """As in ``ENDS``."""
    waits: tuple[int, ...] = (0,) * BINS
    runs: tuple[int, ...] = (0,) * BINS


def cells(ends: Mapping[End, int], waits: Sequence[int], runs: Sequence[int]) -> Cells:
    """Of executions: how they ended, and the bins of how long they waited and ran."""
    return Cells(tuple(ends.get(end, 0) for end in ENDS), tuple(waits), tuple(runs))


def names(queue: str, task: str) -> list[str]:
    """What a job is counted under; a queue or a task that is not known is left out."""
    return ["all", *([f"queue:{queue}"] if queue else []), *([f"task:{task}"] if task else [])]


def together(many: Sequence[Cells]) -> Cells:
    """All of these as one."""
    return Cells(*(tuple(map(sum, zip(*part, strict=True))) for part in zip(*many, strict=True))) if many else Cells()


def pack(one: Cells) -> str:
    counts = (*one.ends, *one.waits, *one.runs)
    return "".join(f"{letter}{count}" for letter, count in zip(LETTERS, counts, strict=True) if count)


def unpack(text: str) -> Cells:
    """The other way; letters of another version are left out."""
    found = {letter: int(count) for letter, count in re.findall(r"([a-zA-Z])(\d+)", text)}
    counts = tuple(found.get(letter, 0) for letter in LETTERS)
    first, second = len(ENDS), len(ENDS) + BINS
    return Cells(counts[:first], counts[first:second], counts[second:])
