"""The JSON API: put a job in, look at it."""

from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for
from rq.exceptions import NoSuchJobError

from jobs import queues, records, registry
from jobs.errors import InvalidJobId
from jobs.job import Job
from jobs.records import Attempt
from jobs.retry import Retry
from web import auth
from web.api.shared import iso
from web.line import line
from web.problems import Problem

blueprint = Blueprint("api", __name__, url_prefix="/api")

OPTIONS = {"queue", "key", "delay", "job_id", "unique", "timeout", "policy"}
RETRY = {"attempts", "backoff"}
FIELDS = OPTIONS | RETRY | {"task", "args", "kwargs"}


blueprint.before_request(auth.require)


@blueprint.post("/jobs")
def enqueue() -> Response:
    """Accept a job: ``{"task", "args", "kwargs"}`` and the options of ``enqueue``. 202 and where to find it."""
    body = _body()
    retry = Retry(**{name: body[name] for name in RETRY if name in body}) if RETRY & set(body) else None
    options = {name: body[name] for name in OPTIONS & set(body)}
    job = queues.prepare(body["task"], *body.get("args", []), retry=retry, **options, **body.get("kwargs", {}))
    [accepted] = queues.submit(line().client, [job])
    if accepted.created:
        auth.note("job.enqueue", f"{accepted.id}, {body['task']}")
    response = jsonify({"id": accepted.id, "queue": accepted.queue, "created": accepted.created})
    response.status_code = 202
    response.headers["Location"] = url_for("api.show", job_id=accepted.id)
    return response


@blueprint.get("/jobs/<job_id>")
def show(job_id: str) -> Response:
    """A job as it is now, with its result and all its attempts."""
    try:
        job = Job.fetch(queues.checked_id(job_id), line().client)
        return jsonify(_describe(job))
    except (NoSuchJobError, InvalidJobId):
        raise Problem(404, "No such job", f"there is no job {job_id!r}; finished jobs are kept for JOBS_KEEP") from None


def _body() -> dict[str, Any]:
    if not request.is_json:
        raise Problem(415, "Not JSON", "send a JSON object, with the header Content-Type: application/json")
    try:
        body = request.get_json()
    except RecursionError:
        raise Problem(422, "Not a job", "the JSON is nested too deeply") from None
    if not isinstance(body, dict):
        raise Problem(422, "Not a job", 'send a JSON object such as {"task": "shop.tasks.send", "args": []}')
    if unknown := sorted(set(body) - FIELDS):
        raise Problem(422, "Unknown field", f"{unknown[0]!r} is not known; known: {', '.join(sorted(FIELDS))}")
    if not isinstance(body.get("task"), str):
        raise Problem(422, "No task", "'task' must be the dotted name of a registered task")
    if not isinstance(body.get("args", []), list) or not isinstance(body.get("kwargs", {}), dict):
        raise Problem(422, "Bad arguments", "'args' must be a list and 'kwargs' an object")
    if clash := sorted(registry.OPTIONS & set(body.get("kwargs", {}))):
        raise Problem(422, "Bad arguments", f"{clash[0]!r} is an option; it belongs beside 'kwargs', not in it")
    return body


def _describe(job: Job) -> dict[str, Any]:
    latest = job.latest_result() if job.ended_at else None  # one that is to be run anew has not ended
    return {
        "id": job.id,
        "state": job.get_status(refresh=False).value,
        "task": job.task_name,
        "queue": job.origin,
        "key": job.key_of_lane or None,
        "accepted_at": iso(job.created_at),
        "queued_at": iso(job.enqueued_at),
        "started_at": iso(job.started_at),
        "ended_at": iso(job.ended_at),
        "retries_left": job.retries_left,
        "worker": job.worker_name,
        "progress": job.progress._asdict() if job.progress else None,
        "result": latest.return_value if latest else None,
        "error": (latest.exc_string or "").strip() or None if latest else None,
        "attempts": [_attempt(one) for one in records.attempts(job.id, line().client)],
    }


def _attempt(one: Attempt) -> dict[str, Any]:
    return {
        "number": one.number,
        "worker": one.worker,
        "started_at": iso(one.started),
        "ended_at": iso(one.ended),
        "outcome": one.outcome,
        "error": one.error,
    }
