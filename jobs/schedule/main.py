"""``python -m jobs scheduler``: the scheduler as a process of its own."""

from jobs import registry
from jobs.connection import address, connect, wait
from jobs.health.identity import process_id
from jobs.health.presence import Presence
from jobs.schedule.loop import run
from jobs.settings import Settings
from jobs.supervise.stop import on_signal


def main(settings: Settings) -> int:
    """Run until told to stop; returns the exit code."""
    registry.load(settings.tasks)
    stop = on_signal()
    holder = process_id("scheduler")
    client = connect(settings, "scheduler", instance=holder)
    if not wait(client, address(settings), stop):
        return 0
    presence = Presence(settings, "scheduler", client, queues=settings.queues)
    presence.start()
    run(settings, client, holder, stop)
    presence.stop()
    return 0
