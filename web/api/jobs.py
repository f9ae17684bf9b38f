"""Jobs over HTTP: put in one or many, list and search, look at one in full."""

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from jobs import catalog, queues, registry
from jobs.catalog.pages import WITHIN
from jobs.errors import EnqueueError, InvalidJobId
from jobs.retry import Retry
from jobs.scripts import NewJob
from web import auth
from web.api import shared, views
from web.line import line
from web.problems import Problem

blueprint = Blueprint("api", __name__, url_prefix="/api")
blueprint.before_request(auth.require)

OPTIONS = {"queue", "key", "delay", "job_id", "unique", "timeout", "policy"}
RETRY = {"attempts", "backoff"}
FIELDS = sorted(OPTIONS | RETRY | {"task", "args", "kwargs"})
MOST = 1000


@blueprint.post("/jobs")
def enqueue() -> Response:
    """Accept a job: ``{"task", "args", "kwargs"}`` and the options of ``enqueue``. 202 and where to find it."""
    [accepted] = _accept([_prepared(shared.body(*FIELDS))])
    if accepted["created"]:
        auth.note("job.enqueue", f"{accepted['id']} on {accepted['queue']}")
    return shared.accepted(accepted, url_for("api.show", job_id=accepted["id"]))


@blueprint.post("/jobs/batch")
def enqueue_many() -> Response:
    """Accept ``{"jobs": [...]}``, in their order; all of them, or none where one is refused."""
    asked = shared.body("jobs").get("jobs")
    if not isinstance(asked, list) or not 0 < len(asked) <= MOST or not all(isinstance(one, dict) for one in asked):
        raise Problem(422, "Bad request", f"'jobs' must be a list of 1 to {MOST} objects, each as for POST /api/jobs")
    prepared = []
    for number, one in enumerate(asked):
        try:
            prepared.append(_prepared(one))
        except Problem as error:
            raise Problem(error.status, error.title, f"jobs[{number}]: {error.detail}; no job was accepted") from None
        except EnqueueError as error:
            raise type(error)(f"jobs[{number}]: {error}; no job was accepted") from None
    accepted = _accept(prepared)
    if created := sum(one["created"] for one in accepted):
        auth.note("job.enqueue", f"{created:,} jobs, {accepted[0]['id']} the first")
    return shared.accepted({"jobs": accepted})


@blueprint.get("/jobs")
def show_all() -> Response:
    """One page of jobs, the latest first. It may be short: there are more while ``next`` is not null."""
    asked = shared.query(*views.FILTERS, "limit", "cursor")
    page = catalog.page(line().client, views.wanted(asked), shared.limit(asked), asked.get("cursor"), WITHIN)
    told = {"next": page.next, "looked": page.looked, "total": page.total}
    return jsonify({"jobs": [views.summary(job) for job in page.jobs], **told})


@blueprint.get("/jobs/<job_id>")
def show(job_id: str) -> Response:
    """A job as it is now, with its result, its attempts, and its place in its lane."""
    try:
        found = catalog.detail(line().client, queues.checked_id(job_id))
    except InvalidJobId:
        found = None
    if found is None:
        raise views.no_such_job(job_id)
    return jsonify(views.detail(found))


def _accept(jobs: list[NewJob]) -> list[dict[str, Any]]:
    return [{"id": one.id, "queue": one.queue, "created": one.created} for one in queues.submit(line().client, jobs)]


def _prepared(asked: dict[str, Any]) -> NewJob:
    """The job that is asked for. Raises ``Problem`` or ``EnqueueError``."""
    if unknown := sorted(set(asked) - set(FIELDS)):
        raise Problem(422, "Unknown field", f"{unknown[0]!r} is not known; known: {', '.join(FIELDS)}")
    task, args, kwargs = asked.get("task"), asked.get("args", []), asked.get("kwargs", {})
    if not isinstance(task, str):
        raise Problem(422, "No task", "'task' must be the dotted name of a registered task")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise Problem(422, "Bad arguments", "'args' must be a list and 'kwargs' an object")
    if clash := sorted(registry.OPTIONS & set(kwargs)):
        raise Problem(422, "Bad arguments", f"{clash[0]!r} is an option; it belongs beside 'kwargs', not in it")
    retry = Retry(**{name: asked[name] for name in RETRY if name in asked}) if RETRY & set(asked) else None
    options = {name: asked[name] for name in OPTIONS & set(asked)}
    return queues.made(task, tuple(args), kwargs, retry=retry, **options)
