"""The processes over HTTP: who is there, what each runs, and how to have a worker end."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from jobs import catalog, workers
from jobs.catalog import Title
from jobs.health.roster import Member, members
from web import auth
from web.api import seen, shared
from web.line import line
from web.problems import Problem

blueprint = Blueprint("workers", __name__, url_prefix="/api/workers")
blueprint.before_request(auth.require)


@blueprint.get("")
def every() -> Response:
    """Every process that is there, or was within 7 days: workers, web, schedulers."""
    shared.query()
    found = members(seen.view().snapshot)
    called = catalog.titles(line().client, [job["id"] for one in found for job in one.running])
    return jsonify({"workers": [_describe(one, called) for one in found]})


@blueprint.post("/<worker_id>/stop")
def stop(worker_id: str) -> Response:
    """Ask a worker to end as SIGTERM does: 202; 404 or 409 when there is none that can be asked."""
    found = next((one for one in seen.view().snapshot.processes if one.id == worker_id), None)
    if found is None:
        raise Problem(404, "No such worker", f"no process of id {worker_id!r} was seen within 7 days")
    if found.role != "worker":
        raise Problem(409, "Not a worker", f"{worker_id} is a {found.role}; only workers are stopped from here")
    if not found.alive:
        raise Problem(409, "Not alive", f"{worker_id} has ended, or has gone without a word")
    if not workers.stop(line().client, worker_id):
        raise Problem(409, "Nobody listens", f"{worker_id} takes no commands now: it starts, ends, or stands by")
    auth.note("worker.stop", worker_id)
    return shared.accepted({"id": worker_id, "stopping": True})


def _describe(one: Member, called: Mapping[str, Title]) -> dict[str, Any]:
    process, row = one.process, one.process.row
    counters = row.get("counters", {})
    return {
        "id": process.id,
        "role": process.role,
        "type": str(row.get("type", "")) or None,
        "status": process.status,
        "alive": process.alive,
        "host": str(row.get("host", "")),
        "pid": row.get("pid"),
        "service": str(row.get("service", "")),
        "replica": str(row.get("replica", "")),
        "queues": list(process.queues),
        "serializer": str(row["serializer"]),
        "tasks": int(row["tasks"]),
        "code": str(row["code"]),
        "commit": str(row["commit"]) or None,
        "outdated": one.outdated,
        "versions": {str(name): str(number) for name, number in row.get("versions", {}).items()},
        "slots": int(row.get("slots", 0)),
        "busy": int(row.get("busy", 0)),
        "running": [{**job, **called[job["id"]]._asdict()} for job in one.running],
        "loops": one.loops,
        "processed": int(counters.get("processed", 0)),
        "failed": int(counters.get("failed", 0)),
        "crashes": int(row.get("crashes", 0)),
        "started_at": shared.at(process.started_at),
        "last_seen_at": shared.at(process.seen_at),
    }
