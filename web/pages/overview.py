"""One page for people: the verdict in words, what to do, and who is there."""

from datetime import UTC, datetime

from flask import Blueprint, render_template

from jobs.health import report
from web import auth
from web.line import line

blueprint = Blueprint("page", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/")
def index() -> str:
    view = line().watch.view()
    return render_template(
        "index.html",
        full=True,
        view=view,
        now=datetime.fromtimestamp(view.snapshot.now, UTC),
        counts=report.COUNTS,
        redis=line().watch.place,
    )
