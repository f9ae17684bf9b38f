"""What every chart has around it: axes that end in round numbers, times, deploy marks, a legend. Pure."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from jobs.history import Series

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 68, 712, 30, 194
TIMES = 6
"""Stretches that the time axis is divided into."""
UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
ROUND = {"d": (), "h": (1, 2, 4, 8, 12, 24), "min": (1, 2, 5, 10, 20, 30, 60), "s": (1, 2, 5, 10, 20, 30, 60)}


def seconds(value: float) -> str:
    """A time in the unit in which it reads best: ``12 ms``, ``3.5 s``, ``2 h``."""
    size, unit = next((one for one in UNITS if value >= one[0]), (0.001, "ms"))
    return f"{value / size:.3g} {unit}"


def round_number(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 …, where an axis of counts ends."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power)


def round_seconds(value: float) -> float:
    """Where an axis of times ends: in round milliseconds, seconds, minutes, hours or days."""
    size, unit = next((one for one in UNITS if value >= one[0]), (0.001, "ms"))
    steps = (step for step in ROUND.get(unit, ()) if value <= step * size)
    return size * next(steps, round_number(value / size))


def frame(series: Series, top: str, legend: Sequence[str]) -> Iterator[Markup]:
    """All that lies around and behind what is drawn; ``top`` is what the axis ends with, in words."""
    for share in (0.0, 0.5, 1.0):
        y = BOTTOM - share * (BOTTOM - TOP)
        yield Markup('<path class="chart-grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, RIGHT)
    yield text(LEFT - 6, BOTTOM, "0", "end")
    yield text(LEFT - 6, TOP + 4, top, "end")
    yield from _times(series)
    yield from _legend(legend)


def text(x: float, y: float, words: str, anchor: str = "start") -> Markup:
    return Markup('<text class="chart-text" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, words
    )


def moment(when: datetime, step: int) -> str:
    """A time of the axis: its hour, or its day where a bucket is an hour or more."""
    return f"{when:%b} {when.day}" if step >= 3600 else f"{when:%H:%M}"


def deploys(series: Series) -> Iterator[Markup]:
    """A mark for each commit that was first seen within the span, and its name for who points at it."""
    start, whole = series.buckets[0].start, series.step * len(series.buckets)
    for one in series.deploys:
        x = LEFT + (one.at - start).total_seconds() / whole * (RIGHT - LEFT)
        yield Markup(
            '<g class="chart-deploy"><path d="M{0:.1f} {1}V{2}M{0:.1f} {1}l-4 -6h8z"/><title>{3}</title></g>'
        ).format(x, TOP, BOTTOM, f"{one.commit[:12]} was first seen at {one.at:%Y-%m-%d %H:%M} UTC")


def _times(series: Series) -> Iterator[Markup]:
    start, whole = series.buckets[0].start, series.step * len(series.buckets)
    for part in range(TIMES + 1):
        when = start + timedelta(seconds=whole * part / TIMES)
        anchor = "start" if part == 0 else "end" if part == TIMES else "middle"
        yield text(LEFT + (RIGHT - LEFT) * part / TIMES, HEIGHT - 8, moment(when, series.step), anchor)


def _legend(names: Sequence[str]) -> Iterator[Markup]:
    for at, name in enumerate(names):
        x = LEFT + at * 110
        yield Markup('<rect class="chart-key chart-{}" x="{}" y="6" width="10" height="10"/>').format(name, x)
        yield text(x + 15, 15, name)
