"""From what is seen to what is wrong, in words. Pure: a snapshot in, findings out.

Rules are grouped by what they are about; each is a function from a snapshot to the findings of one or two codes.
"""

from jobs.health.diagnosis import agreement, elsewhere, processes, queues, server, work, workers
from jobs.health.diagnosis.finding import Check, Code, Finding, Limits, Severity
from jobs.health.snapshot import Snapshot

__all__ = ["Code", "Finding", "Limits", "Severity", "diagnose"]

CAUSES: tuple[Check, ...] = (
    *server.CHECKS,
    *elsewhere.CHECKS,
    *workers.CHECKS,
    *processes.CHECKS,
    *queues.CHECKS,
    *work.CHECKS,
    *agreement.CHECKS,
)
SYMPTOMS: tuple[Check, ...] = queues.SYMPTOMS
EXPLAIN: frozenset[Code] = frozenset(
    (
        "redis_full",
        "different_redis",
        "different_namespace",
        "no_worker",
        "worker_silent",
        "worker_suspended",
        "no_scheduler",
        "crash_loop",
        "foreign_worker",
        "all_slots_busy",
        "stuck_job",
        "serializer_mismatch",
    )
)
"""Where one of these is known, that heartbeats are late or jobs pile up is no news."""


def diagnose(snapshot: Snapshot, limits: Limits) -> list[Finding]:
    """Every finding, gravest first; an empty list means that nothing is known to be wrong.

    What follows from another finding is left out.
    """
    if blind := list(server.blind(snapshot)):
        return blind
    found = _all(CAUSES, snapshot, limits)
    if not EXPLAIN.intersection(finding.code for finding in found):
        found += _all(SYMPTOMS, snapshot, limits)
    return sorted(found, key=lambda finding: finding.severity != "fail")


def _all(checks: tuple[Check, ...], snapshot: Snapshot, limits: Limits) -> list[Finding]:
    return [finding for check in checks for finding in check(snapshot, limits)]
