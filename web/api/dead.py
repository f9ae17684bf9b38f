"""Dead letters over HTTP, counted by their error. ``GET /api/jobs?state=failed,stopped`` lists them."""

from flask import Blueprint, Response, jsonify

from jobs import catalog
from web import auth
from web.api import shared, views
from web.api.shared import iso
from web.line import line

blueprint = Blueprint("dead", __name__)
blueprint.before_request(auth.require)

GROUPED = 5000
"""Dead letters that are grouped, at most: the newest."""


@blueprint.get("/api/dead/groups")
def groups() -> Response:
    """Dead letters by their error, most frequent first; ``complete`` is false where only the newest were looked at."""
    found = catalog.groups(line().client, views.wanted(shared.query(*views.FILTERS)), GROUPED)
    rows = [
        {
            "error": group.error,
            "count": group.times,
            "first_at": iso(group.first),
            "last_at": iso(group.last),
            "sample": group.sample,
            "tasks": sorted(group.tasks),
        }
        for group in found.groups
    ]
    return jsonify({"groups": rows, "complete": found.complete})
