"""``python -m bench [FIGURE…]``: measure, and print the table. ``python -m bench setup``: install who else plays."""

import argparse
import signal
import sys
import time

from rich.console import Console

from bench import plot, report
from bench.environments import setup
from bench.figures import FIGURES
from bench.results import Row
from bench.rivals import PEERS
from bench.stage import ROOT, BenchError, open_stage

DOCS = ROOT / "docs"
SETUP = "setup"


def main(arguments: list[str]) -> int:
    """Returns 1 when a figure is not reached, 2 when it could not be measured, or not all could be installed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure ours, RQ and peers in one run, in turns."
    )
    parser.add_argument(
        "figures",
        nargs="*",
        metavar="FIGURE",
        help=f"of {', '.join(FIGURES)}; default: all. {SETUP}, alone, installs peers and a plotting library in .bench/",
    )
    parser.add_argument(
        "--quick", action="store_true", help="100,000 jobs queued in place of 1,000,000; fewer for peers"
    )
    parser.add_argument("--aof", action="store_true", help="with the server's append-only file on")
    parser.add_argument("--write", action="store_true", help="write docs/PERFORMANCE.md and its plots")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    if options.figures == [SETUP]:
        return _setup(console)
    if unknown := sorted(set(options.figures) - set(FIGURES)):
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    if options.write and options.figures:
        parser.error("--write is for a run of all figures")
    try:
        if options.write and not plot.ENVIRONMENT.ready:
            raise BenchError("--write draws with a library of its own: run `python -m bench setup` first")
        rows, facts = _measure(options.figures or list(FIGURES), options.aof, options.quick, console)
        report.show(rows, Console())
        if options.write:
            _write(rows, facts)
    except BenchError as error:
        console.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
        return 2
    return int(any(row.met is False for row in rows))


def _setup(console: Console) -> int:
    environments = [*(peer.environment for peer in PEERS if peer.environment), plot.ENVIRONMENT]

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    with console.status("installing"):
        return 0 if setup(environments, say) else 2


def _write(rows: list[Row], facts: list[str]) -> None:
    charts = plot.charts(rows)
    DOCS.mkdir(exist_ok=True)
    for name, chart in charts.items():
        (DOCS / name).write_text(plot.draw(chart))
    (DOCS / "PERFORMANCE.md").write_text(report.page(rows, facts, list(FIGURES), list(charts)))


def _measure(figures: list[str], aof: bool, quick: bool, console: Console) -> tuple[list[Row], list[str]]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    rows: list[Row] = []
    with open_stage(aof=aof, quick=quick) as stage:
        facts = report.facts(stage, aof)
        console.print("\n".join(facts), style="dim", markup=False, highlight=False, soft_wrap=True)
        for name in figures:
            began = time.monotonic()
            with console.status(f"measuring {name}"):
                rows += FIGURES[name](stage)
            console.print(f"{name} measured in {time.monotonic() - began:.0f} s", style="dim", highlight=False)
    return rows, facts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
