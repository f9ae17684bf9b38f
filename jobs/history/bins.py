"""How long things took, in bins, and what the bins tell. Pure.

The bins are finer than those of the metrics: nothing but a digit is paid for each, and a percentile is off by no more
than its bin is wide.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    *(10.0, 30.0, 60.0, 150.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0),
)
"""Seconds: the end of each bin, which belongs to it; the last bin, of what took longer, has none."""
BINS = len(BOUNDS) + 1


class Percentiles(NamedTuple):
    """Seconds within which so many of a hundred were done."""

    p50: float
    p95: float
    p99: float


def count(seconds: Sequence[float]) -> list[int]:
    """How many of these fall into each bin; many at once, because sorting them is cheaper than looking at each."""
    ordered = sorted(seconds)
    ends = [*(bisect_right(ordered, bound) for bound in BOUNDS), len(ordered)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def add_evenly(counts: list[int], number: int, first: float, last: float) -> None:
    """Count so many that lie evenly between two."""
    if (at := bisect_left(BOUNDS, first)) == bisect_left(BOUNDS, last):
        counts[at] += number
        return
    low, high = min(first, last), max(first, last)
    step = (last - first) / max(number - 1, 1)
    for at, more in enumerate(count([min(max(first + step * here, low), high) for here in range(number)])):
        counts[at] += more


def percentiles(counts: Sequence[int]) -> Percentiles | None:
    """What the bins tell of their contents, or None where they are empty."""
    return Percentiles(*(quantile(counts, share) for share in (0.5, 0.95, 0.99))) if any(counts) else None


def quantile(counts: Sequence[int], share: float) -> float:
    """Seconds within which this share (0 to 1) was done, as if what a bin holds lay evenly in it.

    In the last bin it is where that begins: nothing says where it ends.
    """
    rank = share * sum(counts)
    ends = list(accumulate(counts))
    at = next(at for at, end in enumerate(ends) if counts[at] and end >= rank)
    low = BOUNDS[at - 1] if at else 0.0
    if at == len(BOUNDS):
        return low
    within = max(rank - (ends[at] - counts[at]), 0.0) / counts[at]
    return min(low + within * (BOUNDS[at] - low), BOUNDS[at])
