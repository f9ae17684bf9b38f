"""A way to Redis that can be cut: bytes are taken and none arrive, as where a network drops them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Way:
    """Listens on ``port`` and passes on what it is given, both ways, until it is cut."""

    def __init__(self, target: int, delay: float) -> None:
        self._target = target
        self._delay = delay
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Connections stay, and new ones come about; nothing arrives any more."""
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for here, there in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                self._open.wait()
                time.sleep(self._delay)
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)


@contextmanager
def way(target: int, delay: float = 0.0) -> Iterator[Way]:
    """A way to a port of this machine, which takes ``delay`` seconds in each direction."""
    found = Way(target, delay)
    try:
        yield found
    finally:
        found.close()
