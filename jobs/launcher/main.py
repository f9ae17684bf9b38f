"""``python -m jobs combo``: web, worker and scheduler in one container, and Redis too when there is none."""

import os
import socket
import sys
from pathlib import Path

from honcho.environ import parse_procfile

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
    port = settings.port if os.environ.get("PORT") else _free_port(settings.port)
    environ["PORT"] = str(port)
    if settings.redis is None:
        local = embedded.attach(settings.folder)
        environ["REDIS_URL"] = f"redis://{local.place}/{local.db}"
        printer.line(
            "combo", f"no Redis is configured: using a local one at {local.redacted}, data in {settings.folder}/"
        )
    children = [Child(name, command, environ, printer) for name, command in commands.items()]
    combo = Combo(children, printer, policy=None if no_restart else RestartPolicy(), grace=settings.grace)
    clearance = Clearance(port, settings.token, combo.say)
    try:
        return combo.run(stop, clearance.look if "web" in commands else lambda: None)
    finally:
        embedded.detach(settings.folder)


def _commands() -> dict[str, str]:
    """The Procfile's lines, and the scheduler."""
    try:
        processes = parse_procfile(PROCFILE.read_text()).processes
    except FileNotFoundError:
        raise SettingsError("Procfile", None, f"none in {Path.cwd()}; run this in the project's folder") from None
    return {**processes, "scheduler": processes.get("scheduler", SCHEDULER)}


def _free_port(wanted: int) -> int:
    """The wanted port, or a free one when it is taken."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("PORT", str(wanted), "no free port")
