"""Telling whoever supervises us how we are, by the protocol of sd_notify(3): the combo listens, and so does systemd.

A process that has once said that its loop turns is expected to go on saying so: one that is stopped, or stuck, looks
alive to ``waitpid`` and is silent here.
"""

import json
import os
import socket
from collections.abc import Mapping
from typing import Any

from jobs import logs

log = logs.of("worker")

SOCKET = "NOTIFY_SOCKET"
PART, IDENTITY = "X_PART", "X_IDENTITY"
TURN = "WATCHDOG=1"
READY = "READY=1"


def turn() -> None:
    """Say that the main loop turns; call it at every turn, whatever Redis does."""
    _tell(TURN)


def introduce(row: Mapping[str, Any]) -> None:
    """Say that we are ready, and who we are: what others compare with their own."""
    _tell(READY, f"{IDENTITY}={json.dumps(row)}")


def _tell(*words: str) -> None:
    """Never waits and never raises: a supervisor that does not listen must not stop the work."""
    if not (place := os.environ.get(SOCKET)):
        return
    text = "\n".join((*words, f"{PART}={os.environ.get('SERVICE_NAME', '')}"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        try:
            line.sendto(text.encode(), place.replace("@", "\0", 1) if place.startswith("@") else place)
        except OSError as error:
            log.debug("the supervisor at %s was not told: %s", place, error)
