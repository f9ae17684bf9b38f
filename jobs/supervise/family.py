"""Whole process trees: adopted, reaped, and killed to the last one.

A part may start what leaves its process group. On Linux nothing leaves the launcher: orphans come back to it, because
it is PID 1 or a subreaper, and their environment still says whose they were. Elsewhere the group is all that is known.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2), Linux


def adopt() -> None:
    """Have the kernel give us the orphans of all that we start, as it does to PID 1. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap(own: Callable[[int], bool]) -> None:
    """Bury the dead that we have adopted; those that are our ``own`` are left to who started them. Never waits.

    Where there is no ``waitid`` (macOS before Python 3.13) nothing is adopted either.
    """
    while hasattr(os, "waitid"):
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is None or own(dead.si_pid):
            return
        os.waitpid(dead.si_pid, 0)


def members(top: int, marks: Iterable[str]) -> list[int]:
    """What a process has started, and whatever else below us has all these ``NAME=value`` in its environment."""
    children = _children()
    wanted = {mark.encode() for mark in marks}
    adopted = [pid for pid in _below(os.getpid(), children) if wanted <= _environ(pid)]
    return list(dict.fromkeys([*_below(top, children), *adopted]))


def _children() -> dict[int, list[int]]:
    """The living children of each process. Empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace", encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    return children


def _below(top: int, children: Mapping[int, list[int]]) -> list[int]:
    found = [top]
    for pid in found:
        found += children.get(pid, ())
    return found[1:]


def _environ(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def kill(pids: Iterable[int]) -> None:
    """SIGKILL each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
