"""The page of the queues, and one of each: their numbers, how they went, who serves them, and a hand on each."""

from flask import Blueprint, render_template, request
from markupsafe import Markup
from redis.exceptions import RedisError

from jobs import history, refusals
from jobs.health.tally import tallies
from jobs.history import Span
from web import auth, chart
from web.frame import beat
from web.line import line
from web.problems import Problem
from web.spark import spark

blueprint = Blueprint("queues_page", __name__)
blueprint.before_request(auth.require)

SPANS: tuple[Span, ...] = ("1h", "24h", "7d")
DRAWN = 50
"""Queues whose last hour is drawn, at most."""


@blueprint.get("/queues")
def index() -> str:
    seen = beat().view.snapshot
    try:
        found = [] if seen.error else tallies(line().client, seen)
        sparks = {one.name: spark(history.read(line().client, "1h", queue=one.name)) for one in found[:DRAWN]}
        lost = seen.trouble
    except RedisError as error:
        found, sparks, lost = [], dict[str, Markup](), refusals.title(error)
    return render_template(
        "queues.html",
        tallies=found,
        views={queue.name: queue for queue in seen.queues},
        sparks=sparks,
        lost=lost,
    )


@blueprint.get("/queues/<path:name>")
def show(name: str) -> str:
    """One queue. Raises ``Problem``: 404 where there is none of that name, 503 where that is not known."""
    view = beat().view
    if view.snapshot.error:
        why = view.snapshot.error
        raise Problem(503, view.snapshot.trouble, f"nothing is known of queue {name!r} ({why})")
    queue = next((one for one in view.snapshot.queues if one.name == name), None)
    if queue is None:
        raise Problem(404, "No such queue", f"there is no queue {name!r}; one is there once a job was put in it")
    span = next((one for one in SPANS if one == request.args.get("span")), SPANS[0])
    series = history.read(line().client, span, queue=name)
    [tally] = [one for one in tallies(line().client, view.snapshot) if one.name == name]
    return render_template(
        "queue.html",
        one=tally,
        queue=queue,
        findings=[finding for finding in view.findings if finding.evidence.get("queue") == name],
        workers=view.snapshot.serving(name),
        spans=[(one.replace("h", " h").replace("d", " d"), f"?span={one}", one == span) for one in SPANS],
        throughput=chart.throughput(series),
        wait=chart.percentiles(series, "wait"),
        run=chart.percentiles(series, "run"),
    )
