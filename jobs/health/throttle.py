"""How often an address may be wrong: wrong tokens are guesses."""

import ipaddress
import threading
import time
from collections import OrderedDict, deque

GUESSES = 10
WINDOW = 60.0
"""Seconds in which an address may guess so often."""
ADDRESSES = 10_000
"""Remembered at most, the latest."""


class Throttle:
    """Remembers who was wrong lately, in memory."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Seconds for which an address is not heard; 0 when it is."""
        with self._lock:
            times = self._wrong.get(_network(address))
            if times is None or len(times) < GUESSES:
                return 0.0
            return max(0.0, times[0] + WINDOW - time.monotonic())

    def count(self, address: str) -> None:
        """It was wrong."""
        network = _network(address)
        with self._lock:
            self._wrong.setdefault(network, deque(maxlen=GUESSES)).append(time.monotonic())
            self._wrong.move_to_end(network)
            if len(self._wrong) > ADDRESSES:
                self._wrong.popitem(last=False)


def _network(address: str) -> str:
    """Who has one IPv6 address has all of its last 64 bits."""
    try:
        return str(ipaddress.IPv6Network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
