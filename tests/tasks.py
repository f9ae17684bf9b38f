"""Tasks for the tests. What they did is written to a file, so that no checker has to trust Redis."""

import os
import time
from pathlib import Path
from typing import Any

from jobs import task


@task
def add(a: int, b: int) -> int:
    return a + b


@task(attempts=3, backoff=0.1)
def note(path: str, text: str, seconds: float = 0.0) -> None:
    """Append one line when it starts and one when it ends; O_APPEND makes each line whole."""
    _append(path, f"start {text}")
    time.sleep(seconds)
    _append(path, f"end {text}")


@task(attempts=3, backoff=1.0)
def fail_until(path: str, attempt: int) -> int:
    """Fails until its ``attempt``-th run."""
    _append(path, "run")
    runs = len(Path(path).read_text().splitlines())
    if runs < attempt:
        raise RuntimeError(f"run {runs} of {attempt}")
    return runs


@task(attempts=1)
def fail() -> None:
    raise ValueError("as asked")


@task(key=lambda contact, **_: f"contact:{contact}")
def greet(contact: int, path: str = "") -> str:
    return f"hello {contact}"


@task(key=lambda number: number["no such thing"])
def badly_keyed(number: int) -> int:
    return number


@task
def echo(value: Any) -> Any:
    return value


def not_a_task() -> None:
    raise AssertionError("this must never run")


def _append(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), "w") as file:
        file.write(f"{text}\n")
