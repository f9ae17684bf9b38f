"""What one look cannot tell: how long Redis has been in sight, what was there before, and what has lasted."""

from dataclasses import replace

from jobs.health.diagnosis import Code, Finding, Limits, diagnose
from jobs.health.diagnosis.server import blind
from jobs.health.snapshot import Depth, Snapshot

HOLD: dict[Code, float] = {"no_scheduler": 3.0, "heartbeat_late": 3.0, "foreign_worker": 3.0}
"""Seconds for which these must have been seen: for a moment they are so when one hands over to another, or wakes."""
LOOKS = 60
"""Earlier looks that are kept, spread over the time that a trend needs."""


class Memory:
    """What one observer remembers of its looks. ``now`` is seconds on any clock that only grows."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._sight = now
        """Since when Redis has been in sight, and could be written to."""
        self._marker = ""
        """The data that was in sight."""
        self._past: tuple[Depth, ...] = ()
        self._first: dict[tuple[str, str], float] = {}
        """When each finding that holds was first seen."""

    def judge(self, seen: Snapshot, now: float) -> list[Finding]:
        """The findings of a look, in the light of those before it."""
        is_blind = any(blind(seen))
        if is_blind or (self._marker and self._marker != seen.marker):
            self._sight, self._past = now, ()
        if not is_blind:
            self._marker = seen.marker
            seen = replace(seen, past=self._past)
            self._remember(seen)
        found = {_key(one): one for one in diagnose(seen, replace(self._limits, uptime=now - self._sight))}
        self._first = {key: self._first.get(key, now) for key in found}
        return [one for key, one in found.items() if now - self._first[key] >= HOLD.get(one.code, 0.0)]

    def _remember(self, seen: Snapshot) -> None:
        window = self._limits.patience
        if self._past and seen.now - self._past[-1].at < window / LOOKS:
            return
        # One that is older than the window stays, so that the window is full.
        kept = [one for one in self._past if seen.now - one.at <= window]
        before = [one for one in self._past if window < seen.now - one.at <= 2 * window][-1:]
        depth = Depth(seen.now, {queue.name: queue.waiting for queue in seen.queues})
        self._past = (*before, *kept, depth)


def _key(finding: Finding) -> tuple[str, str]:
    """What makes two findings the same one: the code, and what it is about."""
    about = [str(finding.evidence.get(name, "")) for name in ("queue", "worker", "process", "loop", "job")]
    return finding.code, " ".join(about)
