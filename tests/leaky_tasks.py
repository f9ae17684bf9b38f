"""Tasks that leave behind what they took: files, memory."""

import os
import resource
import socket
import time
from pathlib import Path

from jobs import task

kept: list[object] = []


@task(attempts=1, timeout=60)
def where(path: str = "", seconds: float = 0.0) -> int:
    """The process in which it runs, noted in a file too, after so many seconds."""
    time.sleep(seconds)
    if path:
        with open(path, "a") as log:
            log.write(f"{os.getpid()}\n")
    return os.getpid()


@task(attempts=1, timeout=60)
def wait_for_file(path: str) -> int:
    while not Path(path).exists():
        time.sleep(0.02)
    return os.getpid()


@task(attempts=1, timeout=60)
def hog(mebibytes: int) -> int:
    kept.append(b"x" * (mebibytes << 20))
    return os.getpid()


@task(attempts=1, timeout=60)
def leak_files(limit: int) -> None:
    """Opens as many as the process may, of which there are few."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    while True:
        kept.append(socket.socket())


@task(attempts=1, timeout=60)
def open_file() -> int:
    with open("/dev/null"):
        return os.getpid()
