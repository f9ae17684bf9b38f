"""The first page: the verdict in words, what to do, the numbers that matter, and how it went lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from flask import Blueprint, render_template, request
from markupsafe import Markup
from redis.exceptions import RedisError

from jobs import history, refusals
from jobs.health.snapshot import Snapshot
from jobs.health.tally import Tally, tallies
from jobs.history import Deploy, Span
from web import auth, chart
from web.frame import beat
from web.line import line

blueprint = Blueprint("overview", __name__)
blueprint.before_request(auth.require)

SPANS: tuple[Span, ...] = tuple(span for span in get_args(Span) if span in ("1h", "24h", "7d"))


@dataclass(frozen=True)
class Charts:
    """How it went, drawn."""

    throughput: Markup
    wait: Markup
    run: Markup
    deploys: tuple[Deploy, ...]


@blueprint.get("/")
def index() -> str:
    view = beat().view
    asked = request.args.get("span")
    span = next((one for one in SPANS if one == asked), SPANS[0])
    lost = ""
    try:
        found, charts = tallies(line().client, view.snapshot) if not view.snapshot.error else [], _charts(span)
    except RedisError as error:  # it went away just now; the next look will say so
        found, charts, lost = [], None, refusals.title(error)
    return render_template(
        "overview.html",
        view=view,
        seen=view.snapshot,
        place=line().watch.place,
        tallies=found,
        lost=lost,
        total=_total(found),
        slots=_slots(view.snapshot),
        charts=charts,
        span=span,
        spans=SPANS,
    )


def _charts(span: Span) -> Charts:
    series = history.read(line().client, span)
    drawn = (chart.throughput(series), chart.percentiles(series, "wait"), chart.percentiles(series, "run"))
    return Charts(*drawn, series.deploys)


def _total(found: Sequence[Tally]) -> dict[str, int]:
    names = ("queued", "running", "scheduled", "retrying", "blocked", "failed", "finished")
    return {name: sum(getattr(one, name) for one in found) for name in names}


def _slots(seen: Snapshot) -> int:
    """How many jobs the workers could run at once."""
    return sum(int(worker.row.get("slots", 0)) for worker in seen.alive("worker"))
