"""What a process that imports user code tells its keeper: which module it imports, and in the end what it can run.

A line each, so that nobody waits for the end of the pipe: a process that a module starts while it is imported may hold
it open for ever.
"""

import json
import os
from typing import Any

from jobs import logs, registry
from jobs.registry import Inventory

log = logs.of("worker")

SLOW = 20.0
"""Seconds after which a process that is not ready seems to hang in an import."""


class Announcement:
    """The process's side; ``file`` is its end of the pipe."""

    def __init__(self, file: int) -> None:
        os.set_inheritable(file, False)
        self._pipe = os.fdopen(file, "w", encoding="utf-8")

    def load(self, modules: tuple[str, ...]) -> None:
        """Import the modules, each after its name was told. Raises ``SettingsError`` as ``registry.load`` does."""
        for module in modules:
            self._say(module)
            registry.load((module,))

    def ready(self, loops: int = 0) -> None:
        """Tell what can be run, and that there are so many loops; nothing is told after it."""
        self._say([*registry.inventory(), loops])
        self._pipe.close()

    def _say(self, what: Any) -> None:
        print(json.dumps(what), file=self._pipe, flush=True)


class Readiness:
    """The keeper's side."""

    def __init__(self, file: int) -> None:
        os.set_blocking(file, False)
        self._file = file
        self._said = b""
        self._warned = False
        self.module = ""
        """The one that it imports, or imported last."""
        self.inventory: Inventory | None = None
        """What it can run, once it has said so."""
        self.loops = 0
        """How many loops its modules declare for this worker."""

    def hear(self) -> None:
        """Take in what was told since; never waits."""
        while self.inventory is None:
            try:
                said = os.read(self._file, 65536)
            except BlockingIOError:
                return
            if not said:
                return
            *lines, self._said = (self._said + said).split(b"\n")
            for line in map(json.loads, lines):
                if isinstance(line, str):
                    self.module = line
                else:
                    *inventory, self.loops = line
                    self.inventory = Inventory(*inventory)

    def warn(self, who: str, age: float) -> None:
        """Say once which module a process of that age, in seconds, seems to hang in."""
        if self.inventory is None and self.module and age > SLOW and not self._warned:
            self._warned = True
            log.error("%s has been importing %s for %.0f s, and does nothing before", who, self.module, age)

    def close(self) -> None:
        os.close(self._file)
