"""The server: does it answer, may it be written to, is there room, does it keep what it is given."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.health.diagnosis.finding import Check, Code, Finding, Limits, clock
from jobs.health.snapshot import Server, Snapshot
from jobs.refusals import WORDS, Kind

MIB = 1024 * 1024
CODES: dict[Kind, Code] = {"cluster": "redis_is_a_cluster", "readonly": "redis_readonly", "permission": "redis_forbids"}
"""The finding for each kind of refusal that hides everything else; the others are ``redis_unreachable``."""
REMEMBERED = 86400.0
"""Seconds for which a loss of data is told of."""


def blind(snapshot: Snapshot) -> Iterator[Finding]:
    """What hides everything else: nothing can be read, or nobody has been able to say anything."""
    if snapshot.error:
        words = WORDS[snapshot.kind]
        yield Finding(
            CODES.get(snapshot.kind, "redis_unreachable"),
            "fail",
            f"{words.title}: {snapshot.error.rstrip('.')}{_worker_reaches(snapshot)}",
            {"error": snapshot.error},
            words.remedy,
        )
    elif snapshot.server.is_closed:
        yield _closed(snapshot.server)


def _closed(server: Server) -> Finding:
    """It can be read, and takes no writes, so nobody can say that he lives."""
    so = "so nothing is accepted, begun or ended"
    if server.replica_of or server.why == "readonly":
        of = f" of {server.replica_of}" if server.replica_of else ""
        said = f"Redis takes no writes: it is a replica{of}, {so}"
        return Finding(
            "redis_readonly",
            "fail",
            said,
            {"role": "replica", "master": server.replica_of},
            WORDS["readonly"].remedy,
        )
    words = WORDS[server.why]
    said = f"{words.title}, {so}: {server.refused.partition('. ')[0].rstrip('.')}"
    return Finding("redis_refuses_writes", "fail", said, {"error": server.refused}, words.remedy)


def _worker_reaches(snapshot: Snapshot) -> str:
    """Where the worker that was asked says it is; then the server is up, and only our way to it is not."""
    answer = snapshot.answer
    if not answer or not answer.marker:
        return ""
    return (
        f"; but the worker at {answer.url} reaches its own, {answer.identity.get('redis', 'marker ' + answer.marker)}"
    )


def _full(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    server = snapshot.server
    if server.why == "full" or (server.limit and server.used >= server.limit):
        used = f": {server.used / MIB:.1f} MiB of {server.limit / MIB:.1f} MiB are used" if server.limit else ""
        yield Finding(
            "redis_full",
            "fail",
            f"Redis is full{used}, so no job is accepted; what was accepted still runs",
            {"used": server.used, "limit": server.limit, "policy": server.policy},
            "Give it more memory (maxmemory), or make room: python -m jobs clean --failed",
        )


def _evicts(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    server = snapshot.server
    if server.policy == "noeviction":
        return
    did = f"it has dropped {server.evicted} keys since it started" if server.evicted else "it has dropped none yet"
    yield Finding(
        "redis_evicts",
        "fail" if server.evicted else "warn",
        f"Redis drops keys when it is full (maxmemory-policy {server.policy}), accepted jobs among them; {did}",
        {"policy": server.policy, "evicted": server.evicted, "limit": server.limit},
        "Set maxmemory-policy to noeviction: a full Redis then refuses new jobs and loses none.",
    )


def _not_persistent(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    server = snapshot.server
    if server.persistent and not server.broken:
        return
    if server.persistent:
        what = f"Redis could not write to its disk the last time ({server.broken} is not ok)"
        remedy = "Look at the server's log, and at the room on its disk."
    else:
        what = "Redis keeps nothing on disk: neither an append-only file nor snapshots are on"
        remedy = "Turn its append-only file on (appendonly yes), on a disk that outlives it."
    yield Finding(
        "redis_not_persistent",
        "warn",
        f"{what}, so jobs are lost when it ends",
        {"persistent": server.persistent, "broken": server.broken},
        remedy,
    )


def _lost_data(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Processes remember the marker that was here before, and it is another; a failover keeps it."""
    told = [process.row for process in snapshot.processes if process.row.get("lost_marker")]
    told = [row for row in told if row.get("marker") == snapshot.marker]
    if not told:
        return
    before = max(told, key=lambda row: float(row.get("lost_at", 0.0)))["lost_marker"]
    alike = [row for row in told if row["lost_marker"] == before]
    until = max(float(row.get("lost_until", 0.0)) for row in alike)
    since = min(float(row.get("lost_at", 0.0)) for row in alike)
    if snapshot.now - since >= REMEMBERED:
        return
    other, why = _another(snapshot, alike)
    works = any(queue.heartbeat and (queue.heartbeat.back_at or 0.0) > since for queue in snapshot.queues)
    yield Finding(
        "redis_lost_data",
        "warn" if works else "fail",
        f"{other or 'Redis has lost its data'}: the marker was {before} until {clock(until)}, and is "
        f"{snapshot.marker}. Jobs that were accepted before are {'there' if other else 'gone'}; "
        f"{'new jobs run' if works else 'no heartbeat has come back since'}",
        {"before": before, "now": snapshot.marker, "processes": [row["id"] for row in alike]},
        f"{why} This is said for 24 h.",
        since,
    )


def _another(snapshot: Snapshot, told: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """That another server answers than before, if that is certain, and what to do. One that ran already when a process
    read another's run id cannot be that one, started again."""
    server, began = snapshot.server, snapshot.now - snapshot.server.uptime
    before = {row["server"]: row["started_at"] for row in told if row.get("server")}
    if server.run_id and before and server.run_id not in before and began < max(before.values()):
        known = ", ".join(sorted(before))
        return (
            f"Redis at this address is another server than before (run id {known}, now {server.run_id})",
            "Have REDIS_URL lead to the server before, or move its jobs: its name or a proxy leads elsewhere now.",
        )
    if server.run_id in before:
        return "", "Find out who ran FLUSHALL or FLUSHDB: the server is the same. Enqueue again what was lost."
    return "", (
        "Find out why: somebody ran FLUSHALL, the server started without its disk, or another server answers at this "
        "address. Enqueue again what was lost."
    )


def _fleeting(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.fleeting:
        yield Finding(
            "data_not_on_a_volume",
            "warn",
            f"The local Redis keeps its data in the container itself, in {snapshot.fleeting}: every job is gone at the "
            "next deploy",
            {"folder": snapshot.fleeting},
            "Put the folder (JOBS_FOLDER) on a volume, or set REDIS_URL to a Redis that outlives the container.",
        )


def _forbids(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """A process lives, and its user of Redis lacks a right."""
    for process in snapshot.processes:
        if process.alive and (forbidden := process.row.get("forbidden")):
            yield Finding(
                "redis_forbids",
                "warn",
                f"Redis forbids {process.id} to {forbidden}",
                {"worker": process.id, "forbidden": forbidden},
                f"{WORDS['permission'].remedy} docs/RIGHTS.md lists what each part needs.",
            )


CHECKS: tuple[Check, ...] = (_full, _evicts, _not_persistent, _lost_data, _fleeting, _forbids)
