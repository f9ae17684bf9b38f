"""Signals that only set a flag; the loops act on it when it is safe."""

import signal
import threading


def on_signal() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets. Later ones change nothing: we are stopping."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
