"""Is anybody there to work, here, and in a state to?"""

from collections.abc import Iterator

from jobs.health.counts import counts
from jobs.health.diagnosis.elsewhere import is_proven, neighbours
from jobs.health.diagnosis.finding import (
    MISSED,
    Check,
    Finding,
    Limits,
    Severity,
    ago,
    count,
    listed,
    locked_out,
    sight,
)
from jobs.health.diagnosis.processes import crash_loops, wrong_roles
from jobs.health.snapshot import Process, Snapshot

FROZEN = "its connection to Redis is still open, so it is frozen, or cut off from the network"
KILLED = "its connection to Redis is gone, so it has been killed, and nobody has taken its place"
REDEPLOYED = 30.0
"""Who started so much later than another is of a later deploy, and takes its place; replicas start together."""


def _nobody(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """No worker works here: why, as far as it can be known."""
    if snapshot.alive("worker") or sight(snapshot, limits) < limits.settle:
        return
    last = last_worker(snapshot)
    if is_proven(snapshot) or any(crash_loops(snapshot)) or wrong_roles(snapshot, "worker"):
        return
    if snapshot.elsewhere and not last:
        yield neighbours(snapshot)
    elif frozen := [one for one in _missing(snapshot, limits) if one.id in snapshot.connected]:
        yield _silent(snapshot, frozen[0], "fail")
    elif not last or not _is_coming(snapshot, last, limits):
        yield _no_worker(snapshot, last)


def last_worker(snapshot: Snapshot) -> Process | None:
    """The worker that was seen last, if it ever was to work."""
    workers = (process for process in snapshot.processes if process.role == "worker")
    return max((one for one in workers if one.status != "standby"), key=lambda one: one.seen_at, default=None)


def _is_coming(snapshot: Snapshot, last: Process, limits: Limits) -> bool:
    """Does a worker start, or is the last one just being replaced?"""
    if last.status == "stopped":
        return snapshot.now - last.seen_at < limits.settle
    return last.alive and snapshot.now - last.started_at < limits.start


def _no_worker(snapshot: Snapshot, last: Process | None) -> Finding:
    if last is None:
        seen = "none has been seen here in 7 days"
    elif last.alive:
        seen = f"{last.id} has been starting for {ago(snapshot.now - last.started_at)} and is not ready"
        seen += f", but imports {module}" if (module := last.row.get("hangs_in", "")) else ""
    else:
        how = {"stopped": "stopped", "failed": "ended with an error"}.get(last.status, "was last seen")
        seen = f"the last one, {last.id}, {how} {ago(snapshot.now - last.seen_at)} ago"
    if idle := [process for process in snapshot.processes if process.alive and process.status == "standby"]:
        seen += f"; {count(len(idle), 'worker')} standing by, see: python -m jobs locks"
    if snapshot.answer and snapshot.answer.error:
        seen += f"; {snapshot.answer.url} could not be asked: {snapshot.answer.error}"
    pending = counts(snapshot.queues).pending
    return Finding(
        "no_worker",
        "fail",
        f"No worker is alive, so no job runs ({pending} pending); {seen}",
        {"pending": pending, "last_worker": last.id if last else None, "prefix": snapshot.prefix, "db": snapshot.db},
        locked_out(snapshot)
        or "Start one with: python -m jobs worker. If one should be running, read the end of its log.",
        last.seen_at if last else None,
    )


def _gone(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Others work, but one has gone without a word, and nobody has taken its place."""
    if snapshot.alive("worker") and sight(snapshot, limits) >= limits.settle and not any(crash_loops(snapshot)):
        for process in _missing(snapshot, limits):
            alone = [name for name in process.queues if not snapshot.serving(name)]
            yield _silent(snapshot, process, "fail" if alone else "warn")


def _missing(snapshot: Snapshot, limits: Limits) -> list[Process]:
    """Workers that have gone without a word lately, beyond those in whose place others have started since."""
    workers = sorted((one for one in snapshot.processes if one.role == "worker"), key=lambda one: one.started_at)
    heirs = list(workers)
    missing = []
    for lost in workers:
        absent = snapshot.now - lost.seen_at
        restarts = lost.status == "failed" and absent < limits.settle
        if lost.is_silent and absent < MISSED and not restarts:
            if heir := next((one for one in heirs if _replaces(one, lost)), None):
                heirs.remove(heir)
            else:
                missing.append(lost)
    return missing


def _replaces(new: Process, old: Process) -> bool:
    later = new.started_at > old.seen_at or new.started_at > old.started_at + REDEPLOYED
    return later and (new.status in ("standby", "starting") or new.queues == old.queues)


def _silent(snapshot: Snapshot, process: Process, severity: Severity) -> Finding:
    connected = process.id in snapshot.connected
    silence = ago(snapshot.now - process.seen_at)
    if process.status == "failed":
        how = f"ended with an error {silence} ago, and nobody has taken its place"
    else:
        how = f"has said nothing for {silence}: {FROZEN if connected else KILLED}"
    alone = [name for name in process.queues if not snapshot.serving(name)]
    nobody = f"; nobody else serves {listed(map(repr, alone))}" if alone else ""
    return Finding(
        "worker_silent",
        severity,
        f"Worker {process.id} {how}{nobody}",
        {
            "worker": process.id,
            "silence": round(snapshot.now - process.seen_at, 1),
            "connected": connected,
            "queues": alone,
        },
        f"Look at process {process.row.get('pid', '?')} on {process.row.get('host', '?')}: restart it. "
        "What it held is with others by now.",
        process.seen_at,
    )


def _suspended(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.suspended:
        yield Finding(
            "worker_suspended",
            "fail",
            f"All workers are suspended: somebody ran `rq suspend`; "
            f"{count(counts(snapshot.queues).pending, 'job')} pending",
            {"workers": len(snapshot.alive("worker"))},
            "Let them work again with: rq resume",
        )


def _foreign(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    ours = {name for process in snapshot.processes if process.alive for name in process.queues}
    for other in snapshot.foreign:
        if shared := sorted(ours.intersection(other.queues)):
            yield Finding(
                "foreign_worker",
                "fail",
                f"RQ's own worker {other.name} takes jobs from {listed(shared)}: it knows no lanes and no leases, "
                "so jobs may be lost, and run out of order",
                {"worker": other.name, "queues": shared},
                "Stop it, and start in its place: python -m jobs worker " + " ".join(shared),
            )


CHECKS: tuple[Check, ...] = (_nobody, _gone, _suspended, _foreign)
