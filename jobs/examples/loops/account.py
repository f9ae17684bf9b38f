"""What the run amounts to: a pure function of what was written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

BACK = 10.0
"""Seconds past its silence limit by which a loop must be back."""
BEAT = 10.0
"""Seconds between two heartbeats of a process: one comes every 5, so none was missed below 10."""
SENT = 10.0
"""Seconds within which five messages in a row arrive."""


def longest_gap(times: Sequence[float]) -> float:
    """The longest time between two neighbours."""
    ordered = sorted(times)
    return max((later - earlier for earlier, later in pairwise(ordered)), default=0.0)


@dataclass(frozen=True)
class Account:
    """Times are seconds; moments are seconds since 1970 UTC."""

    cycles: Mapping[str, Sequence[float]]
    """By loop, when each of its cycles was done, with the beginning and the end of the watch."""
    silence: Mapping[str, float]
    beats: Sequence[float]
    """When the worker was heard of, with the beginning and the end of the watch."""
    sends: Sequence[float]
    """How long after the first was handed in each of five messages arrived."""
    lost: int
    freezes: int
    """Loops and processes that were found frozen, and started again."""
    uptime: float
    ended: int | None
    """The worker's exit code."""

    def broken(self) -> list[str]:
        """The figures that do not hold, in words; empty when all do."""
        found = [
            f"{name} was quiet for {longest_gap(times):.1f} s, longer than {self.silence[name] + BACK:g}"
            for name, times in self.cycles.items()
            if longest_gap(times) > self.silence[name] + BACK
        ]
        if longest_gap(self.beats) >= BEAT:
            found.append(f"a heartbeat was missed: none for {longest_gap(self.beats):.1f} s")
        if len(self.sends) < 5 or max(self.sends) >= SENT:
            last = max(self.sends, default=0.0)
            found.append(f"{len(self.sends)} of five messages arrived, the last after {last:.1f} s")
        if self.lost:
            found.append(f"{self.lost} messages never arrived")
        if self.freezes < 2:
            found.append(f"{self.freezes} freezes were found, and two were made")
        if self.ended != 0:
            found.append(f"the worker ended with code {self.ended}, and somebody would have had to start it again")
        return found
