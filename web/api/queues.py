"""The queues over HTTP: their counts, and a hand on each."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from jobs import gates, queues, retention
from jobs.errors import InvalidOption
from jobs.health.tally import Tally, tallies
from jobs.retention import Cleaned
from web import auth
from web.api import seen, shared
from web.line import line
from web.problems import Problem

blueprint = Blueprint("queues", __name__)
blueprint.before_request(auth.require)

SECONDS = 5.0
"""For which one request cleans or empties; the caller sends another."""


@blueprint.get("/api/queues")
def every() -> Response:
    """Every queue with its counts."""
    shared.query()
    found = tallies(line().client, seen.view().snapshot)
    return jsonify({"queues": [_describe(one) for one in found]})


@blueprint.get("/api/queues/<name>")
def one(name: str) -> Response:
    """One queue with its counts."""
    shared.query()
    for found in tallies(line().client, seen.view().snapshot):
        if found.name == name:
            return jsonify(_describe(found))
    raise _unknown(name)


@blueprint.post("/api/queues/<name>/pause")
def pause(name: str) -> Response:
    """Let no worker take from a queue; ``changed`` is false when it was paused already."""
    _require(name)
    if changed := gates.pause(line().client, name):
        auth.note("queue.pause", name)
    return jsonify({"queue": name, "paused": True, "changed": changed})


@blueprint.post("/api/queues/<name>/resume")
def resume(name: str) -> Response:
    """Let workers take from a queue again; ``changed`` is false when it was not paused."""
    _require(name)
    if changed := gates.resume(line().client, name):
        auth.note("queue.resume", name)
    return jsonify({"queue": name, "paused": False, "changed": changed})


@blueprint.post("/api/queues/<name>/clean")
def clean(name: str) -> Response:
    """Remove what is over of a queue now: ``{"older": seconds, "failed": bool}``, both of which may be left out."""
    body = shared.body("older", "failed", required=False)
    _require(name)
    return _cleaned(_clean(body, name))


@blueprint.post("/queue/clean")
def clean_all() -> Response:
    """The same for all queues, or the one named by ``queue``."""
    body = shared.body("older", "failed", "queue", required=False)
    queue = body.get("queue")
    if not isinstance(queue, str | None):
        raise Problem(422, "Bad request", "'queue' must be a name")
    return _cleaned(_clean(body, queue))


@blueprint.post("/api/queues/<name>/empty")
def empty(name: str) -> Response:
    """Remove the jobs that wait in a queue now; ``{"confirm": name}`` says that it is meant."""
    if shared.body("confirm").get("confirm") != name:
        raise Problem(422, "Not confirmed", f"to remove all that waits in it, send its name, {name!r}, as 'confirm'")
    _require(name)
    emptied = gates.empty(line().client, name, within=SECONDS)
    auth.note("queue.empty", f"{name}: {emptied.removed} jobs")
    return _cleaned(emptied)


def _clean(body: dict[str, Any], queue: str | None) -> Cleaned:
    older, failed = body.get("older"), body.get("failed", False)
    if not isinstance(failed, bool):
        raise Problem(422, "Bad request", "'failed' must be true or false")
    try:
        older = None if older is None else queues.checked_seconds("older", older, 0)
    except InvalidOption as error:
        raise Problem(422, "Bad request", str(error)) from None
    done = retention.clean(line().client, line().settings, queue, older=older, failed=failed, within=SECONDS)
    auth.note("queue.clean", f"{queue or 'all queues'}: {done.removed} jobs")
    return done


def _cleaned(done: Cleaned) -> Response:
    return jsonify({"removed": done.removed, "complete": done.complete})


def _require(name: str) -> None:
    if name not in line().settings.queues and name not in gates.names(line().client):
        raise _unknown(name)


def _unknown(name: str) -> Problem:
    return Problem(404, "No such queue", f"there is no queue {name!r}; one is there once a job was put in it")


def _describe(found: Tally) -> dict[str, Any]:
    row = asdict(found)
    row["oldest"] = None if found.oldest is None else round(found.oldest, 3)
    row["wait"] = shared.percentiles(found.wait)
    return row
