"""A small chart for a row: how many jobs ended in each minute, those that failed below. Pure."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from jobs.history import Bucket, Series

WIDTH, HEIGHT = 120, 26
LEAST = 1.5
"""As high is what is there at all."""
HEIGHTS: dict[str, Callable[[Bucket], int]] = {
    "retried": lambda one: one.ended,
    "finished": lambda one: one.finished + one.failed,
    "failed": lambda one: one.failed,
}
"""How high the bars of each kind are: each is drawn over those before it."""


def spark(series: Series) -> Markup:
    """Bars of a series, in the colours of the large charts, and in words for who cannot see them."""
    top = max((bucket.ended for bucket in series.buckets), default=0)
    drawn = [_bars(series.buckets, kind, top) for kind in HEIGHTS] if top else []
    return Markup(
        '<svg class="spark" viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" aria-label="{2}">'
        '<title>{2}</title><path class="spark-base" d="M0 {3}H{0}"/>{4}</svg>'
    ).format(WIDTH, HEIGHT, words(series), HEIGHT - 0.5, Markup("").join(drawn))


def words(series: Series) -> str:
    """What ended in the span."""
    total = series.total
    if not total.ended:
        return f"Nothing ended in the last {series.span}"
    return f"{total.finished:,} finished and {total.failed:,} failed in the last {series.span}"


def _bars(buckets: Sequence[Bucket], kind: str, top: int) -> Markup:
    """All bars of one kind as one path."""
    width, path = WIDTH / len(buckets), ""
    for at, bucket in enumerate(buckets):
        if number := HEIGHTS[kind](bucket):
            height = max(number / top * HEIGHT, LEAST)
            path += f"M{at * width:.1f} {HEIGHT}v-{height:.1f}h{width * 0.75:.1f}v{height:.1f}z"
    return Markup('<path class="spark-{}" d="{}"/>').format(kind, path)
