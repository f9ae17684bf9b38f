"""A message to the assistant, as a job in the lane of its thread.

The lane keeps the messages of a thread in order, so its runs never meet. The lock says so to everybody else, and
carries the id of the active run. Should somebody start a run behind both, the service refuses ours: then the job waits,
and spends no attempt.
"""

import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from jobs import lock, task

QUEUE = "threads"
URL = "THREADS_URL"
LOG = "THREADS_LOG"
TTL = 3.0
"""Seconds: shorter than a slow run, so that the lock has to be renewed."""
LOOK = 0.05
DEADLINE = 10.0


class RunIsActive(Exception):
    """The service has refused a run, because another one of the thread is active."""


@task(
    queue=QUEUE,
    key=lambda thread, **_: f"thread:{thread}",
    busy_on=lambda error: isinstance(error, RunIsActive),
    timeout=60,
)
def say(thread: str, text: str, seconds: float) -> str:
    """Have the assistant answer a message; returns the id of the run. Raises ``RunIsActive``."""
    note("asked", thread, text)
    with lock(f"thread:{thread}", ttl=TTL) as lease:
        run = str(_ask("POST", f"/threads/{thread}/runs", {"text": text, "seconds": seconds})["run"])
        lease.note(run_id=run)
        note("start", thread, text)
        while _ask("GET", f"/threads/{thread}/runs/{run}")["status"] != "completed":
            time.sleep(LOOK)
        lease.check()
    note("end", thread, text)
    return run


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address is our own service's
        os.environ[URL] + path, json.dumps(body).encode() if body else None, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        with error:
            said = json.load(error)["error"]
        if error.code == 400 and "run is active" in said:
            raise RunIsActive(said) from None
        raise


def note(word: str, thread: str, text: str) -> None:
    """Append a line to the log, which lies outside Redis: word, thread, message, monotonic seconds."""
    line = json.dumps([word, thread, text, time.monotonic()])
    with open(
        os.open(Path(os.environ[LOG]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), "w", encoding="utf-8"
    ) as file:
        file.write(f"{line}\n")
