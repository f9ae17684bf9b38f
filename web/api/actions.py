"""Acting on jobs over HTTP: on one, on some, or on all that match."""

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from jobs import catalog, queues
from jobs.catalog import ACTIONS, STEPS, Action, Done
from jobs.errors import InvalidJobId
from web import auth
from web.api import shared, views
from web.line import line
from web.problems import Problem

blueprint = Blueprint("actions", __name__, url_prefix="/api/jobs")
blueprint.before_request(auth.require)

MOST = 1000
UNDO: dict[str, str] = {"cancel": "retry", "stop": "retry"}
"""What takes an action back: a job that was canceled or stopped can be run anew, a scheduled one at its time."""


@blueprint.post("/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Have a job run anew that failed, was stopped or was canceled."""
    return _act("retry", job_id)


@blueprint.post("/<job_id>/run")
def run(job_id: str) -> Response:
    """Have a scheduled job, or one that waits for its next attempt, go to its queue now."""
    return _act("run", job_id)


@blueprint.post("/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel a job that waits."""
    return _act("cancel", job_id)


@blueprint.post("/<job_id>/stop")
def stop(job_id: str) -> Response:
    """Have the worker that runs a job stop it."""
    if not catalog.stop(line().client, _id(job_id)):
        raise _refusal(job_id, "only one that runs is stopped; one that waits can be canceled")
    auth.note("job.stop", job_id)
    return _answer("stop", job_id)


@blueprint.delete("/<job_id>")
def delete(job_id: str) -> Response:
    """Delete a job that is over, with its attempts; one that others still wait for stays."""
    if not catalog.act(line().client, "delete", [_id(job_id)]).ids:
        raise catalog.kept(line().client, job_id) or _refusal(job_id, STEPS["delete"].rule)
    auth.note("job.delete", job_id)
    return jsonify({"id": job_id, "deleted": True})


@blueprint.post("/actions")
def act() -> Response:
    """Act on ``{"action", "ids"}`` or ``{"action", "filter"}``, for 5 s at most: again while not ``complete``."""
    asked = shared.body("action", "ids", "filter")
    action, ids, matching = asked.get("action"), asked.get("ids"), asked.get("filter")
    if action not in ACTIONS:
        raise Problem(422, "Bad request", f"'action' must be one of {', '.join(ACTIONS)}")
    if (ids is None) == (matching is None):
        raise Problem(422, "Bad request", "give either 'ids' or 'filter'")
    done = catalog.act(line().client, action, _ids(ids)) if matching is None else _act_on_all(action, matching)
    if done.ids:
        auth.note(f"jobs.{action}", _in_words(len(done.ids), matching))
    undo = {"action": UNDO[action], "ids": done.ids} if action in UNDO and 0 < len(done.ids) <= MOST else None
    return jsonify({"done": len(done.ids), "skipped": done.skipped, "complete": done.complete, "undo": undo})


def _act_on_all(action: Action, matching: Any) -> Done:
    if not isinstance(matching, dict) or not all(isinstance(value, str) for value in matching.values()):
        raise Problem(422, "Bad request", "'filter' must be an object of texts, as in the query of GET /api/jobs")
    if unknown := sorted(set(matching) - set(views.FILTERS)):
        raise Problem(422, "Unknown field", f"{unknown[0]!r} is not known; known: {', '.join(views.FILTERS)}")
    wanted = views.wanted({name: value for name, value in matching.items() if value})
    return catalog.act_on_all(line().client, action, wanted)


def _in_words(count: int, matching: dict[str, str] | None) -> str:
    """What was acted upon, for the audit."""
    jobs = f"{count:,} {'job' if count == 1 else 'jobs'}"
    filters = ", ".join(f"{name}={value}" for name, value in (matching or {}).items() if value)
    return f"{jobs} {f'matching {filters}' if filters else 'chosen' if matching is None else 'of all'}"


def _ids(ids: Any) -> list[str]:
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST or not all(isinstance(one, str) for one in ids):
        raise Problem(422, "Bad request", f"'ids' must be a list of 1 to {MOST} ids")
    return [queues.checked_id(one) for one in dict.fromkeys(ids)]


def _act(action: Action, job_id: str) -> Response:
    if not catalog.act(line().client, action, [_id(job_id)]).ids:
        raise _refusal(job_id, STEPS[action].rule)
    auth.note(f"job.{action}", job_id)
    return _answer(action, job_id)


def _answer(action: str, job_id: str) -> Response:
    """202: what the job is now, and what would take the action back."""
    job = catalog.one(line().client, job_id)
    told = {"id": job_id, "state": job.state if job else None, "undo": UNDO.get(action)}
    return shared.accepted(told, url_for("api.show", job_id=job_id))


def _id(job_id: str) -> str:
    try:
        return queues.checked_id(job_id)
    except InvalidJobId:
        raise views.no_such_job(job_id) from None


def _refusal(job_id: str, rule: str) -> Problem:
    if job := catalog.one(line().client, job_id):
        return Problem(409, "Not in this state", f"job {job_id!r} is {job.state}; {rule}")
    return views.no_such_job(job_id)
