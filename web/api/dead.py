"""Dead letters over HTTP, counted by what they failed of. ``GET /api/jobs?state=failed,stopped`` lists them."""

from flask import Blueprint, Response, jsonify

from jobs import catalog
from jobs.catalog.pages import WITHIN
from web import auth
from web.api import shared, views
from web.api.shared import iso
from web.line import line

blueprint = Blueprint("dead", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/api/dead/groups")
def groups() -> Response:
    """Dead letters by task, error and place, most frequent first; ``complete`` is false where the time was up."""
    found = catalog.groups(line().client, views.wanted(shared.query(*views.FILTERS)), WITHIN)
    rows = [
        {
            "group": group.name,
            "task": group.task,
            "where": group.where or None,
            "error": group.error,
            "count": group.times,
            "first_at": iso(group.first),
            "last_at": iso(group.last),
            "sample": group.sample,
        }
        for group in found.groups
    ]
    return jsonify({"groups": rows, "complete": found.total is None, "looked": found.looked, "total": found.total})
