"""``python -m jobs combo``: web, worker and scheduler in one container, and Redis too when there is none."""

import os
import socket
import sys
from pathlib import Path

from honcho.environ import PROCFILE_LINE, parse_procfile

from jobs import embedded
from jobs.errors import SettingsError
from jobs.launcher.child import Child
from jobs.launcher.clear import Clearance
from jobs.launcher.combo import Combo
from jobs.launcher.output import Printer
from jobs.settings import Settings
from jobs.supervise.restarts import RestartPolicy
from jobs.supervise.stop import on_signal

PROCFILE = Path("Procfile")
SCHEDULER = "exec python -m jobs scheduler"


def main(settings: Settings, no_restart: bool = False) -> int:
    """Run all parts until told to stop; returns the exit code."""
    stop = on_signal()
    commands = _commands()
    printer = Printer(["combo", *commands])
    environ = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))}
    port = free_port(settings.port, given=bool(os.environ.get("PORT")))
    environ["PORT"] = str(port)
    if settings.redis is None:
        local = embedded.attach(settings.folder)
        environ["REDIS_URL"] = f"redis://{local.place}/{local.db}"
        printer.line(
            "combo", f"no Redis is configured: using a local one at {local.redacted}, data in {settings.folder}/"
        )
    children = [Child(name, command, environ, printer) for name, command in commands.items()]
    combo = Combo(children, printer, policy=None if no_restart else RestartPolicy(), grace=settings.grace)
    clearance = Clearance(port, combo.say)

    def look() -> None:
        embedded.keep(settings.folder)
        if "web" in commands:
            clearance.look()

    try:
        return combo.run(stop, look)
    finally:
        embedded.detach(settings.folder)


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


def free_port(wanted: int, given: bool) -> int:
    """The wanted port, or a free one when it is taken. Raises ``SettingsError`` when it was asked for by name."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError as error:
                if given:
                    raise SettingsError("PORT", str(wanted), f"web cannot listen there: {error.strerror}") from None
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("PORT", str(wanted), "no free port")
