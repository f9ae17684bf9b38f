"""Which parts there are: the Procfile's lines and the scheduler, how many of each, and the port of each."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from honcho.environ import PROCFILE_LINE, parse_procfile

from jobs.errors import SettingsError
from jobs.launcher.moves import Part
from jobs.settings import Settings

PROCFILE = Path("Procfile")
SCHEDULER = "exec python -m jobs scheduler"
STAGES = {"scheduler": 0, "web": 2}
"""The scheduler ends first, so that nothing new comes; web last, so that health is told to the end."""


@dataclass(frozen=True)
class Post:
    """One part to be started: what to run, and what its environment has besides."""

    part: Part
    command: str
    environ: dict[str, str] = field(default_factory=dict)


def read(settings: Settings, port_given: bool) -> list[Post]:
    """The posts of this folder. Raises ``SettingsError`` for a Procfile, a formation or a port that cannot be used.

    ``port_given``: the port was asked for, so no other will do.
    """
    commands = _commands()
    wanted = dict(settings.formation)
    for variable, names in (("JOBS_FORMATION", wanted), ("JOBS_OPTIONAL", settings.optional)):
        if unknown := sorted(set(names) - commands.keys()):
            raise SettingsError(variable, unknown[0], f"no such part; there are {', '.join(commands)}")
    posts = [
        Post(
            Part(name if count == 1 else f"{name}.{number + 1}", STAGES.get(name, 1), name in settings.optional),
            command,
            _ports(name, number, settings, port_given),
        )
        for name, command in commands.items()
        for count in (wanted.get(name, 1),)
        for number in range(count)
    ]
    if not posts:
        raise SettingsError("JOBS_FORMATION", ",".join(f"{name}=0" for name in wanted), "nothing would run")
    return posts


def _commands() -> dict[str, str]:
    """The Procfile's lines, and the scheduler; not ``release``, which is a step of a deploy and ends by itself."""
    try:
        text = PROCFILE.read_text()
        processes = dict(parse_procfile(text).processes)
    except FileNotFoundError:
        raise SettingsError("Procfile", None, f"none in {Path.cwd()}; run this in the project's folder") from None
    except AssertionError:
        raise SettingsError("Procfile", text, "a name stands there twice") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if odd := [line for line in lines if not PROCFILE_LINE.match(line)]:
        raise SettingsError("Procfile", odd[0], "expected lines such as web: exec python -m web")
    processes.pop("release", None)
    return {**processes, "scheduler": processes.get("scheduler", SCHEDULER)}


def _ports(name: str, number: int, settings: Settings, port_given: bool) -> dict[str, str]:
    """Each web part its own port, one above the other; each worker its own for health checks, where there is one."""
    found = {}
    if name == "web":
        found["PORT"] = str(free_port(settings.port + number, given=port_given))
    if name == "worker" and settings.worker_port and number:
        found["JOBS_WORKER_PORT"] = str(settings.worker_port + number)
    return found


def free_port(wanted: int, given: bool) -> int:
    """The wanted port, or a free one when it is taken. Raises ``SettingsError`` when it was asked for by name."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except (OSError, OverflowError) as error:
                if given:
                    why = error.strerror if isinstance(error, OSError) else "there is no such port"
                    raise SettingsError("PORT", str(wanted), f"web cannot listen there: {why}") from None
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("PORT", str(wanted), "no free port")
