"""The first page: the verdict in words, what to do, and the numbers that matter."""

from flask import Blueprint, render_template

from web import auth
from web.line import line

blueprint = Blueprint("overview", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/")
def index() -> str:
    view = line().pulse.now().view
    return render_template("overview.html", view=view, seen=view.snapshot)
