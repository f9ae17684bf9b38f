"""The page of what runs by the clock: when next, when last, and a hand on each."""

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from jobs import refusals, schedules
from web import auth
from web.frame import beat
from web.line import line

blueprint = Blueprint("schedules_page", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/schedules")
def index() -> str:
    try:
        rows, unknown = schedules.rows(line().client), ""
    except RedisError as error:
        rows, unknown = [], refusals.title(error)
    return render_template("schedules.html", rows=rows, unknown=unknown, leader=beat().view.snapshot.leader)
