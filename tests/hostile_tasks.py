"""Tasks whose own code raises where only ours is expected to run."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import Any

from jobs import Snooze, task
from tests.tasks import _append


class Refused(Exception):
    """As an HTTP client's: the response is there only where there was one."""

    response: Any = None


def is_busy(error: Any) -> bool:
    return bool(error.response.status_code == 429)


@task(attempts=1, busy_on=is_busy)
def fetch() -> None:
    raise Refused("connection refused")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


@task(attempts=1)
def fail_unspeakably() -> None:
    raise Unspeakable


class Broken(Snooze):
    """Has not called what it extends."""

    def __init__(self) -> None:
        Exception.__init__(self, "later")


@task(attempts=1)
def snooze_brokenly() -> None:
    raise Broken


class Thing:
    """No JSON, and it does not even say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


RESULTS: dict[str, Any] = {
    "a Decimal": Decimal("1.5"),
    "a date": date(2026, 1, 1),
    "a set": {1},
    "bytes": b"a",
    "a thing": Thing(),
    "a coroutine's": Ellipsis,
}


@task(attempts=3, backoff=0.1)
def charge(path: str, what: str) -> Any:
    """Does its work, and returns what cannot be kept."""
    _append(path, what)
    return RESULTS[what]


@task(attempts=3, backoff=0.1)
async def charge_later(path: str, what: str) -> Any:
    _append(path, what)
    return RESULTS[what]


@task(attempts=1)
def return_nan() -> list[float]:
    return [float("nan"), float("inf")]


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """As many a decorator: it makes a generator function look like one that is not."""

    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


@task(attempts=1)
@wrapped
def charge_when_asked() -> Iterator[None]:
    yield
