"""``python -m jobs combo``: web, worker and scheduler in one container, and Redis too when there is none."""

import os
import signal
import sys
from dataclasses import replace

from jobs import embedded, logs
from jobs.launcher import formation
from jobs.launcher.child import Child
from jobs.launcher.clear import Clearance
from jobs.launcher.combo import Combo
from jobs.launcher.course import SHARES, Course, Rules
from jobs.launcher.ears import Ears
from jobs.launcher.output import Printer
from jobs.launcher.start import path
from jobs.settings import DRAINING, GRACE, Settings
from jobs.supervise import family
from jobs.supervise.notify import SOCKET
from jobs.supervise.stop import on_signal

RULES = Rules(grace=GRACE)
"""Where the settings do not say otherwise."""


def main(settings: Settings, no_restart: bool = False, keep_going: bool = False) -> int:
    """Run all parts until told to stop; returns the exit code."""
    stop = on_signal(*_signals())
    family.adopt()
    posts, notes = formation.read(settings, bool(os.environ.get("PORT")))
    as_json = logs.are_json(settings)
    printer = Printer(["combo", *(post.part.name for post in posts)], as_json=as_json)
    ears = Ears()
    environ = {
        **os.environ,
        "PATH": path(),
        "JOBS_GRACE": f"{settings.grace * SHARES[1]:g}",
        "JOBS_LOG_FORMAT": "json" if as_json else "text",
        "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", "utf-8"),  # as their output is read
        SOCKET: ears.address,
    }
    environ.pop(DRAINING, None)  # it is taken into account, once
    if not as_json and sys.stdout.isatty() and settings.log_level == "info":
        environ["JOBS_LOG_LEVELS"] = ",".join(filter(None, ("job=ended", os.environ.get("JOBS_LOG_LEVELS"))))
    for note in notes:
        printer.line("combo", note)
    if settings.redis is None:
        local = embedded.attach(settings.folder)
        environ["REDIS_URL"] = f"redis://{local.place}/{local.db}"
        printer.line(
            "combo", f"no Redis is configured: using a local one at {local.redacted}, data in {settings.folder}/"
        )
    children = [Child(post.part.name, post.command, environ | post.environ, printer) for post in posts]
    rules = replace(RULES, grace=settings.grace, keep_going=keep_going, once=no_restart)
    combo = Combo(children, Course([post.part for post in posts], rules), printer, ears)
    port = next((int(post.environ["PORT"]) for post in posts if post.part.name in ("web", "web.1")), None)
    clearance = Clearance(environ, port, combo.say)

    def look() -> None:
        embedded.keep(settings.folder)
        clearance.look()

    try:
        return combo.run(stop, look)
    finally:
        clearance.close()
        embedded.detach(settings.folder)
        ears.close()


def _signals() -> list[signal.Signals]:
    """A terminal that is closed ends the combo as Ctrl-C does, unless nohup has said otherwise."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if ignored else [signal.SIGHUP])]
