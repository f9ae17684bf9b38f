"""Workers that work on other data than ours, and apps that put jobs in where no worker is."""

from collections.abc import Iterator
from itertools import groupby

from jobs.health.diagnosis.finding import Check, Finding, Limits, ago, count, ids
from jobs.health.snapshot import Elsewhere, Process, Snapshot, Stray

REMEDY = "Give web and worker the same REDIS_URL, its db number included, and the same RQ_KEY_PREFIX."


def neighbours(snapshot: Snapshot) -> Finding:
    """There is no worker here and never was, but there are some in another db or under another prefix."""
    places = sorted({_place(other) for other in snapshot.elsewhere})
    return Finding(
        "different_namespace",
        "fail",
        f"Here is db {snapshot.db}, prefix {snapshot.prefix}, and no worker; but workers on the same server "
        f"look at {'; '.join(places)}",
        {"here": {"db": snapshot.db, "prefix": snapshot.prefix}, "workers": [vars(o) for o in snapshot.elsewhere]},
        REMEDY,
    )


def _place(other: Elsewhere) -> str:
    return f"db {other.db}, prefix {other.prefix}"


def is_proven(snapshot: Snapshot) -> bool:
    """Has the worker been asked, and named other data than ours?"""
    answer = snapshot.answer
    return bool(answer and answer.marker and snapshot.marker and answer.marker != snapshot.marker)


def _elsewhere(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """The worker at ``WORKER_HEALTH_URL`` works on other data than ours: said by itself."""
    answer = snapshot.answer
    if not answer or not is_proven(snapshot):
        return
    row = answer.identity
    run_id = snapshot.server.run_id  # '' where the server may not be asked
    same_server = bool(row) and row.get("server") == run_id != ""
    what = (
        "another db or prefix of this server"
        if same_server
        else "another Redis"
        if run_id
        else "another Redis, db or prefix"
    )
    place = f" ({row['redis']}, prefix {row['prefix']})" if {"redis", "prefix"} <= row.keys() else ""
    yield Finding(
        "different_namespace" if same_server else "different_redis",
        "warn" if snapshot.alive("worker") else "fail",
        f"The worker at {answer.url} works on {what}{place}: it reads the marker {answer.marker}, and here, in db "
        f"{snapshot.db} under prefix {snapshot.prefix}, stands {snapshot.marker}",
        {"here": snapshot.marker, "there": answer.marker, "worker": row or None},
        REMEDY,
    )


def _moved(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Processes that stayed where a name led once: what is started now goes to another Redis."""
    stayed = [one for one in snapshot.processes if one.alive and one.row.get("moved")]
    if stayed:
        newest = stayed[-1].row
        yield Finding(
            "different_redis",
            "fail",
            f"The name in {newest.get('redis', 'REDIS_URL')} leads to another Redis now: {newest['moved']}. "
            f"{ids(stayed)} still work on the old one, with marker {snapshot.marker or 'none'}",
            {one.id: one.row["moved"] for one in stayed},
            "Restart these processes, or point the name back. Jobs that wait in the old Redis stay there.",
        )


def _astray(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Processes of ours put jobs in on this server where no worker is, while the workers are here."""
    workers = snapshot.alive("worker")
    ours = [one for one in snapshot.strays if _is_ours(one, snapshot) and _is_left(one, snapshot, limits)]
    for (db, prefix), group in groupby(ours if workers else (), lambda one: (one.db, one.prefix)):
        strays = list(group)
        last = strays[0].worker_at
        seen = "none has been seen there in 7 days" if last is None else f"the last was {ago(snapshot.now - last)} ago"
        yield Finding(
            "different_namespace",
            "fail",
            f"{ids(one.process for one in strays)} {'puts' if len(strays) == 1 else 'put'} jobs into db {db}, prefix "
            f"{prefix}, where no worker is ({count(strays[0].waiting, 'job')} waiting; {seen}); the workers are "
            f"here, in db {snapshot.db}, prefix {snapshot.prefix}",
            {
                "here": {"db": snapshot.db, "prefix": snapshot.prefix},
                "there": {"db": db, "prefix": prefix},
                "processes": [one.process.id for one in strays],
                "waiting": strays[0].waiting,
            },
            "Give what puts jobs in and the workers the same REDIS_URL, its db number included, and the same "
            "RQ_KEY_PREFIX.",
            min(one.process.started_at for one in strays),
        )


def _is_ours(stray: Stray, snapshot: Snapshot) -> bool:
    """Is it of the same deployment, and does a worker here know what it puts in? Else it is another project's."""
    workers = [one for one in snapshot.alive("worker") if _environment(one) == _environment(stray.process)]
    known = {name for one in workers for name in snapshot.knows.get(str(one.row["code"]), ())}
    return any(known.intersection(tasks) for tasks in stray.process.enqueues.values())


def _environment(process: Process) -> str:
    return str(process.row.get("environment", ""))


def _is_left(stray: Stray, snapshot: Snapshot, limits: Limits) -> bool:
    """Has no worker been there for so long that none is just being replaced?"""
    return stray.worker_at is None or snapshot.now - stray.worker_at >= limits.patience


CHECKS: tuple[Check, ...] = (_elsewhere, _moved, _astray)
