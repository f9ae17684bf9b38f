"""What was measured, as ``component:measurement`` of draft-inadarei-api-health-check-06. Pure."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from jobs.health.diagnosis import Finding
from jobs.health.snapshot import Process, QueueView
from jobs.health.watch import View

Check = dict[str, Any]
Fits = Callable[[Finding], bool]


def checks(view: View, took: float) -> dict[str, list[Check]]:
    """Each thing measured, with the status that its findings give it. ``took`` is how many seconds the look took."""
    found: dict[str, list[Check]] = {}
    for name, check in _checks(view, took):
        found.setdefault(name, []).append({**check, "time": iso(view.snapshot.now)})
    return found


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checks(view: View, took: float) -> Iterator[tuple[str, Check]]:
    seen, findings = view.snapshot, view.findings
    yield "redis:responseTime", _check(findings, _begins("redis_"), round(took * 1000, 1), "ms", kind="datastore")
    if seen.error:
        return
    yield "worker:alive", _check(findings, _begins("no_worker", "worker_"), len(seen.alive("worker")), "workers")
    yield "scheduler:leader", _check(findings, _begins("no_scheduler"), seen.leader)
    for queue in seen.queues:
        yield from _of_queue(queue, seen.now, findings)
    for process in seen.processes:
        if process.alive:
            yield from _of_loops(process, findings)


def _of_queue(queue: QueueView, now: float, findings: list[Finding]) -> Iterator[tuple[str, Check]]:
    def fits(finding: Finding) -> bool:
        return finding.evidence.get("queue") == queue.name

    yield "queue:waiting", _check(findings, fits, queue.waiting, "jobs", of=queue.name)
    if queue.oldest_at:
        yield "queue:oldest", _check(findings, fits, round(now - queue.oldest_at, 1), "s", of=queue.name)
    if queue.heartbeat and queue.heartbeat.back_at:

        def is_late(finding: Finding) -> bool:
            return fits(finding) and finding.code == "heartbeat_late"

        yield "heartbeat:age", _check(findings, is_late, round(now - queue.heartbeat.back_at, 1), "s", of=queue.name)


def _of_loops(process: Process, findings: list[Finding]) -> Iterator[tuple[str, Check]]:
    for name, loop in process.row.get("loops", {}).items():

        def fits(finding: Finding, name: str = name) -> bool:
            return (finding.evidence.get("loop"), finding.evidence.get("process")) == (name, process.id)

        yield "loop:silence", _check(findings, fits, loop["last_ping_ago"], "s", of=f"{process.id}/{name}")


def _begins(*words: str) -> Fits:
    return lambda finding: finding.code.startswith(words)


def _check(
    findings: list[Finding], fits: Fits, value: Any, unit: str = "", *, of: str = "", kind: str = "component"
) -> Check:
    """One measurement; ``output``, where something is wrong with it, says what."""
    wrong = [finding for finding in findings if fits(finding)]
    return {
        **({"componentId": of} if of else {}),
        "componentType": kind,
        "observedValue": value,
        **({"observedUnit": unit} if unit else {}),
        "status": "fail" if any(one.severity == "fail" for one in wrong) else "warn" if wrong else "pass",
        **({"output": "; ".join(one.summary for one in wrong)} if wrong else {}),
    }
