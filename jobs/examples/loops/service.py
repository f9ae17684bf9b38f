"""A remote service that stands in for a real one: a line in, a line out, and silence while the network is cut."""

import asyncio
import socket
import socketserver
import threading
import time


class Service(socketserver.ThreadingTCPServer):
    """Answers on loopback, from a thread, while it is entered; keeps when each message arrived."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: dict[str, float] = {}
        """By message, seconds since 1970 UTC."""
        self.is_cut = threading.Event()
        self.closing = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "Service":
        threading.Thread(target=self.serve_forever, name="service", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    server: Service

    def handle(self) -> None:
        asked = self.rfile.readline().decode().split()
        if self.server.is_cut.is_set():
            self.server.closing.wait()  # lost on its way: no answer comes, also once the network is back
        elif asked:
            if asked[0] == "send":
                self.server.arrived.setdefault(asked[1], time.time())
            self.wfile.write(b"done\n")


def ask(place: str, what: str) -> str:
    """Ask the service, for as long as it takes."""
    host, _, port = place.partition(":")
    with (
        socket.create_connection((host, int(port))) as connection,
        connection.makefile("rw", encoding="utf-8") as lines,
    ):
        lines.write(f"{what}\n")
        lines.flush()
        return _answer(lines.readline())


async def ask_async(place: str, what: str) -> str:
    """``ask`` for a coroutine."""
    host, _, port = place.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"{what}\n".encode())
        return _answer((await reader.readline()).decode())
    finally:
        writer.close()


def _answer(line: str) -> str:
    if not line:
        raise ConnectionError("the service closed the connection without an answer")
    return line.strip()
