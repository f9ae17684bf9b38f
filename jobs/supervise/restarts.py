"""When a part that ended is started again: a pure function of when it ended before."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """At most ``limit`` restarts within ``window`` seconds, after 1, 2, 4 … s, at most ``cap``."""

    limit: int = 5
    window: float = 60.0
    first: float = 1.0
    cap: float = 16.0

    def delay(self, ends: Sequence[float], now: float) -> float | None:
        """Seconds to wait before the next start, or None when the part has died for good.

        ``ends`` are the times it ended, the latest included.
        """
        recent = sum(1 for end in ends if now - end < self.window)
        if recent > self.limit:
            return None
        return min(self.cap, self.first * 2.0 ** (recent - 1))


@dataclass(frozen=True)
class Backoff:
    """After 1, 2, 4 … s, at most ``cap``. A run of ``stable`` seconds makes up for all failures before it."""

    limit: int = 5
    """Restarts in a row after which the part is in a crash loop."""
    stable: float = 30.0
    first: float = 1.0
    cap: float = 16.0

    def failures(self, before: int, uptime: float) -> int:
        """Failures in a row, once a part that had failed ``before`` times has ended after ``uptime`` seconds."""
        return 1 if uptime >= self.stable else before + 1

    def delay(self, failures: int) -> float:
        """Seconds to wait before the next start."""
        return min(self.cap, self.first * 2.0 ** min(failures - 1, 64))

    def is_loop(self, failures: int) -> bool:
        """Has it failed so often in a row that another start is no use?"""
        return failures > self.limit
