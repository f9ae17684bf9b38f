"""``with_timeout``: calls that hang, and what becomes of them."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest

from jobs import with_timeout
from jobs.errors import OperationTimeout, SignalboxError, TooManyHanging
from jobs.supervise.timeouts import CAP, hanging
from tests.support import wait_for

colour: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture
def block() -> Iterator[threading.Event]:
    """What a hanging call waits for; set at the end, so that none is left."""
    event = threading.Event()
    yield event
    event.set()
    wait_for(lambda: hanging() == 0, "all calls to have ended")


async def double(number: int, seconds: float = 0.0) -> int:
    await asyncio.sleep(seconds)
    return 2 * number


def test_a_call_that_ends_gives_its_result_and_its_error() -> None:
    assert with_timeout(5, "sum", sum, [1, 2, 3]) == 6
    assert with_timeout(5, "sum", sum, [1], start=10, default=None) == 11
    with pytest.raises(ZeroDivisionError):
        with_timeout(5, "divide", lambda: 1 / 0, default=None)


def test_it_runs_in_its_callers_context() -> None:
    token = colour.set("red")
    assert with_timeout(5, "colour", colour.get) == "red"
    colour.reset(token)


def test_a_call_that_hangs_is_named_logged_and_counted(
    block: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OperationTimeout, match=r"'send' did not end within 0\.1 s") as caught:
        with_timeout(0.1, "send", block.wait)
    assert (caught.value.operation, caught.value.seconds) == ("send", 0.1)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, SignalboxError)
    assert "'send' did not end within 0.1 s; 1 calls hang in this process" in caplog.text
    assert hanging() == 1


def test_a_default_takes_the_place_of_the_error(block: threading.Event) -> None:
    assert with_timeout(0.05, "send", block.wait, default=None) is None
    assert asyncio.run(with_timeout(0.05, "double", double(1, 60), default=-1)) == -1


def test_a_call_that_comes_back_is_counted_no_more(block: threading.Event) -> None:
    assert with_timeout(0.05, "send", block.wait, default="late") == "late"
    block.set()
    wait_for(lambda: hanging() == 0, "it to be counted no more")


def test_at_the_cap_no_call_is_begun(block: threading.Event) -> None:
    for number in range(CAP):
        with_timeout(0.001, f"send {number}", block.wait, default=None)
    assert hanging() == CAP
    threads = threading.active_count()
    with pytest.raises(TooManyHanging, match="'send' is not begun: 32 calls hang already"):
        with_timeout(0.1, "send", block.wait)
    assert with_timeout(0.1, "send", block.wait, default="none") == "none"
    assert threading.active_count() == threads
    block.set()
    wait_for(lambda: hanging() == 0, "all to have ended")
    assert with_timeout(5, "sum", sum, [1]) == 1


def test_an_awaitable_gives_its_result_and_its_error() -> None:
    async def fail() -> None:
        raise ValueError("as asked")

    assert asyncio.run(with_timeout(5, "double", double(4))) == 8
    assert asyncio.run(with_timeout(5, "double", double, 4)) == 8
    assert asyncio.run(with_timeout(5, "double", partial(double, 4))) == 8
    with pytest.raises(ValueError, match="as asked"):
        asyncio.run(with_timeout(5, "fail", fail()))


def test_an_awaitable_that_hangs_is_cancelled() -> None:
    ends: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    with pytest.raises(OperationTimeout, match="entity"):
        asyncio.run(with_timeout(0.05, "entity", hang()))
    assert ends == ["cancelled"]
    assert hanging() == 0


def test_an_awaitable_that_will_not_be_cancelled_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.supervise.timeouts.CANCEL", 0.05)

    async def main() -> str:
        free = asyncio.Event()

        async def stubborn() -> None:
            while not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    continue

        given = await with_timeout(0.05, "entity", stubborn(), default="given up")
        free.set()
        return str(given)

    assert asyncio.run(main()) == "given up"


def test_cancelling_the_caller_cancels_what_it_awaits() -> None:
    async def main() -> bool:
        inner: Any = asyncio.ensure_future(double(1, 60))
        outer = asyncio.create_task(with_timeout(60, "double", inner))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        outer.cancel()
        await asyncio.wait((outer, inner))
        return bool(inner.cancelled() and outer.cancelled())

    assert asyncio.run(main())


def test_what_ends_a_program_reaches_the_caller_and_not_the_event_loop() -> None:
    async def leave() -> None:
        raise SystemExit(7)

    async def main() -> int:
        try:
            await with_timeout(5, "leave", leave())
        except SystemExit as ending:
            return int(str(ending.code))
        return 0

    assert asyncio.run(main()) == 7


def test_a_function_that_gives_an_awaitable_is_refused() -> None:
    future: asyncio.Future[int] = asyncio.Future(loop=asyncio.new_event_loop())
    with pytest.raises(TypeError, match="give with_timeout the awaitable itself"):
        with_timeout(5, "double", lambda: future)
    future.get_loop().close()
