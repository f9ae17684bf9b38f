"""What has ended badly, over HTTP: list it, group it, run it anew, delete it."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from jobs import dead, keys, queues
from jobs.errors import InvalidJobId, InvalidQuery
from jobs.letters import Filter, Letter
from web import auth
from web.api.shared import iso
from web.line import line
from web.problems import Problem

blueprint = Blueprint("dead", __name__)
blueprint.before_request(auth.require)

FILTERS = ("queue", "task", "error", "key", "since")
LIMIT, MOST = 50, 500
GROUPED = 5000
"""Dead letters that are grouped, at most: the newest."""


@blueprint.get("/api/dead")
def letters() -> Response:
    """One page of dead letters, newest first. It may be short: there are more while ``next`` is not null."""
    wanted = _filter({*FILTERS, "cursor", "limit"})
    page = dead.letters(line().client, wanted, _limit(), request.args.get("cursor"))
    return jsonify({"jobs": [_describe(letter) for letter in page.letters], "next": page.next})


@blueprint.get("/api/dead/groups")
def groups() -> Response:
    """Dead letters by their error, most frequent first."""
    found = dead.groups(line().client, _filter({*FILTERS}), GROUPED)
    rows = [
        {
            "error": group.error,
            "count": group.times,
            "first_at": iso(group.first),
            "last_at": iso(group.last),
            "sample": group.sample,
        }
        for group in found.groups
    ]
    return jsonify({"groups": rows, "complete": found.complete})


@blueprint.post("/api/jobs/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Have a job that has failed run anew: 202 and where to find it; 404 or 409 when it cannot."""
    if not dead.retry(line().client, [_id(job_id)]):
        raise _refusal(job_id, "only one that failed, was stopped or was canceled is run anew")
    auth.note("job.retry", job_id)
    response = jsonify({"id": job_id, "state": _state(job_id)})
    response.status_code = 202
    response.headers["Location"] = url_for("api.show", job_id=job_id)
    return response


@blueprint.delete("/api/jobs/<job_id>")
def delete(job_id: str) -> Response:
    """Delete a job that is over, with its attempts; 404 or 409 when it cannot be."""
    if not dead.delete(line().client, [_id(job_id)]):
        raise _refusal(job_id, "only one that is over, and whose follow-ups are done, is deleted")
    auth.note("job.delete", job_id)
    return jsonify({"id": job_id, "deleted": True})


def _filter(known: set[str]) -> Filter:
    if unknown := sorted(set(request.args) - known):
        raise InvalidQuery(f"{unknown[0]!r} is not known; known: {', '.join(sorted(known))}")
    given: dict[str, Any] = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    if "since" in given:
        given["since"] = dead.moment(given["since"])
    return Filter(**given)


def _limit() -> int:
    text = request.args.get("limit", str(LIMIT))
    if not text.isdecimal() or not 0 < int(text[:9]) <= MOST:
        raise InvalidQuery(f"limit is {text!r}: expected a whole number from 1 to {MOST}")
    return int(text)


def _describe(letter: Letter) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in letter._asdict().items()}


def _id(job_id: str) -> str:
    try:
        return queues.checked_id(job_id)
    except InvalidJobId:
        raise Problem(404, "No such job", f"there is no job {job_id!r}") from None


def _state(job_id: str) -> str | None:
    found = line().client.hget(keys.job(job_id), "status")
    return found.decode() if isinstance(found, bytes) else None


def _refusal(job_id: str, rule: str) -> Problem:
    if state := _state(job_id):
        return Problem(409, "Not in this state", f"job {job_id!r} is {state}; {rule}")
    return Problem(404, "No such job", f"there is no job {job_id!r}")
