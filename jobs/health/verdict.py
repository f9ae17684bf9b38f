"""The line in one sentence, and how it is known. Pure. It is clear only where a heartbeat really went round."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from jobs.health.diagnosis import Finding, Limits
from jobs.health.diagnosis.finding import count, listed
from jobs.health.snapshot import QueueView, Snapshot

State = Literal["pass", "warn", "fail", "unknown"]

WORDS: dict[State, str] = {
    "pass": "The line is clear",
    "warn": "The line is open, with warnings",
    "fail": "The line is blocked",
    "unknown": "Nothing is known to be wrong, and nothing is proven yet",
}


class Verdict(NamedTuple):
    """What is said of the line; ``unknown``: no finding, but no heartbeat has come back from every queue either."""

    state: State
    words: str
    evidence: str
    back_at: float | None
    """When the last heartbeat was back, in seconds since 1970."""


def verdict(snapshot: Snapshot, findings: Sequence[Finding], watched: Sequence[str], limits: Limits) -> Verdict:
    """The verdict on a look. ``watched`` are the queues that must be served; those that workers serve are as well."""
    severities = [finding.severity for finding in findings]
    back_at = max(filter(None, map(_back_at, snapshot.queues)), default=None)
    if severities:
        state: State = "fail" if "fail" in severities else "warn"
        return Verdict(state, WORDS[state], _counted(severities), back_at)
    if missing := _unproven(snapshot, watched, limits):
        evidence = f"No heartbeat has come back lately from {listed(missing)}"
        return Verdict("unknown", WORDS["unknown"], evidence, back_at)
    return Verdict("pass", WORDS["pass"], _proof(snapshot), back_at)


def _counted(severities: Sequence[str]) -> str:
    failures, warnings = severities.count("fail"), severities.count("warn")
    parts = [count(failures, "fault") if failures else "", count(warnings, "warning") if warnings else ""]
    return " and ".join(filter(None, parts))


def _unproven(snapshot: Snapshot, watched: Sequence[str], limits: Limits) -> list[str]:
    """The queues from which a heartbeat should be back, and is not."""
    served = {name for worker in snapshot.alive("worker") for name in worker.queues}
    back = {queue.name: queue.heartbeat.back_at for queue in snapshot.queues if queue.heartbeat}
    names = dict.fromkeys([*watched, *sorted(served)])
    return [name for name in names if snapshot.now - (back.get(name) or 0.0) > limits.late]


def _proof(snapshot: Snapshot) -> str:
    beaten = sorted((queue for queue in snapshot.queues if _back_at(queue)), key=_back_at)
    took = max((queue.heartbeat.took or 0.0 for queue in beaten if queue.heartbeat), default=0.0)
    through = f"{len(beaten)} queues, the slowest" if len(beaten) > 1 else listed(one.name for one in beaten)
    return f"Heartbeats go round web → Redis → worker through {through} in {took * 1000:.0f} ms"


def _back_at(queue: QueueView) -> float:
    return (queue.heartbeat.back_at if queue.heartbeat else None) or 0.0
