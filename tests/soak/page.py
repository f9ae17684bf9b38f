"""docs/SOAK.md: what a soak has found, for people."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.report import COLUMNS, Report, merged
from tests.soak.runs import Outcome


@dataclass(frozen=True)
class Circumstances:
    """When, where and with what the soak was run."""

    date: str
    minutes: float
    seed: int
    versions: str


def machine() -> str:
    """Cores, processor and system of this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.release()}"


def page(found: dict[str, list[Outcome]], circumstances: Circumstances) -> str:
    """The report as Markdown."""
    reports = {name: merged([outcome.report for outcome in outcomes]) for name, outcomes in found.items()}
    faults = [f"* {name}: {fault}" for name, outcomes in found.items() for fault in faults_of(outcomes)]
    rounds = max(map(len, found.values()))
    return "\n".join(
        [
            "# Soak",
            "",
            "Written by `python -m tests.soak`: the scenarios of `tests/chaos` at full counts and default timing.",
            "Starts and ends are counted in a file outside Redis.",
            "",
            f"* {circumstances.date}, {circumstances.minutes:.0f} minutes, {rounds} rounds, seed {circumstances.seed}",
            f"* {machine()}",
            f"* {circumstances.versions}",
            "",
            _row(COLUMNS),
            _row(["---", *["---:"] * (len(COLUMNS) - 1)]),
            *(_row([name, *report.row()[1:]]) for name, report in reports.items()),
            _row(["**all**", *_total(list(reports.values()))]),
            "",
            *(faults or ["No fault was found."]),
            "",
        ]
    )


def faults_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Everything that speaks against the engine."""
    found = [fault for outcome in outcomes for fault in outcome.faults]
    for report in (outcome.report for outcome in outcomes):
        found += [f"{len(report.lost)} lost, such as {report.lost[0]}"] if report.lost else []
        found += [f"{report.duplicated} accepted twice"] if report.duplicated else []
        found += [f"left behind: {', '.join(report.leftovers)}"] if report.leftovers else []
    return found


def _total(reports: list[Report]) -> list[str]:
    lost = sum(len(report.lost) for report in reports)
    counts = [sum(getattr(report, name) for report in reports) for name in ("jobs", "kills", "duplicated", "refused")]
    seconds = sum(report.seconds for report in reports)
    return [*map(str, counts[:2]), str(lost), *map(str, counts[2:]), "", "", "", f"{seconds:.1f}"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
