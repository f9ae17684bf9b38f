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
