"""Asking the web part over HTTP, as any health check would."""

import json
import socket
from typing import Any

TIMEOUT = 2.0


Answer = tuple[int, dict[str, Any]] | None


def get(port: int, path: str) -> Answer:
    """Status and JSON body of a page on loopback, or None when nobody answers."""
    try:
        with socket.create_connection(("localhost", port), timeout=TIMEOUT) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), json.loads(body)
    except (OSError, ValueError, IndexError):
        return None
