"""Attach to the local Redis server of this project folder, starting it if nobody has.

Every process that uses the server holds a shared lock on ``users.lock`` for as long as it lives; the
kernel gives it back even after kill -9. The server's guardian (``jobs.launcher.server``) waits for the
exclusive lock, and so knows when its last user has gone.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jobs import address
from jobs.address import Address
from jobs.errors import ServerError, SettingsError

START_TIMEOUT = 15.0
STOP_TIMEOUT = 10.0

_held: list[int] = []
"""Descriptors, not files: those would complain of not being closed when the process ends."""


def attach(folder: Path) -> Address:
    """The address of the folder's server, which stays up at least as long as this process.

    Raises ``ServerError`` when it does not come up within 15 s, ``SettingsError`` when the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise SettingsError(
            "JOBS_FOLDER", str(folder), f"the local Redis cannot keep its data there: {error}"
        ) from None
    fcntl.flock(users, fcntl.LOCK_SH)
    _held.append(users)
    with open(folder / "start.lock", "a", encoding="utf-8") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        return address.parse(_running(folder) or _start(folder))


def detach(folder: Path) -> None:
    """Stop using the folder's server; when nobody else does, wait until it has ended."""
    if not _held:
        return
    while _held:
        os.close(_held.pop())
    deadline = time.monotonic() + STOP_TIMEOUT
    others_since = time.monotonic()
    while _guarded(folder) and time.monotonic() < deadline:
        if not _free_to_use(folder):
            others_since = time.monotonic()  # the guardian has the lock: it is on its way out
        elif time.monotonic() - others_since > 0.3:
            return  # it would have taken the lock by now, if nobody else held it
        time.sleep(0.02)


def running(folder: Path) -> Address | None:
    """The address of the folder's server if one runs; starts none, and keeps none up."""
    url = _running(folder) if (folder / "guardian.lock").exists() else None
    return address.parse(url) if url else None


def keep(folder: Path) -> None:
    """Start the folder's guardian again if it was killed; does nothing for a process that is not attached."""
    if _held and not _guarded(folder):
        with open(folder / "start.lock", "a", encoding="utf-8") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            if not _guarded(folder):
                _start(folder)


def _free_to_use(folder: Path) -> bool:
    return _lockable(folder / "users.lock", fcntl.LOCK_SH)


def _guarded(folder: Path) -> bool:
    return not _lockable(folder / "guardian.lock", fcntl.LOCK_EX)


def _lockable(path: Path, kind: int) -> bool:
    with open(path, "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _running(folder: Path) -> str | None:
    """The server's URL while a guardian lives, which is while ``guardian.lock`` is taken."""
    return _state(folder).get("url") if _guarded(folder) else None


def _start(folder: Path) -> str:
    with open(folder / "server.log", "a", encoding="utf-8") as log:
        guardian = subprocess.Popen(
            [sys.executable, "-m", "jobs.launcher.server", str(folder.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and guardian.poll() is None:
        state = _state(folder)
        if state.get("guardian") == guardian.pid:
            return str(state["url"])
        time.sleep(0.02)
    last = (folder / "server.log").read_text(errors="replace", encoding="utf-8").strip().splitlines()[-1:]
    raise ServerError(f"the local Redis server did not start; {folder / 'server.log'} ends with: {' '.join(last)}")


def _state(folder: Path) -> dict[str, Any]:
    """What the guardian has published: url, pid of the server, pid of the guardian; empty until it has."""
    try:
        return dict(json.loads((folder / "server.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}
