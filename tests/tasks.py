"""Tasks for the tests. What they did is written to a file, so that no checker has to trust Redis."""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

import rq
from rq import get_current_job

from jobs import Retry, Snooze, instance_token, progress, task


@task(label=lambda name, city="Ulm": f"Letter to {name},\n {city}" if name else "")
def write(name: str, city: str = "Bonn") -> None:
    """A task whose jobs have labels."""


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


@task(attempts=1)
def snooze_until(path: str, run: int, seconds: float) -> int:
    """Asks to be run again until its ``run``-th run."""
    _append(path, "run")
    runs = len(Path(path).read_text().splitlines())
    if runs < run:
        raise Snooze(seconds)
    return runs


@task(attempts=1, busy_on=lambda error: "is busy" in str(error))
def ask_somebody(path: str) -> str:
    """Somebody is busy the first time."""
    _append(path, "run")
    if len(Path(path).read_text().splitlines()) == 1:
        raise RuntimeError("400: somebody is busy")
    return "answered"


@task(attempts=1, busy_on=lambda error: True, max_busy=0)
def ask_nobody() -> None:
    raise RuntimeError("nobody is there")


@task(retry=Retry(3, backoff=0.1, retry_on=(OSError,), never_on=(FileNotFoundError,)))
def fail_of(path: str, name: str) -> None:
    _append(path, "run")
    raise {"OSError": OSError, "FileNotFoundError": FileNotFoundError, "ValueError": ValueError}[name]("as asked")


@task(key=lambda customer: f"customer:{customer}", policy="halt")
def pay(customer: int) -> None:
    raise ValueError("no money")


@task(keep=2, keep_failed=1)
def publish(fails: bool = False) -> None:
    if fails:
        raise ValueError("as asked")


@task
def echo(value: Any) -> Any:
    return value


@task(attempts=1)
def log_in(user: str, password: str, **more: Any) -> None:
    raise ValueError(f"{user} cannot log in with {password}")


@task(attempts=1)
def climb(gate: str, fails: bool = False) -> None:
    """Says how far it is, waits until the file ``gate`` is there, and says more in one breath than can be written."""
    progress(0.4, "resizing")
    while not Path(gate).exists():
        time.sleep(0.01)
    for step in range(1000):
        progress(step / 1000, f"step {step}")
    if fails:
        raise ValueError("as asked")
    progress(1.0, "done")


@task
async def climb_later() -> None:
    progress(0.5, "from a coroutine")


@task
def misjudge() -> None:
    progress(40)


@task
async def add_later(a: int, b: int) -> int:
    await asyncio.sleep(0.01)
    return a + b


@task(attempts=1, timeout=1)
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@task(attempts=1, timeout=1)
def spin() -> None:
    while True:
        pass


@task(attempts=1, timeout=1)
def sleep_through() -> None:
    time.sleep(60)


@task(attempts=1)
def die(code: int) -> None:
    os._exit(code)


@task
def whoami() -> dict[str, Any]:
    """What a job sees of itself; leaves a word in its meta."""
    job = get_current_job()
    assert job
    job.meta["seen"] = True
    job.save_meta()
    return {"id": job.id, "origin": job.origin, "args": list(job.args), "worker": job.worker_name, "pid": os.getpid()}


@task
def say_much(path: str, size: int, fails: bool = False) -> str:
    """Ends with a result, or an error, of so many characters, of which no two are alike for long."""
    _append(path, "run")
    words = random.Random(0).randbytes(size // 2).hex()
    if fails:
        raise ValueError(words)
    return words


@task
def describe_itself() -> list[Any]:
    """Says of itself what RQ lets a job say; returns what the jobs have returned that it waited for."""
    job = get_current_job()
    assert job
    job.meta = {"step": 1}
    job.save_meta()
    job.description, job.result_ttl, job.meta = "in its own words", 77, {"step": 2}
    job.save()
    first = type(job).fetch(job.fetch_dependencies()[0].id, job.connection)
    return [first.return_value(), [one.return_value() for one in job.fetch_dependencies()]]


@task
def ask_again(maximum: int) -> Any:
    """RQ's way to be tried again: return a ``Retry``."""
    return rq.Retry(max=maximum)


@task
def on_end(job: Any, connection: Any, *details: Any) -> None:
    """A callback: leaves in Redis what it was called with."""
    connection.rpush("called", f"{job.id} {len(details)}")


def not_a_task() -> None:
    raise AssertionError("this must never run")


@task(attempts=1)
def trace(path: str, text: str, seconds: float) -> None:
    """Say every 20 ms that it runs: text, token of the single worker, process, seconds on the system's clock."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _append(path, f"{text} {instance_token()} {os.getpid()} {time.monotonic():.3f}")
        time.sleep(0.02)


@task(attempts=1)
def hog(path: str) -> None:
    """Hold the interpreter for minutes: no other thread of its process runs."""
    _append(path, str(os.getpid()))
    sum(range(10**11))


@task(attempts=1)
def burn(path: str) -> None:
    """Compute for minutes, in Python: other threads of its process run, each in its turn."""
    _append(path, str(os.getpid()))
    while True:
        pass


@task
def chain(number: int) -> None:
    """Puts the next job in, so often."""
    if number > 1:
        chain.enqueue(number - 1)


def _append(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), "w") as file:
        file.write(f"{text}\n")
