"""How long things took, in bins, and what the bins tell. Pure.

Each bin ends at 1.2 times where it begins, from 1 ms to 7 days, so a percentile is off by less than 10 %, however long
things take (by 1 ms below that). Bins that hold nothing cost nothing. The longest is kept beside them, and no
percentile is above it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

SHORTEST, GROWTH, LONGEST = 0.001, 1.2, 7 * 86400.0


def _bounds() -> Iterable[float]:
    bound = SHORTEST
    while bound < LONGEST * GROWTH:
        yield bound
        bound *= GROWTH


BOUNDS = tuple(_bounds())
"""Seconds: the end of each bin, which belongs to it; the last bin, of what took longer, has none."""
BINS = len(BOUNDS) + 1


class Percentiles(NamedTuple):
    """Seconds within which so many of a hundred were done."""

    p50: float
    p95: float
    p99: float


class Times(NamedTuple):
    """How long each of many took."""

    counts: Mapping[int, int] = {}
    """How many are in each bin that holds any."""
    longest: float = 0.0
    """Seconds."""


def count(seconds: Sequence[float]) -> Times:
    """These, in their bins; many at once, because sorting them is cheaper than looking at each."""
    ordered, counts, done = sorted(seconds), {}, 0
    while done < len(ordered):
        at = bisect_left(BOUNDS, ordered[done])
        end = bisect_right(ordered, BOUNDS[at], done) if at < len(BOUNDS) else len(ordered)
        counts[at], done = end - done, end
    return Times(counts, ordered[-1] if ordered else 0.0)


def add_evenly(counts: dict[int, int], number: int, first: float, last: float) -> None:
    """Count so many that lie evenly between two."""
    if (at := bisect_left(BOUNDS, first)) == bisect_left(BOUNDS, last):
        counts[at] = counts.get(at, 0) + number
        return
    low, high = min(first, last), max(first, last)
    step = (high - low) / max(number - 1, 1)
    done = 0
    while done < number:
        at = bisect_left(BOUNDS, min(low + step * done, high))
        end = number
        if at < len(BOUNDS) and high > BOUNDS[at]:
            end = min(max(int((BOUNDS[at] - low) / step) + 1, done + 1), number)
        counts[at], done = counts.get(at, 0) + end - done, end


def together(many: Iterable[Times]) -> Times:
    """All of these as one."""
    counts: dict[int, int] = {}
    longest = 0.0
    for one in many:
        longest = max(longest, one.longest)
        for at, number in one.counts.items():
            counts[at] = counts.get(at, 0) + number
    return Times(counts, longest)


def percentiles(found: Times) -> Percentiles | None:
    """What the bins tell of their contents, or None where they are empty."""
    return Percentiles(*(quantile(found, share) for share in (0.5, 0.95, 0.99))) if found.counts else None


def quantile(found: Times, share: float) -> float:
    """Seconds within which this share (0 to 1) was done, less than 10 % off."""
    rank, done = share * sum(found.counts.values()), 0
    at = BINS
    for at in sorted(found.counts):
        done += found.counts[at]
        if done >= rank:
            break
    if at >= len(BOUNDS):
        return found.longest
    return min(BOUNDS[at] / sqrt(GROWTH) if at else SHORTEST / 2, found.longest)
