"""The page of what people and programs did, latest first."""

from flask import Blueprint, render_template, request

from jobs import audit
from web import auth
from web.line import line

blueprint = Blueprint("audit_page", __name__)
blueprint.before_request(auth.require)

SHOWN = 50


@blueprint.get("/audit")
def index() -> str:
    cursor = request.args.get("cursor") or None
    page = audit.entries(line().client, SHOWN, cursor)
    return render_template("audit.html", entries=page.entries, next=page.next, later=cursor)
