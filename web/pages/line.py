"""The page with the picture of the line: where it is broken, and what to do there."""

from flask import Blueprint, render_template

from web import auth
from web.frame import beat
from web.picture import draw, plan

blueprint = Blueprint("line_page", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/line")
def index() -> str:
    view = beat().view
    found = plan(view.snapshot, view.findings)
    broken = [node for node in found.nodes if node.tone in ("warn", "fail")]
    trouble = "; ".join(f"{node.title}: {', '.join(node.findings) or node.note}" for node in broken)
    words = f"The line from web over Redis and {len(found.of('queue'))} queues to {len(found.of('worker'))} workers. "
    return render_template("line.html", view=view, picture=draw(found, words + (trouble or "Nothing is broken.")))
