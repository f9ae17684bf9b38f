"""An examination of one process's surroundings: its settings, its Redis, its platform, and the line.

Pure but for ``gather``: facts in, one check a line out. Nothing of the user's code is imported.
"""

from jobs.health.counts import counts
from jobs.health.diagnosis import Finding, Limits, diagnose
from jobs.health.diagnosis.finding import count
from jobs.health.doctor import platform, server, settings
from jobs.health.doctor.check import Check, of_finding
from jobs.health.doctor.facts import Facts

__all__ = ["Check", "Facts", "examine", "exit_code"]


def examine(facts: Facts) -> list[Check]:
    """Every check that could be made, in the order in which one would look."""
    findings = diagnose(facts.seen, _limits(facts)) if facts.seen else []
    checks = [*settings.checks(facts), *server.checks(facts, findings), *platform.checks(facts, findings)]
    told = {check.code for check in checks if check.code}
    rest = [of_finding(finding.code, finding) for finding in findings if finding.code not in told]
    return [*checks, *(rest or _clear(facts, findings))]


def exit_code(checks: list[Check]) -> int:
    """0: all is well; 1: there are warnings; 2: there are faults."""
    levels = {check.level for check in checks}
    return 2 if "fail" in levels else 1 if "warn" in levels else 0


def _limits(facts: Facts) -> Limits:
    assert facts.settings
    return Limits(facts.settings.heartbeat)


def _clear(facts: Facts, findings: list[Finding]) -> list[Check]:
    seen = facts.seen
    if seen is None or seen.error:
        return []
    pending = counts(seen.queues).pending
    said = f"{'no other' if findings else 'no'} finding; {count(len(seen.alive('worker')), 'worker')} alive, "
    said += f"{count(pending, 'job')} pending"
    if seen.server.uptime < _limits(facts).settle:
        said += f"; Redis has been up for {seen.server.uptime:.0f} s only, so who is missing cannot be told yet"
    return [Check("line", "ok", said)]
