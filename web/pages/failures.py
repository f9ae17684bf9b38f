"""The page of the dead letters, by what they failed of: how often each, since when, and a hand on all of one."""

from flask import Blueprint, render_template

from jobs import catalog
from jobs.catalog import DEAD
from jobs.catalog.groups import Groups
from jobs.catalog.pages import WITHIN
from web import asking, auth
from web.api.views import wanted
from web.line import line
from web.pages.jobs import SINCE, queue_options, task_names

blueprint = Blueprint("failures_page", __name__)
blueprint.before_request(auth.require)

FILTERS = ("queue", "task", "error", "since")
NONE = Groups([], 0)


@blueprint.get("/failures")
def index() -> str:
    asked = asking.asked(*FILTERS)
    found, missing = asking.ask(
        lambda: catalog.groups(line().client, wanted(asked.given)._replace(states=DEAD), WITHIN), NONE
    )
    return render_template(
        "failures.html",
        asked=asked,
        filtered=bool(asked.given),
        found=found,
        **missing,
        meant={"state": ",".join(sorted(DEAD)), **asked.given},
        queues=queue_options(asked.get("queue")),
        tasks=task_names(),
        times=asking.options(asked.get("since"), SINCE),
    )
