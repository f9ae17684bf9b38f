"""From what is seen to what is wrong, in words. Pure: a snapshot in, findings out."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jobs.health.snapshot import Process, QueueView, Snapshot

Severity = Literal["warn", "fail"]

LEADER_SLACK = 10.0
LOOP_START, LOOP_SLACK = 30.0, 10.0
KNOWN = {"json", "pickle"}
"""Serializers whose writing can be told by its first byte."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, how it is known, and what to do about it."""

    code: str
    severity: Severity
    summary: str
    evidence: dict[str, Any]
    remedy: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Limits:
    """What counts as late. ``uptime`` is how long the observer has been watching: absence needs time to prove."""

    heartbeat: float
    """Seconds between two heartbeat jobs."""
    uptime: float = float("inf")
    settle: float = 15.0
    """Seconds that processes may take to come up, or a deploy to replace them."""

    @property
    def heartbeat_late(self) -> float:
        return 2 * self.heartbeat + 10


def diagnose(snapshot: Snapshot, limits: Limits) -> list[Finding]:
    """Every finding, gravest first; an empty list means that nothing is known to be wrong."""
    if snapshot.error:
        return [_redis_unreachable(snapshot)]
    found = [finding for check in _CHECKS for finding in check(snapshot, limits)]
    return sorted(found, key=lambda finding: finding.severity != "fail")


def _redis_unreachable(snapshot: Snapshot) -> Finding:
    return Finding(
        "redis_unreachable",
        "fail",
        f"Redis does not answer: {snapshot.error.rstrip('.')}",
        {"error": snapshot.error},
        "Check that the Redis service is up and that REDIS_URL points to it. Jobs already accepted are kept there.",
    )


def _no_worker(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    last = _last_worker(snapshot)
    if snapshot.alive("worker") or (snapshot.elsewhere and not last):
        return
    if last is None:
        seen = "none has been seen here in 7 days"
    else:
        how = "stopped" if last.row["status"] == "stopped" else "was last seen"
        seen = f"the last one, {last.id}, {how} {_ago(snapshot.now - last.seen_at)} ago"
    if idle := [process for process in snapshot.processes if process.alive and process.row["status"] == "standby"]:
        seen += f"; {_count(len(idle), 'worker')} standing by, see: python -m jobs locks"
    waiting = sum(queue.waiting for queue in snapshot.queues)
    yield Finding(
        "no_worker",
        "fail" if limits.uptime >= limits.settle or last else "warn",
        f"No worker is alive, so no job runs ({waiting} waiting); {seen}",
        {"waiting": waiting, "last_worker": last.id if last else None, "prefix": snapshot.prefix, "db": snapshot.db},
        "Start one with: python -m jobs worker. If one should be running, read the end of its log.",
    )


def _last_worker(snapshot: Snapshot) -> Process | None:
    workers = (process for process in snapshot.processes if process.role == "worker")
    return next((process for process in workers if process.row["status"] != "standby"), None)


def _different_namespace(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if not snapshot.elsewhere or _last_worker(snapshot):
        return  # a neighbour's workers, since ours have been here
    places = sorted({f"db {other.db}, prefix {other.prefix}" for other in snapshot.elsewhere})
    yield Finding(
        "different_namespace",
        "fail",
        f"Here is db {snapshot.db}, prefix {snapshot.prefix}, and no worker; but workers on the same server "
        f"look at {'; '.join(places)}",
        {"here": {"db": snapshot.db, "prefix": snapshot.prefix}, "workers": [vars(o) for o in snapshot.elsewhere]},
        "Give web and worker the same REDIS_URL, its db number included, and the same RQ_KEY_PREFIX.",
    )


def _worker_suspended(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.suspended:
        yield Finding(
            "worker_suspended",
            "fail",
            "All workers are suspended: somebody ran `rq suspend`",
            {"workers": len(snapshot.alive("worker"))},
            "Let them work again with: rq resume",
        )


def _queue_not_consumed(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    workers = snapshot.alive("worker")
    served = {name for process in workers for name in process.row["queues"]}
    for queue in snapshot.queues:
        if not workers or not queue.waiting or queue.name in served:
            continue
        oldest = f", the oldest for {_ago(snapshot.now - queue.oldest_at)}" if queue.oldest_at else ""
        yield Finding(
            "queue_not_consumed",
            "fail",
            f"'{queue.name}' has {_count(queue.waiting, 'job')} waiting{oldest}; {_count(len(workers), 'worker')} "
            f"alive, but serving only {', '.join(sorted(served))}",
            {"queue": queue.name, "waiting": queue.waiting, "served": sorted(served)},
            f"Start one with: python -m jobs worker {queue.name}, or add it to JOBS_QUEUES",
        )


def _serializer_mismatch(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    live = [process for process in snapshot.processes if process.alive]
    used = {process.row["serializer"]: process for process in live}
    if len(used) > 1:
        yield _serializer_finding(
            "Processes write and read jobs differently: "
            + ", ".join(f"{process.id} uses {name}" for name, process in sorted(used.items())),
            {"serializers": {process.id: process.row["serializer"] for process in live}},
        )
    for queue in snapshot.queues:
        readers = {p.row["serializer"] for p in snapshot.alive("worker") if queue.name in p.row["queues"]}
        if queue.head_format and readers and readers <= KNOWN and queue.head_format not in readers:
            yield _serializer_finding(
                f"The first job of '{queue.name}', {queue.waiting_ids[0]}, is {queue.head_format}, "
                f"but its workers read {', '.join(sorted(readers))}: it will fail",
                {"queue": queue.name, "job": queue.waiting_ids[0], "format": queue.head_format},
            )


def _serializer_finding(summary: str, evidence: dict[str, Any]) -> Finding:
    return Finding(
        "serializer_mismatch",
        "fail",
        summary,
        evidence,
        "Give every process the same JOBS_SERIALIZER, and plain RQ enqueuers serializer='json'.",
    )


def _code_mismatch(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    webs, workers = (_settled(snapshot, role, limits) for role in ("web", "worker"))
    codes = {process.row["code"] for process in (*webs, *workers)}
    if not webs or not workers or len(codes) < 2:
        return
    both = [*webs, *workers]
    yield Finding(
        "code_mismatch",
        "warn",
        "Web and worker do not know the same tasks: "
        + ", ".join(f"{p.id} has {p.row['tasks']} ({p.row['code']}, commit {p.row['commit'] or '?'})" for p in both),
        {p.id: {"code": p.row["code"], "tasks": p.row["tasks"], "commit": p.row["commit"]} for p in both},
        "Deploy the same commit to both, with the same JOBS_TASKS.",
    )


def _no_scheduler(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.leader or limits.uptime < limits.settle + LEADER_SLACK:
        return
    yield Finding(
        "no_scheduler",
        "fail",
        "No scheduler leads: delayed jobs, retries, schedules and heartbeats wait",
        {"scheduled": sum(queue.scheduled for queue in snapshot.queues)},
        "Start a worker, which schedules when nobody else does, or: python -m jobs scheduler",
    )


def _heartbeat_late(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    workers = _settled(snapshot, "worker", limits)
    if not snapshot.leader or snapshot.suspended or limits.uptime < limits.heartbeat_late:
        return
    for queue in snapshot.queues:
        served = [p for p in workers if queue.name in p.row["queues"]]
        since = _silence(queue, served, snapshot.now)
        if since is not None and since > limits.heartbeat_late:
            yield Finding(
                "heartbeat_late",
                "warn" if _any_active(snapshot, served) else "fail",
                f"No heartbeat has come back from '{queue.name}' for {_ago(since)}, though "
                f"{_count(len(served), 'worker')} and a scheduler are alive; {_count(queue.active, 'job')} running",
                {"queue": queue.name, "silence": round(since, 1), "active": queue.active, "expected": limits.heartbeat},
                "A job may hold every worker: look at what runs, or start another worker.",
            )


def _loop_silent(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Its watchdog should have started it again by now. One that starts is left alone for half a minute."""
    for process in (process for process in snapshot.processes if process.alive):
        for name, loop in process.row.get("loops", {}).items():
            limit = max(float(loop["max_silence"]), LOOP_START) + LOOP_SLACK
            if loop["last_ping_ago"] > limit:
                yield Finding(
                    "loop_silent",
                    "fail",
                    f"Loop '{name}' of {process.id} has said nothing for {_ago(loop['last_ping_ago'])}, and may be "
                    f"silent for {_ago(loop['max_silence'])}; started again {_count(loop['restarts'], 'time')}",
                    {"loop": name, "process": process.id, **loop},
                    "Read that worker's log: it says what its loops do, and why one was ended. Then restart it.",
                )


def _any_active(snapshot: Snapshot, workers: list[Process]) -> bool:
    """Do these workers run anything, from whichever of their queues?"""
    names = {name for process in workers for name in process.row["queues"]}
    return any(queue.active for queue in snapshot.queues if queue.name in names)


def _silence(queue: QueueView, served: list[Process], now: float) -> float | None:
    """How long a queue that is served has been silent; None when nobody could have answered."""
    if not served:
        return None
    longest = min(float(process.row["started_at"]) for process in served)
    back = queue.heartbeat.back_at if queue.heartbeat and queue.heartbeat.back_at else 0.0
    return now - max(longest, back)


def _settled(snapshot: Snapshot, role: str, limits: Limits) -> list[Process]:
    """Live processes of a role that have been up long enough not to be part of a deploy."""
    return [p for p in snapshot.alive(role) if snapshot.now - float(p.row["started_at"]) >= limits.settle]


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


_CHECKS: tuple[Callable[[Snapshot, Limits], Iterator[Finding]], ...] = (
    _no_worker,
    _different_namespace,
    _worker_suspended,
    _queue_not_consumed,
    _serializer_mismatch,
    _code_mismatch,
    _no_scheduler,
    _heartbeat_late,
    _loop_silent,
)
