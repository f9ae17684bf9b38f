"""``python -m jobs start``: become what ``JOBS_ROLE`` says, so that several services share one start command."""

import os
import sys

from jobs.settings import Settings

COMMANDS = {
    "combo": ("-m", "jobs", "combo"),
    "web": ("-m", "web"),
    "worker": ("-m", "jobs", "worker"),
    "scheduler": ("-m", "jobs", "scheduler"),
}


def main(settings: Settings) -> int:
    """Replace this process, so that signals reach the part itself. Does not return."""
    os.execv(sys.executable, [sys.executable, *COMMANDS[settings.role]])
