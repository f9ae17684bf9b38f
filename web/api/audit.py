"""What people and programs did, over HTTP."""

from flask import Blueprint, Response, jsonify, request

from jobs import audit
from jobs.errors import InvalidQuery
from web import auth
from web.api.shared import iso
from web.line import line

blueprint = Blueprint("audit", __name__)
blueprint.before_request(auth.require)

LIMIT, MOST = 50, 500


@blueprint.get("/api/audit")
def entries() -> Response:
    """One page of what was done, latest first: ``limit``, and ``cursor``, the ``next`` of the page before."""
    page = audit.entries(line().client, _limit(), request.args.get("cursor"))
    rows = [{**one._asdict(), "at": iso(one.at)} for one in page.entries]
    return jsonify({"entries": rows, "next": page.next})


def _limit() -> int:
    text = request.args.get("limit", str(LIMIT))
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:9]) <= MOST:
        raise InvalidQuery(f"limit is {text!r}: expected a whole number from 1 to {MOST}")
    return int(text)
