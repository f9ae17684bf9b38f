"""``python -m bench.against CHECKOUT [FIGURE…]``: this checkout and another in turns, and what the ratios come to."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.stage import ROOT
from bench.turn import FIGURES, LESS

TURN = ROOT / "bench" / "turn.py"
INTERVALS = {15: 4, 16: 4, 17: 5, 18: 5, 19: 5, 20: 6, 21: 6, 22: 6, 23: 7, 24: 7, 25: 8}
"""By pairs: the k-th smallest and the k-th largest ratio hold the true median between them, at 95 % or more. From the
binomial distribution; see Conover, "Practical Nonparametric Statistics" (1999), 3.2."""


def main(arguments: Sequence[str]) -> int:
    """Print a line a figure; returns 1 where a median ratio is below the floor."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("checkout", type=Path, help="the folder of the other one")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--pairs", type=int, default=15, choices=INTERVALS, help="default: 15")
    parser.add_argument("--floor", type=float, default=0.98, help="default: 0.98")
    options = parser.parse_args(arguments)
    below = 0
    for figure in options.figures or FIGURES:
        ratios = sorted(_ratio(figure, options.checkout, first=number % 2) for number in range(options.pairs))
        at = INTERVALS[options.pairs]
        found = median(ratios)
        below += found < options.floor
        print(
            f"{figure}: {found:.3f} x (95 %: {ratios[at - 1]:.3f} to {ratios[-at]:.3f}; {options.pairs} pairs, "
            f"{ratios[0]:.3f} to {ratios[-1]:.3f})",
            flush=True,
        )
    return int(below > 0)


def _ratio(figure: str, checkout: Path, first: int) -> float:
    """How many times better this checkout is than the other in one turn of each."""
    folders = (ROOT, checkout) if first else (checkout, ROOT)
    found = {folder: _turn(figure, folder) for folder in folders}
    ratio = found[ROOT] / found[checkout]
    return 1 / ratio if figure in LESS else ratio


def _turn(figure: str, folder: Path) -> float:
    command = (sys.executable, str(TURN), figure)
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": ""}, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
