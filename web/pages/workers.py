"""The page of the processes: who each is, what it runs and for how long, and a way to have it end."""

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from jobs import catalog
from jobs.catalog import Title
from jobs.health.roster import members
from web import auth
from web.frame import beat
from web.line import line

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
        called=_called([job["id"] for one in living for job in one.running]),
        workers=[one for one in living if one.process.role == "worker"],
        others=[one for one in living if one.process.role != "worker"],
        gone=[one for one in every if not one.process.alive][:GONE],
    )


def _called(job_ids: list[str]) -> dict[str, Title]:
    """What jobs are called; nothing where Redis has just gone."""
    try:
        return catalog.titles(line().client, job_ids)
    except RedisError:
        return {}
