"""What runs by the clock, over HTTP: when next, when last, and a hand on each."""

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from jobs import schedules
from jobs.schedules import Row
from web import auth
from web.api import shared
from web.line import line

blueprint = Blueprint("schedules", __name__, url_prefix="/api/schedules")
blueprint.before_request(auth.require)


@blueprint.get("")
def every() -> Response:
    """Every schedule by name, then the next entries of rq-scheduler's."""
    shared.query()
    return jsonify({"schedules": [_describe(row) for row in schedules.rows(line().client)]})


@blueprint.post("/<name>/run")
def run(name: str) -> Response:
    """Make a job of a schedule now: 202 and where to find it; its slots stay as they are."""
    job = schedules.run(line().client, name)
    auth.note("schedule.run", f"{name}: job {job.id}")
    accepted = {"id": job.id, "queue": job.queue, "created": job.created}
    return shared.accepted(accepted, url_for("api.show", job_id=job.id))


@blueprint.post("/<name>/pause")
def pause(name: str) -> Response:
    """Make no job of a schedule until it is resumed; ``changed`` is false when it was paused already."""
    if changed := schedules.pause(line().client, name):
        auth.note("schedule.pause", name)
    return jsonify({"name": name, "paused": True, "changed": changed, "next_at": None})


@blueprint.post("/<name>/resume")
def resume(name: str) -> Response:
    """Let a paused schedule go on with its next slot; ``changed`` is false when it was not paused."""
    if slot := schedules.resume(line().client, name):
        auth.note("schedule.resume", name)
    return jsonify({"name": name, "paused": False, "changed": slot is not None, "next_at": shared.iso(slot)})


def _describe(row: Row) -> dict[str, Any]:
    state, _, error = row.state.partition(": ")
    return {
        "name": row.name,
        "spec": row.spec,
        "zone": row.zone,
        "queue": row.queue,
        "state": state,
        "error": error or None,
        "paused": state == "paused",
        "ours": row.ours,
        "next_at": shared.iso(row.next),
        "last_at": shared.iso(row.last),
        "last_job": row.job,
    }
