"""Logs go to stdout, one line each: platforms show stderr as errors."""

import logging
import sys

from jobs.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


def setup(settings: Settings) -> None:
    """Set up the logs of a process, ours and RQ's. RQ tells each step of each job at ``debug`` only."""
    logging.basicConfig(stream=sys.stdout, format=FORMAT, datefmt="%H:%M:%S", level=settings.log_level.upper())
    quiet = logging.WARNING if settings.log_level == "info" else logging.getLogger().level
    for name in ("rq", "rq.worker", "rq.job", "rq.queue", "rq_scheduler", "rq_scheduler.scheduler"):
        logging.getLogger(name).setLevel(quiet)
    for warning in settings.warnings:
        logging.getLogger("jobs").warning(warning)
