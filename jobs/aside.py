"""What a loop has done beside it, because it must not wait: calls to other hosts, and work without a bound."""

import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from jobs import logs

log = logs.of("aside")


class Aside:
    """Does one thing in a thread of its own, once at a time. What it raises is logged, and ends that time only."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Have it done, unless it is still at it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except RedisError as error:
            log.warning("%s is put off: %s", self._name, error)
        except Exception:
            log.exception("%s has failed", self._name)
