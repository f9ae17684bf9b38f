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


def end_group() -> None:
    """Kill this process and all that it has started, at once. Only for one that leads a session of its own."""
    os.killpg(0, signal.SIGKILL)


def die_with_launcher(number: signal.Signals = signal.SIGTERM) -> None:
    """``die_with`` the launcher or keeper that started this process, if one did."""
    parent = int(os.environ.pop(PARENT, "0"))
    if parent == os.getppid():
        die_with(parent, number)
    elif parent:  # a shell or a wrapper stands in between, and answers for us
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), number)
