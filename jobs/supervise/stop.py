"""Signals that only set a flag; the loops act on it when it is safe.

A handler runs in the main thread, wherever that is: inside ``Event.wait``, say, holding the very lock that
``Event.set`` takes. So it only writes a byte, and a thread of its own sets the event.

All this holds for this process alone. Those that user code starts from here have the signals that processes have by
default: a fork loses our handlers, and a program that is started by ``exec`` keeps only what is ignored.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

_handlers: dict[int, Callable[[int, Any], None]] = {}
"""Ours, by signal."""
_forking = threading.local()
"""The signals that a thread had blocked before it forked."""


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
        _handle(number, lambda: _write(tell))
    return stop


def ignore(number: signal.Signals) -> None:
    """Have this process do nothing on a signal."""
    _handle(number, lambda: None)


def _handle(number: signal.Signals, act: Callable[[], None]) -> None:
    def handler(*_: Any) -> None:
        act()

    _handlers[number] = handler
    signal.signal(number, handler)


def _hold() -> None:
    """Keep a signal from a fork that could not forget our handlers yet: Python would lose it."""
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)


def _go_on() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _forget() -> None:
    """Give a fork the signals of a new process, but for those that user code handles."""
    for number, handler in _handlers.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    _handlers.clear()
    _go_on()


def _write(tell: int) -> None:
    try:
        os.write(tell, b".")
    except BlockingIOError:
        return  # the pipe is full of signals; one was enough


os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_forget)
