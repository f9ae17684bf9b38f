"""One part as processes: its command, its process group, its output, and whatever it leaves behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.launcher.output import Printer
from jobs.supervise import family
from jobs.supervise.notify import SOCKET
from jobs.supervise.process import PARENT, tied

OUTPUT = 1.0
"""Seconds to wait for the last words of one that has ended."""


@dataclass
class Child:
    """A part of the combo. Start it from the main thread: the kernel ties it to the thread that did."""

    name: str
    command: str
    environ: Mapping[str, str]
    printer: Printer
    process: subprocess.Popen[str] | None = None
    """None before its start, and once its end has been told."""
    asked: bool = False

    def start(self) -> None:
        """Run the command in a session of its own, so that a terminal's Ctrl-C reaches only the launcher."""
        self.process = subprocess.Popen(
            tied("/bin/sh", "-c", self.command),
            env={**self.environ, "SERVICE_NAME": self.name, "PYTHONUNBUFFERED": "1", PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            encoding="utf-8",
        )
        self._pumps = [
            threading.Thread(target=self.printer.pump, args=(self.name, stream), kwargs={"error": error}, daemon=True)
            for stream, error in ((self.process.stdout, False), (self.process.stderr, True))
        ]
        for pump in self._pumps:
            pump.start()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def ended(self) -> int | None:
        """Its exit code as a shell would tell it, once it has ended; None before.

        One that was asked to end has not while anything of its group is still at it. What is left is killed.
        """
        if self.process is None or self.process.poll() is None or (self.asked and self._signal_group(0)):
            return None
        self.kill()
        for pump in self._pumps:
            pump.join(OUTPUT)
        code, self.process = exit_code(self.process.returncode), None
        return code

    def ask(self) -> None:
        """Ask the part and its process group to end."""
        self.asked = True
        self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the part and all that it has started, in its group or out of it."""
        mine = family.members(self.pid, (f"{SOCKET}={self.environ[SOCKET]}", f"SERVICE_NAME={self.name}"))
        self._signal_group(signal.SIGKILL)
        family.kill(mine)

    def _signal_group(self, number: int) -> bool:
        """False when nothing is left of it."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def exit_code(returncode: int) -> int:
    """A shell's exit code: 128 + n for death by signal n."""
    return 128 - returncode if returncode < 0 else returncode
