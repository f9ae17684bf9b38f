"""What a figure comes to: rounds of ours and of a rival, RQ as a rule, and what must be reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

RQ = "RQ"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    figure: str
    """Its name on the command line."""
    title: str
    unit: str
    ours: Sequence[float]
    """One value a round; the median counts."""
    theirs: Sequence[float] = ()
    """Empty where the rival has nothing of the kind."""
    less: bool = False
    """Less is better."""
    goal: "Goal | None" = None
    rival: str = RQ

    @property
    def is_peer(self) -> bool:
        """Against somebody else than the RQ that all other figures have."""
        return self.rival != RQ

    @property
    def value(self) -> float:
        return median(self.ours)

    @property
    def ratio(self) -> float | None:
        """How many times better than the rival."""
        if not self.theirs:
            return None
        return median(self.theirs) / self.value if self.less else self.value / median(self.theirs)

    @property
    def met(self) -> bool | None:
        return self.goal.met(self) if self.goal else None

    @property
    def cells(self) -> tuple[str, ...]:
        """Figure, ours, RQ, ratio, must reach, met: as text."""
        met = {None: "", True: "yes", False: "no"}[self.met]
        goal = self.goal.text if self.goal else "–"
        return self.title, self._shown(self.ours), self._shown(self.theirs), self._times(), goal, met

    @property
    def peer_cells(self) -> tuple[str, ...]:
        """Rival, its settings, what it does, how many times as much ours does: as text."""
        return self.rival, self.title, self._shown(self.theirs), self._times()

    @property
    def our_cells(self) -> tuple[str, ...]:
        """The same for ours."""
        return "Signalbox", "1 child, 10 threads", self._shown(self.ours), "–"

    def _times(self) -> str:
        return "–" if self.ratio is None else f"{number(self.ratio)} ×"

    def _shown(self, rounds: Sequence[float]) -> str:
        if not rounds:
            return "–"
        shown = f"{number(median(rounds))} {self.unit}"
        return shown if len(rounds) < 2 else f"{shown} ({number(min(rounds))} – {number(max(rounds))})"


@dataclass(frozen=True)
class Goal:
    """What must be reached."""

    text: str
    met: Callable[[Row], bool]
    times: float | None = None
    """The ratio to RQ, where it is one: drawn in the plot."""


def times(least: float) -> Goal:
    return Goal(f"≥ {least:g} × RQ", lambda row: row.ratio is not None and row.ratio >= least, least)


def at_least(least: float, unit: str) -> Goal:
    return Goal(f"≥ {least:,g} {unit}", lambda row: row.value >= least)


def at_most(most: float, unit: str) -> Goal:
    return Goal(f"≤ {most:,g} {unit}", lambda row: row.value <= most)


def of_baseline(least: float, what: str, baseline: Sequence[float]) -> Goal:
    """At least so many times what ``what`` did in the same rounds."""
    share = median(baseline)
    return Goal(f"≥ {least:g} × {what} ({number(share)})", lambda row: row.value >= least * share)


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
