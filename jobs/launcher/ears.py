"""What the parts tell of themselves: that they are ready, who they are, and that their loops turn."""

import contextlib
import json
import select
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from jobs.supervise.notify import IDENTITY, PART, TURN

LONGEST = 65536


@dataclass(frozen=True)
class Heard:
    """One message of a part: its name, and its identity when it has introduced itself."""

    part: str
    turned: bool
    identity: dict[str, Any] | None


class Ears:
    """A socket of the protocol of sd_notify(3). Its address goes to the parts as ``NOTIFY_SOCKET``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if sys.platform == "linux":  # an abstract address: it ends with us, however we end
            self.address = f"@signalbox-{token_hex(8)}"
            self._socket.bind(self.address.replace("@", "\0", 1))
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="signalbox-")
            self.address = str(Path(self._folder.name, "notify"))
            self._socket.bind(self.address)

    def wait(self, seconds: float) -> None:
        """Until somebody says something, at most so long."""
        select.select([self._socket], [], [], seconds)

    def hear(self) -> list[Heard]:
        """All that has been said since the last time."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(parse(self._socket.recv(LONGEST)))
        return [heard for heard in found if heard]

    def close(self) -> None:
        self._socket.close()
        if self._folder:
            self._folder.cleanup()


def parse(message: bytes) -> Heard | None:
    """What a message says; None when it does not say who speaks, as gunicorn's does not, or is not as it should be."""
    lines = message.decode(errors="replace").split("\n")
    words = dict(line.split("=", 1) for line in lines if "=" in line)
    try:
        identity = json.loads(words.get(IDENTITY, "null"))
    except ValueError:
        return None
    if PART not in words or not isinstance(identity, dict | None):
        return None
    return Heard(words[PART], TURN in lines, identity)
