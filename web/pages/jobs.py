"""The page of the jobs: filtered, searched, selected, acted upon."""

from datetime import datetime

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from jobs import catalog, history, registry
from jobs.catalog import STATES, Page, Summary
from jobs.errors import InvalidQuery
from web import asking, auth
from web.api.views import FILTERS, wanted
from web.line import line

blueprint = Blueprint("jobs_page", __name__)
blueprint.before_request(auth.require)

SHOWN = 50
NONE = Page([], None)
ANY_STATE = (("", "Any"), *((state, state.capitalize()) for state in STATES), ("failed,stopped", "Failed for good"))
SINCE = (("", "Any time"), ("15m", "15 min"), ("1h", "1 hour"), ("24h", "24 hours"), ("7d", "7 days"))


@blueprint.get("/jobs")
def index() -> str:
    asked = asking.asked(*FILTERS)
    seen = line().pulse.now().view.snapshot
    try:
        found, refused, lost = catalog.page(line().client, wanted(asked.given), SHOWN, asked.cursor), "", False
    except InvalidQuery as error:
        found, refused, lost = NONE, str(error), False
    except RedisError:
        found, refused, lost = NONE, "", True
    queues = [queue.name for queue in seen.queues]
    return render_template(
        "jobs.html",
        asked=asked,
        filtered=bool(asked.given),
        page=found,
        refused=refused,
        lost=lost,
        since=since,
        states=asking.options(asked.get("state"), ANY_STATE),
        queues=asking.options(asked.get("queue"), [("", "Any"), *((name, name) for name in queues)]),
        times=asking.options(asked.get("since"), SINCE),
        tasks=_tasks(),
        example=next((name for name in registry.names() if not name.startswith("jobs.")), "shop.tasks.send_receipt"),
    )


def _tasks() -> list[str]:
    """What one may look for: the tasks known here, and those that have run."""
    try:
        return sorted({*registry.names(), *history.names(line().client).tasks})
    except RedisError:
        return registry.names()


def since(job: Summary) -> datetime | None:
    """Since when a job is in its state, or when it is due; None where that is not known."""
    found = {"queued": job.queued_at, "running": job.started_at, "waiting": job.accepted_at}
    return job.due_at or job.ended_at or found.get(job.state) or job.accepted_at
