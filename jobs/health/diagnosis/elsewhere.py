"""Workers that work on other data than ours."""

from collections.abc import Iterator

from jobs.health.diagnosis.finding import Check, Finding, Limits, ids
from jobs.health.snapshot import Elsewhere, Snapshot

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


CHECKS: tuple[Check, ...] = (_elsewhere, _moved)
