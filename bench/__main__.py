"""``python -m bench [FIGURE…]``: measure, and print the table."""

import argparse
import signal
import sys
import time

from rich.console import Console

from bench import plot, report
from bench.figures import FIGURES
from bench.results import Row
from bench.stage import ROOT, BenchError, open_stage

PAGE = ROOT / "docs" / "PERFORMANCE.md"
PLOT = ROOT / "docs" / "performance.svg"


def main(arguments: list[str]) -> int:
    """Returns 1 when a figure is not reached, 2 when it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure ours and RQ in one run, in turns.")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="100,000 jobs queued in place of 1,000,000")
    parser.add_argument("--aof", action="store_true", help="with the server's append-only file on")
    parser.add_argument("--write", action="store_true", help="write docs/PERFORMANCE.md and docs/performance.svg")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.figures) - set(FIGURES)):
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    if options.write and options.figures:
        parser.error("--write is for a run of all figures")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    console = Console(stderr=True)
    try:
        rows, facts = _measure(options.figures or list(FIGURES), options.aof, options.quick, console)
    except BenchError as error:
        console.print(f"bench: {error}", style="red", markup=False)
        return 2
    report.show(rows, Console())
    if options.write:
        PAGE.parent.mkdir(exist_ok=True)
        report.write(rows, facts, list(FIGURES), PAGE, PLOT)
        PLOT.write_text(plot.svg(rows))
    return int(any(row.met is False for row in rows))


def _measure(figures: list[str], aof: bool, quick: bool, console: Console) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    with open_stage(aof=aof, quick=quick) as stage:
        facts = report.facts(stage, aof)
        console.print("\n".join(facts), style="dim", markup=False, highlight=False)
        for name in figures:
            began = time.monotonic()
            with console.status(f"measuring {name}"):
                rows += FIGURES[name](stage)
            console.print(f"{name} measured in {time.monotonic() - began:.0f} s", style="dim", highlight=False)
    return rows, facts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
