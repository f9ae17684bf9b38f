"""The health documents, the same on web and on a worker. Pure: a view in, a status code and JSON out.

``full`` is for those who may see everything (the token, or loopback in development).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jobs.health.identity import Identity
from jobs.health.outlook import outlook
from jobs.health.snapshot import QueueView
from jobs.health.watch import View

WARN_PENDING = 1000
MEDIA_TYPE = "application/health+json"
COUNTS = ("waiting", "active", "completed", "failed", "scheduled", "deferred")
_WORDS = {"pass": "healthy", "warn": "warning", "fail": "unhealthy"}

Document = tuple[int, dict[str, Any]]


def live() -> Document:
    """Is this process able to answer? Never asks Redis."""
    return 200, {"status": "pass"}


def ready(view: View, last_seen: float, identity: Identity | None = None) -> Document:
    """Does Redis answer, and has it heard from us? ``last_seen`` is the seconds since it last did.

    A worker that stands by is ready too; it says for whom.
    """
    if view.snapshot.error:
        return 503, {"status": "fail", "reason": "Redis does not answer"}
    if last_seen > 30:
        return 503, {"status": "fail", "reason": "Redis has not taken this process's heartbeat yet"}
    if identity and identity.status == "starting":
        return 503, {"status": "fail", "reason": "it is starting: its code is being loaded"}
    return 200, {"status": "pass", **_held(identity)}


def _held(identity: Identity | None) -> dict[str, Any]:
    """Of a single worker: does it work or stand by, and who holds its type."""
    if identity is None or not (identity.holder or identity.status == "standby"):
        return {}
    return {"instance": {"type": identity.type, "state": identity.status, "holder": identity.holder}}


def health(view: View, identity: Identity | None, full: bool) -> Document:
    """Every finding. Without ``full`` only the codes and severities."""
    body: dict[str, Any] = {
        "status": view.status,
        "findings": [
            finding.as_dict() if full else {"code": finding.code, "severity": finding.severity}
            for finding in view.findings
        ],
        "timestamp": _iso(view.snapshot.now),
        **_held(identity),
    }
    if full:
        body["outlook"] = {queue.name: outlook(queue, view.snapshot) for queue in view.snapshot.queues}
        body["identity"] = identity.as_dict() if identity else None
        body["processes"] = [
            {**process.row, "alive": process.alive, "seen_ago": round(view.snapshot.now - process.seen_at, 1)}
            for process in view.snapshot.processes
        ]
    return _code(view), body


def queue_health(view: View, round_trips: Mapping[str, float]) -> Document:
    """The counts of every queue and the state of its heartbeat, in the words of the queue audit.

    ``round_trips`` are the seconds that this process's own heartbeats took to come back, by queue.
    """
    totals = _totals(view.snapshot.queues)
    status = _WORDS[view.status]
    if status == "healthy" and totals["waiting"] + totals["deferred"] + totals["scheduled"] >= WARN_PENDING:
        status = "warning"
    return _code(view), {
        "status": status,
        "redis": {"connected": not view.snapshot.error, "marker": view.snapshot.marker},
        "queue": {
            **totals,
            "consumers": len(view.snapshot.alive("worker")),
            "queues": {queue.name: _counts(queue) for queue in view.snapshot.queues},
        },
        "heartbeat": {queue.name: _heartbeat(queue, view.snapshot.now) for queue in view.snapshot.queues},
        "line": {queue: {"round_trip_ms": round(took * 1000, 1)} for queue, took in round_trips.items()},
        "findings": [finding.code for finding in view.findings],
        "timestamp": _iso(view.snapshot.now),
    }


def stats(view: View, full: bool) -> Document:
    """``pending`` is all that is accepted and not started: queued, behind its lane's head, or due later."""
    totals = _totals(view.snapshot.queues)
    pending = totals["waiting"] + totals["deferred"] + totals["scheduled"]
    body: dict[str, Any] = {
        "stats": {
            "pending": pending,
            "processing": totals["active"],
            "completed": totals["completed"],
            "failed": totals["failed"],
            "total": pending + totals["active"] + totals["completed"] + totals["failed"],
        },
        "timestamp": _iso(view.snapshot.now),
    }
    if full:
        body["samples"] = {
            "waiting": [job_id for queue in view.snapshot.queues for job_id in queue.waiting_ids][:10],
            "active": [job_id for queue in view.snapshot.queues for job_id in queue.active_ids][:10],
        }
    return (503 if view.snapshot.error else 200), body


def _code(view: View) -> int:
    return 503 if view.status == "fail" else 200


def _counts(queue: QueueView) -> dict[str, int]:
    return {name: getattr(queue, name) for name in COUNTS}


def _totals(queues: tuple[QueueView, ...]) -> dict[str, int]:
    return {name: sum(getattr(queue, name) for queue in queues) for name in COUNTS}


def _heartbeat(queue: QueueView, now: float) -> dict[str, Any] | None:
    """When the last one was back, and for how long the next has been waiting, if it does."""
    if (beat := queue.heartbeat) is None:
        return None
    waits = {"waiting": round(now - beat.sent_at, 3)} if beat.waits else {}
    if beat.back_at is None or beat.took is None:
        return waits or None
    return {"age": round(now - beat.back_at, 3), "round_trip_ms": round(beat.took * 1000, 1), **waits}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
