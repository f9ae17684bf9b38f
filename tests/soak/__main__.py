"""``python -m tests.soak [--minutes N] [--seed S] [--report FILE]``: whole rounds of every scenario, for N minutes."""

import argparse
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

import redis
from rq.version import VERSION

from jobs import registry
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.soak.page import Circumstances, faults_of, page
from tests.soak.runs import SCENARIOS, Outcome, Run
from tests.support import ROOT, Processes

PATIENCE = 120.0


def main(minutes: float, seed: int, report: Path, only: str) -> int:
    """At least one round; returns 1 when a fault was found. The report is written anew after each scenario."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    registry.load(("tests.chaos.tasks",))
    print(f"seed {seed}; the report goes to {report}", flush=True)
    began, date = time.monotonic(), time.strftime("%Y-%m-%d %H:%M")
    found: dict[str, list[Outcome]] = {}
    while not found or time.monotonic() - began < minutes * 60:
        for name, run in SCENARIOS.items():
            if only in name:
                outcome, versions = _run(name, run, seed + len(found.get(name, ())))
                found.setdefault(name, []).append(outcome)
                print(outcome.report, *faults_of([outcome]), sep="\n  ", flush=True)
                circumstances = Circumstances(date, (time.monotonic() - began) / 60, seed, versions)
                report.parent.mkdir(exist_ok=True)
                report.write_text(page(found, circumstances))
    return 1 if any(map(faults_of, found.values())) else 0


def _run(name: str, run: Run, seed: int) -> tuple[Outcome, str]:
    """One scenario on a server of its own; its outcome, and the versions it was run with."""
    processes = Processes()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        line = Line(name, server.url, Path(folder), processes, seed, patience=PATIENCE)
        try:
            return run(line, server), _versions(server)
        except AssertionError as error:
            return Outcome(line.report(), [str(error).splitlines()[0]]), _versions(server)
        finally:
            processes.end()
            line.close()
            server.close()


def _versions(server: Server) -> str:
    info = server.client.info("server")
    name = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
    return f"Python {platform.python_version()}, RQ {VERSION}, redis-py {redis.__version__}, {name}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="The proof at full length.")
    parser.add_argument("--minutes", type=float, default=10.0, help="begin another round until they have passed (10)")
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().randrange(10**6), help="decides what is left to chance"
    )
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "SOAK.md", help="default: docs/SOAK.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios whose name holds this")
    options = parser.parse_args()
    sys.exit(main(options.minutes, options.seed, options.report, options.only))
