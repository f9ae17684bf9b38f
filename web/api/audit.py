"""What people and programs did, over HTTP."""

from flask import Blueprint, Response, jsonify

from jobs import audit
from web import auth
from web.api.shared import iso, limit, query
from web.line import line

blueprint = Blueprint("audit", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/api/audit")
def entries() -> Response:
    """One page of what was done, latest first: ``limit``, and ``cursor``, the ``next`` of the page before."""
    asked = query("limit", "cursor")
    page = audit.entries(line().client, limit(asked), asked.get("cursor"))
    rows = [{**one._asdict(), "at": iso(one.at)} for one in page.entries]
    return jsonify({"entries": rows, "next": page.next})
