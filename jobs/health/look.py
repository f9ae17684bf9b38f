"""A question to Redis that is answered in time or not at all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from typing import Generic, TypeVar

from redis.exceptions import RedisError

T = TypeVar("T")


class Look(Generic[T]):
    """Asks in a thread of its own. Who asks while it is asked already shares that answer, so a slow Redis is asked
    once, however many want to know."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None

    def take(self, ask: Callable[[], T], within: float) -> T | None:
        """What ``ask`` returns, or what one that is under way does; None when Redis fails, or after so many seconds."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=_answer, args=(self._asked, ask), name=self._name, daemon=True).start()
            asked = self._asked
        try:
            return asked.result(max(within, 0.0))
        except (NotInTime, RedisError):
            return None


def _answer(asked: Future[T], ask: Callable[[], T]) -> None:
    try:
        asked.set_result(ask())
    except BaseException as error:
        asked.set_exception(error)
