"""The tour: every fault is built, broken, named and repaired; told in order, whichever is done first."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from jobs.errors import SignalboxError
from jobs.examples.isolation.faults import GROUPS, QUICK, Fault
from jobs.examples.isolation.line import HEARTBEAT, Line
from jobs.health.diagnosis import Code, Finding

AT_ONCE = 5
"""Lines at once: most of the time is waiting until silence is long enough to be one."""
MARKS = {"warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}


class Told(NamedTuple):
    """What was said of a fault."""

    finding: Finding
    named: float
    """Seconds after the deed in which it was said."""
    gone: float
    """Seconds after the repair in which nothing was said any more."""


def run(quick: bool) -> int:
    """Show them all; 0 when each was named, and its name gone again."""
    console = Console(highlight=False)
    groups = QUICK if quick else GROUPS
    console.print(
        f"{sum(map(len, groups))} faults, on servers of their own. Heartbeats come each {HEARTBEAT:g} s here, "
        "and each 15 s as a rule: some verdicts take longer there.",
        style="dim",
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as Ctrl-C: with nothing left
    began, over = time.monotonic(), threading.Event()
    with tempfile.TemporaryDirectory(prefix="isolation-") as folder, ThreadPoolExecutor(AT_ONCE) as threads:
        tales: list[tuple[Fault, Future[Told]]] = []
        for number, group in enumerate(groups):
            futures: list[Future[Told]] = [Future() for _ in group]
            threads.submit(_tour, group, futures, Path(folder, str(number)), over)
            tales += zip(group, futures, strict=True)
        try:
            told = [_show(console, fault, future) for fault, future in tales]
        finally:
            over.set()
    well = [one for one in told if one]
    named = max((one.named for one in well), default=0.0)
    gone = max((one.gone for one in well), default=0.0)
    console.print(
        f"\n{len(well)} of {len(told)} faults were named, each within {named:.1f} s, and gone within {gone:.1f} s of "
        f"the repair; {time.monotonic() - began:.0f} s in all"
    )
    return 0 if len(well) == len(told) else 1


def _tour(group: Sequence[Fault], futures: Sequence[Future[Told]], folder: Path, over: threading.Event) -> None:
    """Play the faults of a group, one after the other; what goes wrong is told of all that are left."""
    folder.mkdir()
    try:
        with closing(Line(folder, over)) as line:
            for fault, future in zip(group, futures, strict=True):
                future.set_result(_play(line, fault))
    except Exception as error:
        for future in futures:
            if not future.done():
                future.set_exception(error)


def _play(line: Line, fault: Fault) -> Told:
    steps = fault.steps(line)
    next(steps)
    line.wait(lambda: not _of(line, fault.code), "the line to be well")
    next(steps)
    broken = time.monotonic()
    finding = line.wait(lambda: _of(line, fault.code), f"the verdict {fault.code}")
    named = time.monotonic()
    next(steps, None)
    repaired = time.monotonic()
    line.wait(lambda: not line.findings(), f"nothing to be wrong, after {fault.code}")
    return Told(finding, named - broken, time.monotonic() - repaired)


def _of(line: Line, code: Code) -> Finding | None:
    return next((one for one in line.findings() if one.code == code), None)


def _show(console: Console, fault: Fault, future: "Future[Told]") -> Told | None:
    console.print(f"\n[bold]{escape(fault.deed)}[/bold]")
    try:
        told = future.result()
    except SignalboxError as error:
        console.print(f"  [red]{fault.code} was not shown:[/red] {escape(str(error))}")
        return None
    finding = told.finding
    for indent, text in (
        (2, f"{MARKS[finding.severity]} {fault.code}: {escape(finding.summary)} [dim]({told.named:.1f} s)[/dim]"),
        (4, f"[dim]What to do:[/dim] {escape(finding.remedy)}"),
        (2, f"[green]✓[/green] {escape(fault.repair)}: nothing is wrong [dim]({told.gone:.1f} s)[/dim]"),
    ):
        console.print(Padding(Text.from_markup(text), (0, 0, 0, indent), expand=False))
    return told
