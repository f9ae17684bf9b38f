"""What the platform does to a process: how long it waits for its end, and what it was told to run."""

from collections.abc import Iterator, Sequence

from jobs.health.diagnosis import Finding
from jobs.health.doctor.check import Check, of_finding
from jobs.health.doctor.facts import Facts
from jobs.settings import DRAINING, Settings


def checks(facts: Facts, findings: Sequence[Finding]) -> Iterator[Check]:
    """Of Railway by its variables, which are what it does; its health-check path and restarts are seen only there."""
    if facts.settings is None:
        return
    if facts.settings.platform == "Railway":
        yield _draining(facts.settings)
        yield _role(facts, facts.settings, findings)
    elif facts.settings.platform:
        yield Check("platform", "ok", facts.settings.platform)
    if facts.railway_file:
        # https://docs.railway.com/infrastructure-as-code, "IaC vs Config as Code"
        said = "Railway does not read this file from 2026-12-01 on; variables and the service's settings count"
        yield Check("railway.json", "ok", said)


def _draining(settings: Settings) -> Check:
    """Railway waits for what the variable says, 0 s where it is not set (docs.railway.com/variables/reference)."""
    waits = settings.draining
    if waits is None:
        return _cut(f"Railway kills what runs at once when it deploys: {DRAINING} is not set, and then it waits 0 s")
    if waits <= settings.grace:
        return _cut(f"Railway waits {waits:g} s, and parts take up to {settings.grace:g} s to end (JOBS_GRACE)")
    return Check("draining", "ok", f"Railway waits {waits:g} s for a process to end")


def _cut(says: str) -> Check:
    remedy = f"Set {DRAINING} on each service to 15 or more."
    return Check("draining", "warn", says, remedy=remedy, code="draining_too_short")


def _role(facts: Facts, settings: Settings, findings: Sequence[Finding]) -> Check:
    """What the service was told to run beside what runs in it."""
    if wrong := next((finding for finding in findings if finding.code == "wrong_role"), None):
        return of_finding("role", wrong)
    seen = facts.seen.processes if facts.seen else ()
    here = [one.id for one in seen if one.alive and settings.service and one.row.get("service") == settings.service]
    runs = ", ".join(here[:5]) or "nothing that has said so yet"
    return Check("role", "ok", f"JOBS_ROLE is {settings.role}; service {settings.service or '?'} runs {runs}")
