"""The drawings of docs/PERFORMANCE.md: what is in them. ``bench.draw`` draws, in an environment with a library."""

import json
import subprocess
from statistics import median
from typing import Any

from bench.environments import Environment
from bench.results import Row, number
from bench.stage import ROOT, BenchError

ENVIRONMENT = Environment("plot", ("-m", "bench.draw"), ROOT / "bench" / "plot.txt")
OURS, THEIRS, SHORT = "ours", "theirs", "short"


def charts(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """By the name of the file: jobs a second of everybody, and how many times better than RQ each figure is."""
    return {
        "performance.svg": {
            "title": "No-op jobs a second, each result kept (more is better)",
            "logarithmic": False,
            "bars": _speeds([row for row in rows if row.is_peer]),
        },
        "performance-rq.svg": {
            "title": "How many times better than RQ's SimpleWorker (logarithmic)",
            "logarithmic": True,
            "bars": [_ratio(row, row.ratio) for row in rows if row.ratio and not row.is_peer],
        },
    }


def draw(chart: dict[str, Any]) -> str:
    """As an SVG. Raises ``BenchError`` when it cannot be drawn."""
    done = subprocess.run(
        ENVIRONMENT.command(), cwd=ROOT, input=json.dumps(chart), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"bench.draw ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def _speeds(rows: list[Row]) -> list[dict[str, Any]]:
    bars = [_bar(row.rival, median(row.theirs), "", THEIRS) for row in rows]
    bars += [_bar("Signalbox", row.value, "", OURS) for row in rows[:1]]
    return sorted(bars, key=lambda bar: -bar["value"])


def _ratio(row: Row, ratio: float) -> dict[str, Any]:
    return _bar(row.title, ratio, " ×", SHORT if ratio < 1 or row.met is False else OURS)


def _bar(label: str, value: float, unit: str, kind: str) -> dict[str, Any]:
    return {"label": label, "value": value, "text": number(value) + unit, "kind": kind}
