"""Tasks for the proof. What they did is written to a file outside Redis: the checker trusts nothing that it tests."""

import asyncio
import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobs import lock, progress, task
from tests.tasks import _append

FOR_EVER = 3600.0


@task(attempts=3, backoff=0.2)
def work(log: str, name: str, seconds: float = 0.0, stumble: bool = False, doomed: bool = False) -> str:
    """An honest job; one that stumbles fails the first time it gets to its end, one that is doomed each time."""
    _say(log, "start", name)
    time.sleep(seconds)
    if doomed or (stumble and _is_first(log, name)):
        _say(log, "fail", name)
        raise RuntimeError(f"{name} fails, as asked")
    _say(log, "end", name)
    return name


@task(attempts=3, backoff=0.2)
async def work_later(log: str, name: str, seconds: float = 0.0, stumble: bool = False, doomed: bool = False) -> str:
    """``work`` as a coroutine, which has no thread of its own."""
    _say(log, "start", name)
    await asyncio.sleep(seconds)
    if doomed or (stumble and _is_first(log, name)):
        _say(log, "fail", name)
        raise RuntimeError(f"{name} fails, as asked")
    _say(log, "end", name)
    return name


@task(attempts=1, max_busy=0)
def work_locked(log: str, name: str) -> None:
    """An honest job in a lock of its own: one that a killed run had left would fail it."""
    _say(log, "start", name)
    with lock(name) as lease:
        lease.note(run_id=name)
        lease.check()
    _say(log, "end", name)


@task(attempts=3, backoff=0.2)
def tell(log: str, name: str) -> None:
    """Says half-way how far it is."""
    _say(log, "start", name)
    progress(0.5, "half-way")
    time.sleep(0.5)
    _say(log, "end", name)


@task(cron="0 0 29 2 *")
def leap() -> None:
    """Declared, and due on no day on which the proof is made."""


@task(attempts=1)
def segfault(log: str, name: str) -> None:
    _say(log, "start", name)
    ctypes.string_at(0)


@task(attempts=1)
def leave(log: str, name: str) -> None:
    """Ends its process as if all were well."""
    _say(log, "start", name)
    os._exit(0)


@task(attempts=1, timeout=1)
def block(log: str, name: str) -> None:
    """Blocks in C, where no exception can be raised."""
    _say(log, "start", name)
    time.sleep(FOR_EVER)


@task(attempts=1, timeout=1)
def swallow(log: str, name: str) -> None:
    """Catches whatever it is ended with."""
    _say(log, "start", name)
    while True:
        try:
            time.sleep(0.05)
        except BaseException:
            continue


@task(attempts=1, timeout=1)
async def hold_loop(log: str, name: str) -> None:
    """Lets no other coroutine of its process go on."""
    _say(log, "start", name)
    time.sleep(FOR_EVER)


@task(attempts=1, timeout=1)
async def stay(log: str, name: str) -> None:
    """Is not to be cancelled."""
    _say(log, "start", name)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(FOR_EVER)


@task(attempts=1)
async def leave_loop(log: str, name: str) -> None:
    """Exits, in a task that its own waits for."""
    _say(log, "start", name)
    await asyncio.create_task(_exit())


async def _exit() -> None:
    sys.exit(0)


@task(attempts=1)
def return_twice(log: str, name: str) -> None:
    """Forks and returns in both processes."""
    _say(log, "start", name)
    os.fork()
    _say(log, "end", name)


@task(attempts=1)
def hold_interpreter(log: str, name: str, seconds: int) -> None:
    """Lets no other thread of its process run: ``PyDLL`` keeps the interpreter's lock through the call."""
    _say(log, "start", name)
    ctypes.PyDLL(None).sleep(seconds)
    _say(log, "end", name)


@task(attempts=3)
def give_a_set() -> Any:
    return {1, 2}


@task(attempts=3)
def give_an_object() -> Any:
    return object()


def _is_first(log: str, name: str) -> bool:
    """True for the one caller that gets to create the file."""
    try:
        os.close(os.open(Path(log).with_name(f"stumbled-{name}"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _say(log: str, word: str, name: str) -> None:
    _append(log, f"{word} {name} {time.monotonic():.6f} {os.getpid()}")
