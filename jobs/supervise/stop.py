"""Signals that only set a flag; the loops act on it when it is safe.

A handler runs in the main thread, wherever that is: inside ``Event.wait``, say, holding the very lock that
``Event.set`` takes. So it only writes a byte, and a thread of its own sets the event.
"""

import os
import signal
import threading


def on_signal(*numbers: signal.Signals) -> threading.Event:
    """An event that the first of these signals sets (default: SIGTERM and SIGINT). Later ones change nothing."""
    stop = threading.Event()
    heard, tell = os.pipe()
    os.set_blocking(tell, False)

    def listen() -> None:
        os.read(heard, 1)
        stop.set()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    for number in numbers or (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _write(tell))
    return stop


def _write(tell: int) -> None:
    try:
        os.write(tell, b".")
    except BlockingIOError:
        return  # the pipe is full of signals; one was enough
