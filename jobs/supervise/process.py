"""What a process owes its parent."""

import atexit
import contextlib
import ctypes
import os
import signal
import sys
from threading import Timer
from typing import NoReturn

PARENT = "JOBS_PARENT"
"""Set by the launcher for its children: the pid that they must not outlive."""

LAST = 2.0
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


def tied(*command: str) -> tuple[str, ...]:
    """What to start in place of ``command``, so that the kernel ends it with us even while it is still loading.

    The tie outlives ``exec``, and a process of its own makes it: code between fork and exec may hang where there are
    threads.
    """
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), *command)


def run_in_batches() -> None:
    """Have the kernel take what this process and those it starts do for work in batches (``SCHED_BATCH``, sched(7)).

    It has its share of the processors, and pushes nobody off one when it wakes up. Linux only, and where it is allowed:
    elsewhere it stays as it was.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def leave(code: int) -> NoReturn:
    """End this process: what is registered to run at exit has 2 s, and threads and processes are not waited for."""
    Timer(LAST, os._exit, (code,)).start()
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def is_stopped(pid: int) -> bool:
    """Has somebody stopped this process, by SIGSTOP for instance? Told by Linux; elsewhere it is not known."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


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


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
