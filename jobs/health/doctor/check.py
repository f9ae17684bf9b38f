"""What one check has found."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from jobs.health.diagnosis import Code, Finding

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of an examination: what is so, how that is known, and what to do about it if it should not be."""

    name: str
    level: Level
    says: str
    known: str = ""
    """How; empty where ``says`` tells it."""
    remedy: str = ""
    code: Code | None = None
    """The finding that it tells."""
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


def of_finding(name: str, finding: Finding) -> Check:
    """A finding, as a check of that name."""
    return Check(
        name, finding.severity, finding.summary, remedy=finding.remedy, code=finding.code, evidence=finding.evidence
    )
