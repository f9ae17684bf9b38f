"""Charts of the history as SVG, made by the server: no script draws them, and CSS gives them their colours.

``throughput(series)`` has a stacked bar a bucket; ``percentiles(series, "wait")``, or ``"run"``, a line each for p50,
p95 and p99. All mark deploys, and say in words that there is nothing where that is so. Each gives ``Markup`` to be put
into a page as it is, once a page. The classes are in ``static/chart.css``.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from markupsafe import Markup

from jobs.history import Bucket, Series
from web import axes
from web.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH

Which = Literal["wait", "run"]

LEAST = 1.5
"""As high is what is there at all: one failure among thousands is seen."""
KINDS = ("failed", "retried", "finished")
"""From below: failures stand on the axis, where their heights can be compared."""
LINES = {"p50": "", "p95": "6 3", "p99": "2 3"}
"""Each with its dashes, for who cannot tell the colours apart."""
TITLES = {"wait": "Time in the queue", "run": "Run time"}


def throughput(series: Series) -> Markup:
    """How many finished, failed and were tried again, bucket by bucket."""
    top = axes.round_number(max((bucket.ended for bucket in series.buckets), default=0))
    drawn = [_bars(series, kind, top) for kind in KINDS]
    return _chart("throughput", "Jobs that ended", _counts(series.total), series, drawn, f"{top:,.0f}", KINDS, _counts)


def percentiles(series: Series, which: Which) -> Markup:
    """How long jobs waited, or ran: half of them, 95 and 99 of a hundred took no longer."""
    found = [getattr(bucket, which) for bucket in series.buckets]
    top = axes.round_seconds(max((one.p99 for one in found if one), default=0.001))
    drawn = [_line(name, [one and getattr(one, name) for one in found], top) for name in LINES]

    def took(bucket: Bucket) -> str:
        one = getattr(bucket, which)
        return ", ".join(f"{name} {axes.seconds(getattr(one, name))}" for name in LINES) if one else "nothing measured"

    return _chart(which, TITLES[which], took(series.total), series, drawn, axes.seconds(top), tuple(LINES), took)


def _counts(bucket: Bucket) -> str:
    return f"{bucket.finished:,} finished, {bucket.failed:,} failed, {bucket.retried:,} retried"


def _chart(
    name: str,
    title: str,
    words: str,
    series: Series,
    drawn: Sequence[Markup],
    top: str,
    legend: Sequence[str],
    tell: Callable[[Bucket], str],
) -> Markup:
    """``tell`` says in words what a bucket holds, for who points at it."""
    body = [*drawn, *axes.deploys(series), *_hovers(series, tell)] if series.total.ended else _empty(series)
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-words">'
        '<title id="{name}-title">{title}</title><desc id="{name}-words">{words}</desc>{parts}</svg>'
    ).format(
        name=f"chart-{name}",
        width=WIDTH,
        height=HEIGHT,
        title=title,
        words=f"In the last {series.span}: {words}.",
        parts=Markup("").join([*axes.frame(series, top if series.total.ended else "", legend), *body]),
    )


def _empty(series: Series) -> list[Markup]:
    words = (f"Nothing has ended in the last {series.span}.", "What ends from now on shows within seconds.")
    middle, upper, lower = (LEFT + RIGHT) / 2, TOP + (BOTTOM - TOP) * 0.3, TOP + (BOTTOM - TOP) * 0.7
    return [axes.text(middle, y, line, "middle") for y, line in zip((upper, lower), words, strict=True)]


def _bars(series: Series, kind: str, top: float) -> Markup:
    """All bars of one kind, as one path."""
    width, below = _width(series), KINDS[: KINDS.index(kind)]
    path = ""
    for at, bucket in enumerate(series.buckets):
        if height := _height(bucket, kind, top):
            base = BOTTOM - sum(_height(bucket, other, top) for other in below)
            path += f"M{LEFT + at * width:.1f} {base:.1f}v-{height:.1f}h{width * 0.8:.1f}v{height:.1f}z"
    return Markup('<path class="chart-{}" d="{}"/>').format(kind, path)


def _height(bucket: Bucket, kind: str, top: float) -> float:
    number: int = getattr(bucket, kind)
    return max(number / top * (BOTTOM - TOP), LEAST) if number else 0.0


def _line(name: str, values: Sequence[float | None], top: float) -> Markup:
    """A line through the middles of the buckets, broken where nothing ended; one alone is as wide as its bar."""
    width, path, drawn = (RIGHT - LEFT) / len(values), "", False
    for at, value in enumerate(values):
        if value is not None:
            x, y = LEFT + (at + 0.5) * width, BOTTOM - value / top * (BOTTOM - TOP)
            alone = not drawn and (at + 1 == len(values) or values[at + 1] is None)
            path += (
                f"M{x - width * 0.4:.1f} {y:.1f}h{width * 0.8:.1f}"
                if alone
                else f"{'L' if drawn else 'M'}{x:.1f} {y:.1f}"
            )
        drawn = value is not None
    dashes = Markup(' stroke-dasharray="{}"').format(LINES[name]) if LINES[name] else ""
    return Markup('<path class="chart-line chart-{}" d="{}"{}/>').format(name, path, dashes)


def _hovers(series: Series, tell: Callable[[Bucket], str]) -> Iterator[Markup]:
    """Over each bucket that holds something, its numbers in words."""
    width = _width(series)
    for at, bucket in enumerate(series.buckets):
        if bucket.ended:
            yield Markup(
                '<rect class="chart-hover" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>'
            ).format(LEFT + at * width, TOP, width, BOTTOM - TOP, f"{bucket.start:%b %d %H:%M} UTC: {tell(bucket)}")


def _width(series: Series) -> float:
    return (RIGHT - LEFT) / len(series.buckets)
