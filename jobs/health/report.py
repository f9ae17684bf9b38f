"""The health documents, the same on web and on a worker. Pure: a view in, a status code and JSON out.

``full`` is for those who may see everything (the token, or loopback in development).
"""

from collections.abc import Mapping
from typing import Any

from jobs.health.checks import checks, iso
from jobs.health.counts import AUDIT, STATS, counts, said
from jobs.health.identity import Identity
from jobs.health.outlook import outlook
from jobs.health.samples import Samples
from jobs.health.snapshot import QueueView, Snapshot
from jobs.health.watch import View
from jobs.refusals import WORDS

MEDIA_TYPE = "application/health+json"
_WORDS = {"pass": "healthy", "warn": "warning", "fail": "unhealthy"}

Document = tuple[int, dict[str, Any]]


def live() -> Document:
    """Is this process able to answer? Never asks Redis."""
    return 200, {"status": "pass"}


def ready(view: View, last_seen: float, identity: Identity | None, full: bool) -> Document:
    """Does Redis answer, and has it heard from us? ``last_seen`` is the seconds since it last did.

    A worker that stands by is ready too; it says so, and with ``full`` for whom.
    """
    if view.snapshot.error:
        return 503, {"status": "fail", "reason": WORDS[view.snapshot.kind].title}
    if view.snapshot.server.is_closed:
        return 503, {"status": "fail", "reason": WORDS[view.snapshot.server.why or "readonly"].title}
    if last_seen > 30:
        return 503, {"status": "fail", "reason": "Redis has not taken this process's heartbeat yet"}
    if identity and identity.status == "starting":
        return 503, {"status": "fail", "reason": "it is starting: its code is being loaded"}
    return 200, {"status": "pass", **_held(identity, full)}


def _held(identity: Identity | None, full: bool) -> dict[str, Any]:
    """Of a single worker: does it work or stand by, and who holds its type."""
    if identity is None or not (identity.holder or identity.status == "standby"):
        return {}
    holder = {"holder": identity.holder} if full else {}
    return {"instance": {"type": identity.type, "state": identity.status, **holder}}


def health(view: View, identity: Identity | None, took: float, full: bool) -> Document:
    """Every finding, and with ``full`` everything that was measured; else only codes and severities.

    ``took`` is how many seconds the look took.
    """
    body: dict[str, Any] = {
        "status": view.status,
        "findings": [
            finding.as_dict() if full else {"code": finding.code, "severity": finding.severity}
            for finding in view.findings
        ],
        "timestamp": iso(view.snapshot.now),
        **_held(identity, full),
    }
    if full:
        body["outlook"] = {queue.name: outlook(queue, view.snapshot) for queue in view.snapshot.queues}
        body |= {"serviceId": identity.id, "releaseId": identity.commit} if identity else {}
        body["checks"] = checks(view, took)
        body["identity"] = identity.as_dict() if identity else None
        body["processes"] = [
            {**process.row, "alive": process.alive, "seen_ago": round(view.snapshot.now - process.seen_at, 1)}
            for process in view.snapshot.processes
        ]
    return _code(view), body


def queue_health(view: View, round_trips: Mapping[str, float], warn_at: int) -> Document:
    """The counts of every queue and the state of its heartbeat, in the words of the queue audit.

    ``round_trips`` are the seconds that this process's own heartbeats took to come back, by queue. From ``warn_at``
    pending jobs on it warns.
    """
    totals = said(counts(view.snapshot.queues), AUDIT)
    crowded = totals["pending"] >= warn_at
    status = _WORDS["warn" if crowded and view.status == "pass" else view.status]
    reason = f"{totals['pending']} jobs are pending; JOBS_WARN_PENDING is {warn_at}"
    return _code(view), {
        "status": status,
        **({"reason": reason} if crowded else {}),
        "redis": {"connected": not view.snapshot.error, "marker": view.snapshot.marker},
        "queue": {
            **totals,
            "consumers": len(view.snapshot.alive("worker")),
            "queues": {queue.name: _counts(queue, view.snapshot) for queue in view.snapshot.queues},
        },
        "heartbeat": {queue.name: _heartbeat(queue, view.snapshot.now) for queue in view.snapshot.queues},
        "line": {queue: {"round_trip_ms": round(took * 1000, 1)} for queue, took in round_trips.items()},
        "findings": [finding.code for finding in view.findings],
        "timestamp": iso(view.snapshot.now),
    }


def stats(view: View, samples: Samples | None) -> Document:
    """``pending`` is all that is accepted and neither begun nor for a later time, ``total`` the sum of what is told.

    ``samples`` are for those who may see everything.
    """
    told = said(counts(view.snapshot.queues), STATS)
    return (503 if view.snapshot.error else 200), {
        "stats": {**told, "total": sum(told.values())},
        "consumers": len(view.snapshot.alive("worker")),
        **({"samples": samples._asdict()} if samples else {}),
        "timestamp": iso(view.snapshot.now),
    }


def _code(view: View) -> int:
    return 503 if view.status == "fail" else 200


def _counts(queue: QueueView, snapshot: Snapshot) -> dict[str, int]:
    consumers = sum(queue.name in worker.row["queues"] for worker in snapshot.alive("worker"))
    return {**said(counts((queue,)), AUDIT), "consumers": consumers}


def _heartbeat(queue: QueueView, now: float) -> dict[str, Any] | None:
    """When the last one was back, and for how long the next has been waiting, if it does."""
    if (beat := queue.heartbeat) is None:
        return None
    waits = {"waiting": round(now - beat.sent_at, 3)} if beat.waits else {}
    if beat.back_at is None or beat.took is None:
        return waits or None
    types = {"types": {name: round(now - at, 3) for name, at in beat.types.items()}} if beat.types else {}
    return {"age": round(now - beat.back_at, 3), "round_trip_ms": round(beat.took * 1000, 1), **types, **waits}
