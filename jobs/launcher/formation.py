"""Which parts there are: the Procfile's lines and the scheduler, how many of each, and the port of each."""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from honcho.environ import PROCFILE_LINE, parse_procfile

from jobs.errors import SettingsError
from jobs.launcher.moves import Part
from jobs.settings import Settings

PROCFILE = Path("Procfile")
OURS = {
    "web": "exec python -m web",
    "worker": "exec python -m jobs worker",
    "scheduler": "exec python -m jobs scheduler",
}
"""What runs where there is no Procfile; a scheduler runs beside every other."""
OWN = "JOBS_OWN_PARTS"
"""The environment's name for: run these, whatever the Procfile says; for the demo, whose jobs are no app's."""
STAGES = {"scheduler": 0, "web": 2}
"""The scheduler ends first, so that nothing new comes; web last, so that health is told to the end."""
STEP = 100
"""Ports between two parts of different names, as foreman has it."""
NEAR = 20
"""Ports above the wanted one that are tried when it is taken."""


@dataclass(frozen=True)
class Post:
    """One part to be started: what to run, and what its environment has besides."""

    part: Part
    command: str
    environ: dict[str, str] = field(default_factory=dict)


def read(settings: Settings, port_given: bool) -> tuple[list[Post], list[str]]:
    """The posts of this folder, and what is to be said of them.

    ``port_given``: the port was asked for, so no other will do. Raises ``SettingsError`` for a Procfile, a formation or
    a port that cannot be used.
    """
    own = bool(os.environ.pop(OWN, ""))
    found = None if own else lines()
    commands, said = {**(found or OURS), "scheduler": (found or OURS).get("scheduler", OURS["scheduler"])}, []
    if found is None and not own:
        said.append(f"there is no Procfile in {Path.cwd()}: running Signalbox's own web and worker")
    elif found is not None:
        said += missing(found)
    wanted = dict(settings.formation)
    for variable, names in (("JOBS_FORMATION", wanted), ("JOBS_OPTIONAL", settings.optional)):
        if unknown := sorted(set(names) - commands.keys()):
            raise SettingsError(variable, unknown[0], f"no such part; there are {', '.join(commands)}")
    ports = _Ports(settings, port_given, list(commands))
    posts = [
        Post(
            Part(name if count == 1 else f"{name}.{number + 1}", STAGES.get(name, 1), name in settings.optional),
            command,
            ports.of(name, number),
        )
        for name, command in commands.items()
        for count in (wanted.get(name, 1),)
        for number in range(count)
    ]
    if not posts:
        raise SettingsError("JOBS_FORMATION", ",".join(f"{name}=0" for name in wanted), "nothing would run")
    return posts, said + ports.said


def lines() -> dict[str, str] | None:
    """The Procfile's lines; not ``release``, which is a step of a deploy and ends by itself. None: there is none.

    Raises ``SettingsError`` for one that cannot be read.
    """
    try:
        text = PROCFILE.read_text(encoding="utf-8")
        processes = dict(parse_procfile(text).processes)
    except FileNotFoundError:
        return None
    except AssertionError:
        raise SettingsError("Procfile", text, "a name stands there twice") from None
    written = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if odd := [line for line in written if not PROCFILE_LINE.match(line)]:
        raise SettingsError("Procfile", odd[0], "expected lines such as web: exec python -m web")
    processes.pop("release", None)
    return processes


def missing(commands: Mapping[str, str]) -> list[str]:
    """What nobody does where only these commands run, a sentence each."""
    written = "\n".join(commands.values())
    found = []
    if "worker" not in commands and "jobs worker" not in written:
        found.append(f"the Procfile has no worker, so nothing runs jobs: add the line worker: {OURS['worker']}")
    if "web" not in commands and "-m web" not in written:
        found.append(f"the Procfile has no web, so nothing shows the line: add the line web: {OURS['web']}")
    return found


class _Ports:
    """Gives each part a ``PORT`` of its own, web the one that was asked for; and workers theirs for health checks."""

    def __init__(self, settings: Settings, given: bool, names: list[str]) -> None:
        self._settings = settings
        self._given = given
        self._names = [name for name in names if name != "scheduler"]
        self._taken: set[int] = set()
        self.said: list[str] = []

    def of(self, name: str, number: int) -> dict[str, str]:
        if name == "scheduler":
            return {}
        wanted = self._settings.port + self._step(name, "web") + number
        port = free_port(wanted, given=self._given and name == "web", taken=self._taken)
        self._taken.add(port)
        if port != wanted and name == "web":
            self.said.append(f"port {wanted} is taken; using {port}")
        found = {"PORT": str(port)}
        if self._settings.worker_port and name != "web" and (name != "worker" or number):
            found["JOBS_WORKER_PORT"] = str(self._settings.worker_port + self._step(name, "worker") + number)
        return found

    def _step(self, name: str, first: str) -> int:
        return STEP * sorted(self._names, key=lambda one: one != first).index(name)


def free_port(wanted: int, given: bool, taken: "set[int] | frozenset[int]" = frozenset()) -> int:
    """The wanted port, or a free one close above it when it is taken.

    Raises ``SettingsError`` when it was asked for by name.
    """
    for candidate in (*range(wanted, wanted + (1 if given else NEAR)), 0):
        if candidate in taken:
            continue
        try:
            return _bound(candidate)
        except (OSError, OverflowError) as error:
            if given:
                why = error.strerror if isinstance(error, OSError) else "there is no such port"
                raise SettingsError("PORT", str(wanted), f"web cannot listen there: {why}") from None
    raise SettingsError("PORT", str(wanted), "no free port")


def _bound(port: int) -> int:
    """The port, which is free on loopback; 0 stands for any. Raises ``OSError`` when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        found = int(probe.getsockname()[1])
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("::1", found))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
    return found
