"""Do the processes agree: on how jobs are written, on the code, on versions, on the time?"""

from collections.abc import Iterator
from typing import Any

from jobs.health.diagnosis.finding import Check, Finding, Limits, ago, listed
from jobs.health.snapshot import Process, Snapshot

KNOWN = {"json", "pickle"}
"""Serializers whose writing can be told by its first byte."""
ROLES = ("web", "worker", "scheduler")
SKEW = 5.0
"""Seconds."""


def _serializers(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    live = [p for role in (*ROLES, "app") for p in snapshot.alive(role) if snapshot.now - p.started_at >= limits.settle]
    used = {process.row["serializer"]: process for process in live}
    if len(used) > 1:
        yield _serializer(
            "Processes write and read jobs differently: "
            + ", ".join(f"{process.id} uses {name}" for name, process in sorted(used.items())),
            {"serializers": {process.id: process.row["serializer"] for process in live}},
        )
        return
    for queue in snapshot.queues:
        workers = snapshot.serving(queue.name)
        readers = {process.row["serializer"] for process in workers}
        if any(process.row.get("reads_pickle") for process in workers):
            readers.add("pickle")
        refused = queue.refused
        if queue.head_format and readers and readers <= KNOWN and queue.head_format not in readers:
            yield _serializer(
                f"The first job of '{queue.name}', {queue.waiting_ids[0]}, is {queue.head_format}, "
                f"but its workers read {', '.join(sorted(readers))}: it will fail",
                {"queue": queue.name, "job": queue.waiting_ids[0], "format": queue.head_format},
                queue.oldest_at,
            )
        elif refused and refused.kind == "DeserializationError" and refused.is_of(workers):
            yield _serializer(
                f"Job {refused.job} of '{queue.name}' failed {ago(snapshot.now - refused.at)} ago, because its worker "
                f"could not read it: {refused.why}",
                {"queue": queue.name, "job": refused.job},
                refused.at,
            )


def _serializer(summary: str, evidence: dict[str, Any], since: float | None = None) -> Finding:
    return Finding(
        "serializer_mismatch",
        "fail",
        summary,
        evidence,
        "Give every process the same JOBS_SERIALIZER, and plain RQ enqueuers serializer='json'. "
        "Jobs that failed of it are gone with: python -m jobs dead delete",
        since,
    )


def _code(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Web and worker, each by its newest process: the older ones are on their way out."""
    both = [one for role in ("web", "worker") if (one := _newest(snapshot, role))]
    if len(both) < 2:
        return
    since = max(process.started_at for process in both)
    age = snapshot.now - since
    tasks = _differ(both, "code")
    commits = _differ(both, "commit") and all(process.row["commit"] for process in both)
    if (tasks and age >= limits.settle) or (commits and age >= limits.deploy):
        what = "do not know the same tasks" if tasks else "are of different commits"
        yield Finding(
            "code_mismatch",
            "warn",
            f"Web and worker {what}: "
            + ", ".join(
                f"{p.id} has {p.row['tasks']} ({p.row['code']}, commit {p.row['commit'] or '?'})" for p in both
            ),
            {
                "processes": {
                    p.id: {"code": p.row["code"], "tasks": p.row["tasks"], "commit": p.row["commit"]} for p in both
                }
            },
            "Deploy the same commit to both, with the same JOBS_TASKS.",
            since,
        )


def _tasks(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """An app puts in what no worker of the queue knows. The other tasks that it knows are its own affair."""
    for app in snapshot.alive("app"):
        if snapshot.now - app.started_at < limits.settle:
            continue
        for queue, tasks in app.enqueues.items():
            workers = snapshot.serving(queue)
            if not workers or not all(_says_what_it_knows(one, snapshot) for one in workers):
                continue
            known = {name for one in workers for name in snapshot.knows[one.row["code"]]}
            known |= {one.task for one in snapshot.parked}  # of these is told by their jobs
            if unknown := [name for name in tasks if name not in known]:
                yield Finding(
                    "unknown_task",
                    "warn",
                    f"{app.id} puts {listed(unknown)} into '{queue}', and no worker of it knows "
                    f"{'that task' if len(unknown) == 1 else 'these tasks'}",
                    {"queue": queue, "process": app.id, "tasks": unknown},
                    "Name the tasks' module in the worker's JOBS_TASKS, or deploy the code that has them.",
                    app.started_at,
                )


def _says_what_it_knows(worker: Process, snapshot: Snapshot) -> bool:
    return worker.row["code"] in snapshot.knows and worker.row.get("allow") != "any"


def _versions(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    newest = [one for role in ROLES if (one := _newest(snapshot, role))]
    if any(snapshot.now - process.started_at < limits.settle for process in newest):
        return
    differ = [name for name in ("rq", "redis", "python") if len({_version(process, name) for process in newest}) > 1]
    if differ:
        yield Finding(
            "version_mismatch",
            "warn",
            "Processes run different versions: "
            + ", ".join(f"{p.id} has {', '.join(f'{name} {_version(p, name)}' for name in differ)}" for p in newest),
            {"processes": {p.id: p.row.get("versions", {}) for p in newest}},
            "Deploy both from the same requirements.txt, on the same Python.",
            max(process.started_at for process in newest),
        )


def _version(process: Process, name: str) -> str:
    """Its first two numbers, which say what can be read by whom; '' where it is not told."""
    return ".".join(str(process.row.get("versions", {}).get(name, "")).split(".")[:2])


def _clock_skew(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    offsets = [(one.id, float(one.row.get("clock_offset", 0.0))) for one in snapshot.processes if one.alive]
    if wrong := [(name, offset) for name, offset in offsets if abs(offset) > SKEW]:
        said = (f"{name} is {ago(abs(offset))} {'ahead' if offset > 0 else 'behind'}" for name, offset in wrong)
        yield Finding(
            "clock_skew",
            "warn",
            f"Clocks differ from the server's: {listed(said)}. Order and leases do not, but times that are shown, and "
            "delays that are counted there, are wrong",
            {"processes": dict(wrong)},
            "Set the clock of that machine (NTP), or of the server's, if all are wrong alike.",
        )


def _newest(snapshot: Snapshot, role: str) -> Process | None:
    """The one that started last; the others may be on their way out."""
    return max((p for p in snapshot.alive(role) if p.row["code"]), key=lambda p: p.started_at, default=None)


def _differ(processes: list[Process], name: str) -> bool:
    return len({process.row[name] for process in processes}) > 1


CHECKS: tuple[Check, ...] = (_serializers, _code, _tasks, _versions, _clock_skew)
