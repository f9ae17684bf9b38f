"""Loops for the tests. Each writes to a file what it does, and does harm where a file asks it to."""

import asyncio
import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

from jobs import loop, task, with_timeout
from jobs.supervise.ping import Ping

FOLDER = Path(os.environ.get("LOOPS_FOLDER", "."))
QUICK: dict[str, Any] = {"every": 0.1, "max_silence": 2.0, "grace": 0.5}


def say(text: str) -> None:
    """One line, with the pid; O_APPEND makes it whole."""
    with open(FOLDER / "log", "a") as log:
        log.write(f"{os.getpid()} {text}\n")


def asked(harm: str) -> bool:
    """Is this harm asked for? Each is done once."""
    try:
        (FOLDER / harm).unlink()
    except FileNotFoundError:
        return False
    return True


@loop("sync", **QUICK)
def in_a_thread() -> None:
    say("sync")
    if asked("sync-dies"):
        sys.exit("as asked")
    if asked("sync-hangs"):
        time.sleep(3600)
    if asked("sync-hogs"):
        ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the interpreter's lock
    if asked("sync-fails"):
        raise ValueError("as asked")


@loop("wakes", **QUICK)
def that_wakes_too_late(ping: Ping) -> None:
    """Hangs past its silence in C, and would then write."""
    if asked("wakes-late"):
        say("sleeps")
        time.sleep(4)
        say("acts")
    if asked("pings-late"):
        say("sleeps")
        try:
            time.sleep(4)
            ping.check()
        finally:
            say("awake")
        ping()
        say("acts")


@loop("async", **QUICK)
class Async:
    def __init__(self) -> None:
        say("async made")

    async def __call__(self) -> None:
        say("async")
        if asked("async-dies"):
            raise SystemExit("as asked")
        if asked("async-hangs"):
            try:
                await asyncio.sleep(3600)
            finally:
                say("async cancelled")
        if asked("async-blocks"):
            time.sleep(3600)


@loop("beside", **QUICK)
async def beside_it() -> None:
    say("beside")


@loop("calls", **QUICK)
def with_calls() -> None:
    if asked("call-hangs"):
        try:
            with_timeout(0.3, "send", time.sleep, 3600)
        finally:
            say("call given up")
        say("never")
    say("calls")


@loop("slow", timeout=1.0, **QUICK)
def too_slow() -> None:
    while asked("slow"):
        while True:
            time.sleep(0.01)
    say("slow")


@loop("fragile", max_restarts=0, type="fragile", **QUICK)
def fragile() -> None:
    say("fragile")
    if asked("fragile-dies"):
        sys.exit("as asked")


@task
def add(a: int, b: int) -> int:
    return a + b
