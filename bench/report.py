"""The table, in a terminal and in docs/PERFORMANCE.md, with the machine and the versions that it holds for."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import Row
from bench.stage import ROOT, Stage

HEADINGS = ("figure", "ours", "RQ", "ratio", "must reach", "met")
PACKAGES = ("rq", "redis", "hiredis")
TEXT = """\
# Performance

Measured by `python -m bench`, which starts a server of its own on loopback and needs nothing but `requirements.txt`.

{facts}

{table}

![How many times better than RQ]({plot})

Each job appends 16 bytes to a file in shared memory, and its result is kept. RQ is its `SimpleWorker` (no fork for
each job, its quickest) with its default settings. Both have their turn in each round, on the same server; the values
are medians, with the least and the most of the rounds after them. "Ratio" is how many times better ours is. Latency
is from before `enqueue` to the job's first line, over 300 jobs; memory is the proportional set size of all processes
of a worker; commands are those that clients send, with RQ's scheduler running as ours is.

To run it again: `python -m bench`, or one figure by its name
({names}).
`--quick` queues 100,000 jobs in place of 1,000,000, `--aof` turns the append-only file on, `--write` writes this page
and its plot.
"""


def show(rows: list[Row], console: Console) -> None:
    table = Table(*HEADINGS, title="Ours and RQ, medians of one run")
    for row in rows:
        table.add_row(*row.cells, style={None: "", True: "green", False: "red"}[row.met])
    console.print(table)


def write(rows: list[Row], stage_facts: list[str], names: list[str], page: Path, plot: Path) -> None:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    facts = "\n".join(f"* {fact}" for fact in stage_facts)
    names = [f"`{name}`" for name in names]
    page.write_text(TEXT.format(facts=facts, table=table, plot=plot.name, names=", ".join(names)))


def facts(stage: Stage, aof: bool) -> list[str]:
    """The machine and the versions, a line each."""
    said = stage.redis.info("server")
    server = (
        f"Valkey {said['valkey_version']}" if "valkey_version" in said else f"Redis {said.get('redis_version', '?')}"
    )
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    load = os.getloadavg()[0]
    return [
        f"Date: {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}",
        f"Machine: {_processor()}, {os.cpu_count()} cores, {_memory()}; load {load:.1f} at the start",
        f"System: {platform.system()} {platform.release()}, {platform.python_implementation()} "
        f"{platform.python_version()}",
        f"Server: {server}, on the same machine, append-only file {'on' if aof else 'off'}",
        f"Packages: {versions}",
    ]


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.M)
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.M)
    return f"{int(found[1]) / 1024**2:.0f} GB" if found else "memory unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
