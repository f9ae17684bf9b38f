"""How many jobs are meant, told before anything is done to them."""

from flask import Blueprint, Response, jsonify

from jobs import catalog
from jobs.catalog import ACTIONS
from jobs.errors import InvalidQuery
from web import auth
from web.api import shared, views
from web.line import line

blueprint = Blueprint("count", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/api/count")
def count() -> Response:
    """How many jobs match; with ``action``, how many of these it can be done to."""
    asked = shared.query("action", *views.FILTERS)
    action = next((one for one in ACTIONS if one == asked.get("action")), None)
    if action is None and "action" in asked:
        raise InvalidQuery(f"action is {asked['action']!r}: expected one of {', '.join(ACTIONS)}")
    found = catalog.count(line().client, views.wanted(asked), action)
    return jsonify({"count": found.number, "complete": found.complete})
