"""The processes as such: do they stay up, are they left time to end, does somebody lead?"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from jobs.health.diagnosis.finding import Check, Finding, Limits, ago, count, ids, sight
from jobs.health.snapshot import Process, Snapshot

LOOP_START, LOOP_SLACK = 30.0, 10.0
UNANSWERED = 3.0
"""Seconds without a tick, which comes each second, after which no keeper can be about to take the lead."""
CRASHES = 4
BRIEF, STEADY, LATELY = 30.0, 10.0, 300.0
"""A life that is too short, one that makes up for those before it, and what counts as now, in seconds."""


def crash_loops(snapshot: Snapshot) -> Iterator[Finding]:
    """Processes that die as soon as they are started, again and again."""
    for process in snapshot.processes:
        if process.alive and (crashes := int(process.row.get("crashes", 0))) >= CRASHES:
            module = process.row.get("fails_in", "")
            yield Finding(
                "crash_loop",
                "fail",
                f"The children of {process.id} die as soon as they are started, {crashes} times in a row"
                + (f", while they import {module}" if module else ""),
                {"process": process.id, "crashes": crashes, "module": module or None},
                "Read that worker's log: what it says before each end is why. A deploy of the code before helps.",
            )
    for rows in _by_place(snapshot.processes):
        lives = _in_a_row(rows, snapshot.now)
        newest = rows[-1]
        if len(lives) >= CRASHES and not (newest.alive and newest.seen_at - newest.started_at >= STEADY):
            yield Finding(
                "crash_loop",
                "fail",
                f"The {newest.role} on {newest.row.get('host', '?')} dies as soon as it is started, {len(lives)} times "
                f"in {ago(snapshot.now - lives[0].started_at)}; the last was {newest.id}",
                {"processes": [process.id for process in lives]},
                "Read the end of its log: what it says before each end is why. A deploy of the code before helps.",
                lives[0].started_at,
            )


def _by_place(processes: Iterable[Process]) -> Iterator[list[Process]]:
    """The rows of each place that a process is started again in, the oldest first."""

    def place(process: Process) -> tuple[str, ...]:
        return (process.role, *(str(process.row.get(name, "")) for name in ("host", "service", "replica", "type")))

    ours = [process for process in processes if process.role != "app"]  # scripts come and go, and web servers' children
    for _, rows in groupby(sorted(ours, key=place), place):
        yield sorted(rows, key=lambda process: process.started_at)


def _in_a_row(rows: Sequence[Process], now: float) -> list[Process]:
    """Those that ended without a word soon after they had started, each after the one before; not the newest."""
    found: list[Process] = []
    for process in rows[:-1]:
        brief = process.status != "stopped" and process.seen_at - process.started_at < BRIEF
        if brief and now - process.started_at < LATELY and (not found or process.started_at > found[-1].seen_at):
            found.append(process)
    return found if found and rows[-1].started_at > found[-1].seen_at else []


def _crash_loop(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    yield from crash_loops(snapshot)


def _import_hangs(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """A child imports and imports: its module serves, waits or computes where it should only define."""
    for process in snapshot.processes:
        if process.alive and (module := process.row.get("hangs_in", "")):
            took = float(process.row.get("hangs_for", 0.0))
            yield Finding(
                "import_hangs",
                "warn",
                f"A child of {process.id} has been importing {module} for {ago(took)}, and runs no job before",
                {"process": process.id, "module": module, "seconds": took},
                f"Let {module} only define tasks: what serves, waits or loops belongs under "
                'if __name__ == "__main__": or into a function.',
                snapshot.now - took,
            )


def _draining(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Only Railway ends a service at once unless it is told to wait."""
    cut = [
        process
        for process in snapshot.alive("worker")
        if process.row.get("platform") == "Railway"
        and (process.row.get("draining") or 0.0) <= float(process.row.get("grace", 0.0))
    ]
    if cut:
        given = cut[0].row.get("draining")
        said = (
            "RAILWAY_DEPLOYMENT_DRAINING_SECONDS is not set, and then it waits 0 s"
            if given is None
            else (f"it waits {given:g} s, and they take up to {float(cut[0].row['grace']):g} s")
        )
        yield Finding(
            "draining_too_short",
            "warn",
            f"Railway kills {ids(cut)} at each deploy before they can end: {said}; what runs then runs again",
            {"workers": [process.id for process in cut], "draining": given},
            "Set the variable RAILWAY_DEPLOYMENT_DRAINING_SECONDS of that service to 15 or more.",
        )


RUNS = {"web": ("web",), "worker": ("worker", "loops"), "scheduler": ("scheduler",)}
"""The roles of the processes that each ``JOBS_ROLE`` asks for; a combo runs them all."""


def wrong_roles(snapshot: Snapshot, role: str = "") -> list[Process]:
    """The living processes that run something else than ``JOBS_ROLE`` asks for: of that role, or of any."""
    ours = {name for names in RUNS.values() for name in names}
    return [
        process
        for process in snapshot.processes
        if process.alive
        and process.role in ours
        and process.role not in RUNS.get(asked := process.row.get("jobs_role", ""), ours)
        and role in ("", asked)
    ]


def _wrong_role(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """A service was told by ``JOBS_ROLE`` what to be, and its start command is another's."""
    wrong = wrong_roles(snapshot)
    for asked in sorted({process.row["jobs_role"] for process in wrong}):
        found = [process for process in wrong if process.row["jobs_role"] == asked]
        service = found[0].row.get("service")
        yield Finding(
            "wrong_role",
            "warn" if snapshot.alive(asked) else "fail",
            f"JOBS_ROLE is {asked}, but {ids(found)}{f' of service {service}' if service else ''} "
            f"{'runs' if len(found) == 1 else 'run'} {found[0].role}",
            {"processes": [process.id for process in found], "jobs_role": asked},
            "Start that service with: exec python -m jobs start. On Railway that is deploy.startCommand in "
            "railpack.json, and a start command in the service's settings takes its place.",
            min(process.started_at for process in found),
        )


def _no_scheduler(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.leader or snapshot.now - snapshot.ticked < UNANSWERED or sight(snapshot, limits) < limits.settle:
        return
    ended = [one for one in snapshot.processes if one.role == "scheduler" and not one.alive]
    if not snapshot.alive("worker") and not ended:
        return  # a worker would lead: that there is none is said elsewhere
    last = f"; the last one, {ended[0].id}, was seen {ago(snapshot.now - ended[0].seen_at)} ago" if ended else ""
    yield Finding(
        "no_scheduler",
        "fail",
        f"No scheduler leads: delayed jobs, retries, schedules and heartbeats wait{last}",
        {
            "scheduled": sum(queue.scheduled + queue.retrying for queue in snapshot.queues),
            **({"process": ended[0].id} if ended else {}),
        },
        "Start a worker, which schedules when nobody else does, or: python -m jobs scheduler",
        ended[0].seen_at if ended else None,
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
                    f"Loop '{name}' of {process.id} has said nothing for {ago(loop['last_ping_ago'])}, and may be "
                    f"silent for {ago(loop['max_silence'])}; started again {count(loop['restarts'], 'time')}",
                    {"loop": name, "process": process.id, **loop},
                    "Read that worker's log: it says what its loops do, and why one was ended. Then restart it.",
                    snapshot.now - loop["last_ping_ago"],
                )


CHECKS: tuple[Check, ...] = (_crash_loop, _import_hangs, _draining, _wrong_role, _no_scheduler, _loop_silent)
