"""The process that runs the user's loops. Started by the keeper, in an interpreter of its own.

``python -m jobs.worker.loops_child ROLL READY``; both are file descriptors.
"""

import signal
import sys

from jobs import logs
from jobs.errors import SettingsError, SignalboxError
from jobs.health import heartbeat
from jobs.introduction import keep_silent
from jobs.settings import current
from jobs.supervise.loops import declared
from jobs.supervise.process import die_with_launcher, leave
from jobs.supervise.roll import Roll
from jobs.supervise.stop import ignore, on_signal
from jobs.supervise.watchdog import Watchdog
from jobs.worker.readiness import Announcement
from jobs.worker.streams import keep

log = logs.of("loop")

BUILT_IN = (heartbeat.TASK,)
"""Registered by their import, so that this process knows the tasks that a worker knows."""
ESCALATED = 3
"""Exit code: a loop was started again as often as it may be."""
RENEW = 4
"""Exit code: what hangs here ends only with this process."""


def main(arguments: list[str]) -> int:
    """Run until SIGTERM, or until the watchdog gives up; returns the exit code."""
    roll, ready = map(int, arguments)
    ignore(signal.SIGINT)  # a terminal's Ctrl-C is the launcher's to pass on
    stop = on_signal(signal.SIGTERM)
    keep_silent()
    settings = current()
    keeper = Announcement(ready)
    keeper.load(settings.tasks)
    loops = declared(settings.type)
    if not loops:
        raise SettingsError("JOBS_TASKS", ",".join(settings.tasks), "no loop is declared there for this worker")
    watchdog = Watchdog(loops, Roll(roll))
    keeper.ready()
    log.info("loops started: %s", ", ".join(loop.name for loop in loops))
    verdict = watchdog.run(stop)
    if verdict.escalate or verdict.renew:
        log.error("%s: the loops' process ends", verdict.escalate or verdict.renew)
        return ESCALATED if verdict.escalate else RENEW
    watchdog.end(settings.grace * 0.6)
    return 0


if __name__ == "__main__":
    die_with_launcher(signal.SIGKILL)
    keep(lambda: logs.setup(current()))
    try:
        leave(main(sys.argv[1:]))
    except SignalboxError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        leave(2)
