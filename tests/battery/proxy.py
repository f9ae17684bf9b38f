"""A network that can be made to swallow everything: what is sent arrives nowhere, and nothing is closed."""

import select
import socket
import threading
from contextlib import suppress


class Proxy:
    """Passes bytes between its own port and another on loopback."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open = threading.Event()
        self._open.set()
        self._over = threading.Event()
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        self._open.clear()

    def pass_on(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._over.set()
        self._open.set()
        for line in [self._server, *self._lines]:
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                near, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with suppress(OSError, ValueError), near, socket.create_connection(("127.0.0.1", self._target)) as far:
            self._lines += [near, far]
            while not self._over.is_set():
                for ready in select.select([near, far], [], [], 1)[0]:
                    data = ready.recv(65536)
                    self._open.wait()
                    if not data:
                        return
                    (far if ready is near else near).sendall(data)
