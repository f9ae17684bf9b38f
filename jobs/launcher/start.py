"""``python -m jobs start``: become what ``JOBS_ROLE`` says, so that several services share one start command.

What the Procfile has for a role is what runs; without it, Signalbox's own.
"""

import os
import sys
from pathlib import Path

from jobs.launcher import formation
from jobs.settings import Settings

COMMANDS = {
    "combo": ("-m", "jobs", "combo"),
    "web": ("-m", "web"),
    "worker": ("-m", "jobs", "worker"),
    "scheduler": ("-m", "jobs", "scheduler"),
}
SELF = "jobs start"


def main(settings: Settings) -> int:
    """Replace this process, so that signals reach the part itself. Does not return.

    Raises ``SettingsError`` for a Procfile that cannot be read.
    """
    line = (formation.lines() or {}).get(settings.role, SELF)
    if settings.role == "combo" or SELF in line:  # a line that says to do this again would do so for ever
        os.execv(sys.executable, [sys.executable, *COMMANDS[settings.role]])
    os.environ["PATH"] = path()
    os.environ.setdefault("PORT", str(settings.port))
    os.execv("/bin/sh", ["/bin/sh", "-c", line])


def path() -> str:
    """``PATH`` with this Python first, so that a line's ``python`` is this one."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
