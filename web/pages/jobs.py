"""The page of the jobs: filtered, searched, selected, acted upon."""

from contextlib import suppress
from datetime import datetime

from flask import Blueprint, render_template
from redis.exceptions import RedisError

from jobs import catalog, history, registry
from jobs.catalog import STATES, STEPS, Page, Summary
from jobs.catalog.pages import WITHIN
from jobs.health import heartbeat
from web import asking, auth
from web.api.views import FILTERS, wanted
from web.frame import beat
from web.line import line

blueprint = Blueprint("jobs_page", __name__)
blueprint.before_request(auth.require)

SHOWN = 50
NONE = Page([], None)
ANY_STATE = (("", "Any"), *((state, state.capitalize()) for state in STATES), ("failed,stopped", "Failed for good"))
SINCE = (("", "Any time"), ("15m", "15 min"), ("1h", "1 hour"), ("24h", "24 hours"), ("7d", "7 days"))


@blueprint.get("/jobs")
def index() -> str:
    asked, tasks = asking.asked(*FILTERS), task_names()
    found, missing = asking.ask(
        lambda: catalog.page(line().client, wanted(asked.given), SHOWN, asked.cursor, WITHIN), NONE
    )
    return render_template(
        "jobs.html",
        asked=asked,
        filtered=bool(asked.given),
        page=found,
        **missing,
        since=since,
        steps={name: step.states for name, step in STEPS.items()},
        states=asking.options(asked.get("state"), ANY_STATE),
        queues=queue_options(asked.get("queue")),
        times=asking.options(asked.get("since"), SINCE),
        tasks=tasks,
        example=next(iter(tasks), "shop.tasks.send_receipt"),
    )


def queue_options(given: str) -> list[tuple[str, str, bool]]:
    """The queues that there are, to choose from."""
    names = [queue.name for queue in beat().view.snapshot.queues]
    return asking.options(given, [("", "Any"), *((name, name) for name in names)])


def task_names() -> list[str]:
    """What one may look for: the tasks known here, and those that have run; the heartbeat is none of anybody's."""
    known = set(registry.names())
    with suppress(RedisError):
        known.update(history.names(line().client).tasks)
    return sorted(name for name in known if name != heartbeat.TASK.name)


def since(job: Summary) -> datetime | None:
    """Since when a job is in its state, or when it is due; None where that is not known."""
    found = {"queued": job.queued_at, "running": job.started_at, "blocked": job.accepted_at}
    return job.due_at or job.ended_at or found.get(job.state) or job.accepted_at
