"""What came of one scenario, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

COLUMNS = (
    *("scenario", "jobs", "kills", "lost", "duplicated accepted completions", "refused late results"),
    *("recovery p50 (s)", "p95", "max", "seconds"),
)


@dataclass
class Report:
    """Counts of one scenario; ``recoveries`` are seconds from each kill until what it interrupted ran again."""

    scenario: str
    seed: int
    jobs: int
    kills: int
    lost: list[str]
    """Accepted jobs that never ended, or whose end was never written down, and that were not to fail."""
    duplicated: int
    """Completions that were accepted beyond the first of each job."""
    refused: int
    """Late results that a worker was told are another's by now."""
    seconds: float
    starts: dict[str, int]
    """How often each job started."""
    charged: dict[str, int]
    """Jobs that were charged with interruptions, and with how many."""
    leftovers: list[str]
    """Keys that hold jobs although nothing is left to do."""
    recoveries: list[float] = field(default_factory=list)

    def recovery(self, percent: int) -> float:
        return percentile(self.recoveries, percent)

    def row(self) -> tuple[str, ...]:
        """As in ``COLUMNS``."""
        times = (f"{self.recovery(p):.2f}" if self.recoveries else "–" for p in (50, 95, 100))
        counts = (self.jobs, self.kills, len(self.lost), self.duplicated, self.refused)
        return (self.scenario, *map(str, counts), *times, f"{self.seconds:.1f}")

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {value}" for name, value in zip(COLUMNS[1:], self.row()[1:], strict=True))
        again = sum(max(0, count - 1) for count in self.starts.values())
        return f"{self.scenario} (seed {self.seed}): {counts}, started again {again}"

    def assert_kept(self) -> None:
        """Nothing lost, nothing accepted twice, nothing left behind."""
        assert not self.lost, f"{self}; lost: {self.lost[:10]}"
        assert self.duplicated == 0, str(self)
        assert not self.leftovers, f"{self}; left behind: {self.leftovers}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed; 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def merged(reports: Sequence[Report]) -> Report:
    """Several runs of one scenario as one."""
    first = reports[0]
    return Report(
        scenario=first.scenario,
        seed=first.seed,
        jobs=sum(one.jobs for one in reports),
        kills=sum(one.kills for one in reports),
        lost=[job_id for one in reports for job_id in one.lost],
        duplicated=sum(one.duplicated for one in reports),
        refused=sum(one.refused for one in reports),
        seconds=sum(one.seconds for one in reports),
        starts={},
        charged={},
        leftovers=[key for one in reports for key in one.leftovers],
        recoveries=[seconds for one in reports for seconds in one.recoveries],
    )
