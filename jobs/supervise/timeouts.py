"""``with_timeout``: an end to calls that may hang.

A thread cannot be killed, so a call that hangs leaves its thread behind; these are counted, and there are at most 32.
"""

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast, overload

from jobs import logs
from jobs.errors import OperationTimeout, TooManyHanging
from jobs.supervise.ping import here

log = logs.of("timeout")

CAP = 32
LOOK = 0.1
"""Seconds after which a waiting caller can be interrupted: by its job's timeout, or as a loop that is replaced."""
CANCEL = 1.0
"""Seconds that a cancelled coroutine has to clean up before it is left to itself."""

T = TypeVar("T")
D = TypeVar("D")
_RAISE: Any = object()
_left: set["_Call"] = set()
_lock = threading.Lock()


def hanging() -> int:
    """How many calls hang in this process: given up, and not ended yet."""
    return len(_left)


@overload
def with_timeout(seconds: float, operation: str, target: Awaitable[T]) -> Coroutine[Any, Any, T]: ...
@overload
def with_timeout(seconds: float, operation: str, target: Awaitable[T], *, default: D) -> Coroutine[Any, Any, T | D]: ...
@overload
def with_timeout(
    seconds: float, operation: str, target: Callable[..., T], *args: Any, default: D, **kwargs: Any
) -> T | D: ...
@overload
def with_timeout(seconds: float, operation: str, target: Callable[..., T], *args: Any, **kwargs: Any) -> T: ...


def with_timeout(seconds: float, operation: str, target: Any, *args: Any, default: Any = _RAISE, **kwargs: Any) -> Any:
    """Call a function, or await something, for at most so many seconds.

        with_timeout(30, "send", client.send, message)
        await with_timeout(15, "entity", client.entity(name), default=None)

    A function runs in a thread of its own, with the caller's context; in a coroutine give an awaitable, because a
    function would stop the event loop for as long as it takes. When the time is up, that is logged, and
    ``OperationTimeout`` is raised, or ``default`` returned. An awaitable is cancelled; a function cannot be, and its
    thread is left behind. Where 32 hang so, the next is not begun: ``TooManyHanging``, an ``OperationTimeout`` too.
    """
    if (ping := here.get()) and ping.over:
        if inspect.iscoroutine(target):
            target.close()
        ping.check()  # a loop that has been replaced begins nothing
    if inspect.isawaitable(target):
        return _await(seconds, operation, target, default)
    if inspect.iscoroutinefunction(target):
        return _await(seconds, operation, target(*args, **kwargs), default)
    return _call(seconds, operation, lambda: target(*args, **kwargs), default)


class _Call(threading.Thread):
    """One call, in a thread that does not keep the process from ending."""

    def __init__(self, operation: str, function: Callable[[], Any]) -> None:
        super().__init__(name=f"with_timeout {operation}", daemon=True)
        self._operation = operation
        self._function = function
        self._context = contextvars.copy_context()
        self._began = time.monotonic()
        self.ended = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:
            self.error = error
        with _lock:
            self.ended.set()
            late = self in _left
            _left.discard(self)
        if late:
            log.info("%s came back after %.1f s; nobody waits for it", self._operation, time.monotonic() - self._began)

    def leave(self) -> bool:
        """Count it among those that hang; False when it has ended by now."""
        with _lock:
            if not self.ended.is_set():
                _left.add(self)
            return self in _left


def _call(seconds: float, operation: str, function: Callable[[], Any], default: Any) -> Any:
    if hanging() >= CAP:
        return _give_up(TooManyHanging(operation, seconds, f"is not begun: {CAP} calls hang already"), default)
    call = _Call(operation, function)
    until = time.monotonic() + seconds
    call.start()
    try:
        while not call.ended.wait(max(0.0, min(LOOK, until - time.monotonic()))) and time.monotonic() < until:
            continue
    finally:
        left = call.leave()  # also when the caller is interrupted
    if left:
        return _give_up(OperationTimeout(operation, seconds), default)
    if call.error:
        raise call.error
    if inspect.isawaitable(call.result):
        raise TypeError(f"{operation!r} gave an awaitable: give with_timeout the awaitable itself, and await it")
    return call.result


async def _await(seconds: float, operation: str, target: Awaitable[Any], default: Any) -> Any:
    task = asyncio.ensure_future(_contained(target))
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        late = not task.done()
        task.cancel()
    if late:
        await asyncio.wait((task,), timeout=CANCEL)
        if task.done() and not task.cancelled():
            task.exception()  # what it says while it is cancelled is not asked for, but counts as seen
        return _give_up(OperationTimeout(operation, seconds), default)
    result, ending = task.result()
    if ending:
        raise ending
    return result


async def _contained(target: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """Keep what ends a program within its caller: raised in a task, it would end the event loop."""
    try:
        return await target, None
    except (SystemExit, KeyboardInterrupt) as ending:
        return None, ending


def _give_up(error: OperationTimeout, default: Any) -> Any:
    log.warning("%s; %d calls hang in this process", error, hanging())
    if default is _RAISE:
        raise error
    return cast(Any, default)
