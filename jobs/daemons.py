"""The commands that stay: worker, scheduler, combo, start. Parsed by argparse, so that they stay small."""

import argparse
import os
import sys
from importlib import import_module
from typing import NamedTuple

from jobs import logs
from jobs.errors import SignalboxError
from jobs.settings import Settings
from jobs.supervise.process import die_with_launcher


class Daemon(NamedTuple):
    module: str
    purpose: str


DAEMONS = {
    "combo": Daemon("jobs.launcher.main", "Run web, worker and scheduler together, and Redis too if there is none."),
    "start": Daemon("jobs.launcher.start", "Run what JOBS_ROLE says: combo (default), web, worker or scheduler."),
    "worker": Daemon("jobs.worker.main", "Run jobs from the given queues, first one first."),
    "scheduler": Daemon("jobs.schedule.main", "Queue what is due: delayed jobs, retries, schedules, heartbeats."),
}


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m jobs {name}", description=DAEMONS[name].purpose)
    parser.add_argument("--import", dest="tasks", metavar="MODULES", help="modules that hold tasks (JOBS_TASKS)")
    if name in ("worker", "scheduler"):
        parser.add_argument("queues", nargs="*", metavar="QUEUE", help="default: JOBS_QUEUES")
    if name == "worker":
        parser.add_argument("--concurrency", metavar="T", help="jobs that a child runs at once (JOBS_CONCURRENCY)")
        parser.add_argument("--pool", metavar="KIND", help="thread, or process: a child for each job (JOBS_POOL)")
        parser.add_argument("--processes", metavar="N", help="children (JOBS_PROCESSES)")
        parser.add_argument("--type", metavar="TYPE", help="its queues and its loops (JOBS_TYPE, JOBS_TYPES)")
        parser.add_argument("--single", action="store_true", help="of its type one works (JOBS_SINGLE)")
        parser.add_argument("--if-held", metavar="WHAT", help="wait, or exit: end with code 75 (JOBS_IF_HELD)")
        parser.add_argument("--burst", action="store_true", help="end with code 0 when the queues are empty")
        parser.add_argument("--runs", metavar="WHAT", help="jobs, loops, or all (JOBS_RUNS)")
    if name == "combo":
        parser.add_argument("--port", help="port of the web part (PORT)")
        parser.add_argument("--formation", metavar="PARTS", help="how many of each, as web=1,worker=2 (JOBS_FORMATION)")
        parser.add_argument("--keep-going", action="store_true", help="no crash loop of a part ends the others")
        parser.add_argument("--no-restart", action="store_true", help="end with the first part that ends, and its code")
    return parser


def run(name: str, arguments: list[str]) -> int:
    """Run a daemon to its end; returns its exit code. Bad settings are one line and 2."""
    options = vars(_parser(name).parse_args(arguments))
    queues, kind = ",".join(options.pop("queues", ())), options.pop("type", None) or os.environ.get("JOBS_TYPE")
    given = {
        "JOBS_TASKS": options.pop("tasks"),
        "JOBS_QUEUES": queues,
        "JOBS_TYPE": kind,
        "JOBS_TYPES": f"{kind}={queues}" if kind and queues else None,
        "JOBS_SINGLE": "1" if options.pop("single", False) else None,
        "JOBS_IF_HELD": options.pop("if_held", None),
        "JOBS_CONCURRENCY": options.pop("concurrency", None),
        "JOBS_POOL": options.pop("pool", None),
        "JOBS_PROCESSES": options.pop("processes", None),
        "JOBS_RUNS": options.pop("runs", None),
        "JOBS_FORMATION": options.pop("formation", None),
        "PORT": options.pop("port", None),
    }
    os.environ.update({variable: value for variable, value in given.items() if value})
    try:
        die_with_launcher()
        found = Settings.from_environ()
        logs.setup(found)
        return int(import_module(DAEMONS[name].module).main(found, **options))
    except SignalboxError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return 2
