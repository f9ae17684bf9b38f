"""What a process owes its parent."""

import ctypes
import os
import signal
import sys

PARENT = "JOBS_PARENT"
"""Set by the launcher for its children: the pid that they must not outlive."""

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def die_with(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send us ``number`` when ``parent`` ends; at once when it already has.

    Linux only: elsewhere this does nothing. The parent must have started us from its main thread,
    because the kernel watches the thread that did.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def die_with_launcher() -> None:
    """``die_with`` the launcher that started this process, if one did."""
    if parent := os.environ.pop(PARENT, ""):
        die_with(int(parent))
