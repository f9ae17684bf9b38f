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
from bench.rivals import PEERS
from bench.stage import ROOT, Stage

HEADINGS = ("figure", "ours", "RQ", "ratio", "must reach", "met")
PEER_HEADINGS = ("who", "with", "throughput", "ours is")
PACKAGES = ("rq", "redis", "hiredis")
TEXT = """\
# Performance

Measured by `python -m bench`, which starts a server of its own on loopback. Ours and everybody else have their turn
in each round, on the same server; values are medians, with the least and the most of the rounds after them.

{facts}

## Against everybody else

{peers}

![No-op jobs a second]({speeds})

Each job appends 16 bytes to a file in shared memory, and its result is kept in Redis. The queue is full before the
worker starts; time runs from the first job's start until the last result is there. Each has the settings that its
documentation shows, hiredis where it speaks Redis by redis-py, and acknowledges a job after it has run, where it can:
Celery with `acks_late`, taskiq with its stream broker; Huey never does. Ours is one child process beside its keeper.

## Against RQ

{figures}

![How many times better than RQ]({ratios})

RQ is its `SimpleWorker` (no fork for each job, its quickest) with its default settings. "Ratio" is how many times
better ours is. Latency is from before `enqueue` to the job's first line, over 300 jobs; memory is the proportional
set size of all processes of a worker; commands are those that clients send, with RQ's scheduler running as ours is.
Of two children, and of the one beside them, the first 40,000 jobs are left out, while the second child starts.
[APART.md](APART.md) has what was measured apart: what a long queue costs the server, two children beside one.

## To run it again

`python -m bench`, or one figure by its name ({names}).
It needs nothing but `requirements.txt`, and then compares with RQ alone. `python -m bench setup` first installs the
peers and the plotting library, in virtualenvs of their own in `.bench/`. `--quick` queues 100,000 jobs in place of
1,000,000 and gives the peers fewer, `--aof` turns the append-only file on, `--write` writes this page and its plots.
"""


def peer_lines(rows: list[Row]) -> list[tuple[str, ...]]:
    """Ours first, because all are measured against it."""
    peers = [row for row in rows if row.is_peer]
    return [row.our_cells for row in peers[:1]] + [row.peer_cells for row in peers]


def show(rows: list[Row], console: Console) -> None:
    table = Table(*HEADINGS, title="Ours and RQ, medians of one run")
    for row in rows:
        if not row.is_peer:
            table.add_row(*row.cells, style={None: "", True: "green", False: "red"}[row.met])
    peers = Table(*PEER_HEADINGS, title="Ours and everybody else, medians of one run")
    for line in peer_lines(rows):
        peers.add_row(*line)
    for found in (peers, table):
        if found.row_count:
            console.print(found)


def page(rows: list[Row], stage_facts: list[str], names: list[str], plots: list[str]) -> str:
    """docs/PERFORMANCE.md; the plots are of everybody and of RQ."""
    speeds, ratios = plots
    return TEXT.format(
        facts="\n".join(f"* {fact}" for fact in stage_facts),
        peers=markdown(PEER_HEADINGS, peer_lines(rows)),
        figures=markdown(HEADINGS, [row.cells for row in rows if not row.is_peer]),
        names=", ".join(f"`{name}`" for name in names),
        speeds=speeds,
        ratios=ratios,
    )


def markdown(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, ("---",) * len(headings), *lines])


def facts(stage: Stage, aof: bool) -> list[str]:
    """The machine and the versions, a line each."""
    said = stage.redis.info("server", "memory")
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
        f"Server: {server} on {said.get('mem_allocator', '?')} malloc, on the same machine, append-only file "
        f"{'on' if aof else 'off'}",
        f"Packages: {versions}",
        f"Peers: {_peers()}",
    ]


def _peers() -> str:
    there = ", ".join(peer.full_title for peer in PEERS if peer.ready)
    missing = ", ".join(peer.title for peer in PEERS if not peer.ready)
    return f"{there}; left out, because `python -m bench setup` has not installed them: {missing}" if missing else there


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
