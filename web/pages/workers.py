"""The page of the processes: who each is, what it runs and for how long, and a way to have it end."""

from flask import Blueprint, render_template

from jobs.health.roster import members
from web import auth
from web.frame import beat

blueprint = Blueprint("workers_page", __name__)
blueprint.before_request(auth.require)

GONE = 20
"""Of those that have gone: the latest."""


@blueprint.get("/workers")
def index() -> str:
    seen = beat().view.snapshot
    every = members(seen)
    living = [one for one in every if one.process.alive]
    return render_template(
        "workers.html",
        seen=seen,
        workers=[one for one in living if one.process.role == "worker"],
        others=[one for one in living if one.process.role != "worker"],
        gone=[one for one in every if not one.process.alive][:GONE],
    )
