"""Logs go to stdout, one line each: platforms show stderr as errors."""

import json
import logging
import sys
import time
from datetime import UTC, datetime

from jobs.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


class _Objects(logging.Formatter):
    """One JSON object a line, as platforms read it: time, level, message, with a traceback in it."""

    def format(self, record: logging.LogRecord) -> str:
        row = {"time": now(record.created), "level": record.levelname.lower(), "message": super().format(record)}
        return json.dumps(row, ensure_ascii=False)


def now(at: float | None = None) -> str:
    """A time in seconds since 1970 UTC, by default this moment, as in RFC 3339."""
    found = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def are_json(settings: Settings) -> bool:
    """Are lines to be JSON? Where nothing else is said, text on a terminal, and JSON wherever they are collected."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stdout.isatty())


def setup(settings: Settings) -> None:
    """Set up the logs of a process, ours and RQ's. RQ tells each step of each job at ``debug`` only."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Objects() if are_json(settings) else logging.Formatter(FORMAT, "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    quiet = logging.WARNING if settings.log_level == "info" else logging.getLogger().level
    for name in ("rq", "rq.worker", "rq.job", "rq.queue", "rq_scheduler", "rq_scheduler.scheduler"):
        logging.getLogger(name).setLevel(quiet)
    for warning in settings.warnings:
        logging.getLogger("jobs").warning(warning)
