"""One part: its command, its process group and its output."""

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.launcher.output import Printer
from jobs.supervise.process import PARENT


@dataclass
class Child:
    """A part of the combo. Start it from the main thread: the kernel ties it to the thread that did."""

    name: str
    command: str
    environ: Mapping[str, str]
    printer: Printer
    process: subprocess.Popen[str] | None = None
    ends: list[float] = field(default_factory=list)
    """When it ended, on the monotonic clock."""
    start_at: float | None = 0.0
    """When it is to be started next; None once it has died for good."""

    def start(self) -> None:
        """Run the command in a session of its own, so that a terminal's Ctrl-C reaches only the launcher."""
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", self.command],
            env={**self.environ, "SERVICE_NAME": self.name, "PYTHONUNBUFFERED": "1", PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for stream, error in ((self.process.stdout, False), (self.process.stderr, True)):
            threading.Thread(
                target=self.printer.pump, args=(self.name, stream), kwargs={"error": error}, daemon=True
            ).start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def lives(self) -> bool:
        """Is the part, or anything else in its process group, still there?"""
        return self.running or self.signal_group(0)

    def signal_group(self, number: int) -> bool:
        """Send a signal to the part and whatever else is in its process group; False when nothing is."""
        if self.process is None:
            return False
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        return True


def exit_code(returncode: int) -> int:
    """A shell's exit code: 128 + n for death by signal n."""
    return 128 - returncode if returncode < 0 else returncode
