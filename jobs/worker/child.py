"""A child: the process that runs user code. Started by the keeper, in an interpreter of its own.

``python -m jobs.worker.child CHILD WORKER THREADS TABLE READY SOURCE QUEUE…``; TABLE and READY are file descriptors,
SOURCE is ``queues``, or ``suspects`` for a child that runs only those of the queues, one at a time.
"""

import math
import signal
import sys
import threading
import time

from redis.exceptions import RedisError

from jobs import board, keys, logs, vital
from jobs.connection import connect
from jobs.errors import SignalboxError
from jobs.health import heartbeat
from jobs.introduction import keep_silent
from jobs.reaper import follow_up
from jobs.scripts import call
from jobs.settings import current
from jobs.supervise.loops import declared
from jobs.supervise.process import die_with_launcher, leave, run_in_batches
from jobs.supervise.stop import ignore, on_signal
from jobs.worker.deadlines import Watch
from jobs.worker.event_loop import EventLoop
from jobs.worker.execution import Runner
from jobs.worker.life import Life
from jobs.worker.link import PATIENCE, Link
from jobs.worker.meter import Meter
from jobs.worker.readiness import Announcement
from jobs.worker.renewal import allow_more_files, can_open
from jobs.worker.slots import AHEAD, Slots
from jobs.worker.streams import keep
from jobs.worker.table import Table

log = logs.of("worker")

BUILT_IN = (heartbeat.TASK,)
"""Tasks of our own; importing their modules has registered them."""

SOURCES = {"queues": keys.queue, "suspects": keys.suspects}

TURNS = 2
"""Turns at a time over a worker's children, so that the server has the next one at hand when it is done with one; with
more of them, children run jobs at the same time and take the processor from the server."""
SCRIPTS = ("claim", "settle", "release", "follow", "report", "tell", "echo", "lock", "unlock", "renew", "annotate")
HOUSEKEEPING = 0.1
DEADLINE = 5.0
"""Seconds for any command but a bell's. What a lost reply did is found out, so a short one costs nothing."""
BELL_DEADLINE = PATIENCE + 3.0
LAST_WORD = 0.5
"""Seconds that the end waits for what was counted to be told."""


def main(arguments: list[str]) -> int:
    """Run until SIGTERM, or until the lease is lost; returns the exit code."""
    child, worker, threads, table, ready, source, *queues = arguments
    ignore(signal.SIGINT)  # a terminal's Ctrl-C is the launcher's to pass on
    run_in_batches()
    keep_silent()
    settings = current()
    keeper = Announcement(int(ready))
    keeper.load(settings.tasks)
    keeper.ready(len(declared(settings.type)))
    client = connect(settings, "child", instance=child, deadline=DEADLINE, retries=0)
    rows = Table(int(table), int(threads))
    rows.turned = time.monotonic()
    meter = Meter(child)
    runner, loop = Runner(client, child), EventLoop()
    bells = connect(settings, "bell", instance=child, deadline=BELL_DEADLINE, retries=0)
    slots = Slots(
        Link(client, bells, worker, child, tuple(queues), dict(settings.max_running), SOURCES[source], meter.waited),
        rows,
        int(threads),
        max(TURNS // settings.children, 1),
        runner,
        loop,
        Life(client, worker),
        meter.ended,
        lambda job_id: follow_up(client, job_id),
        on_signal(signal.SIGTERM),
        AHEAD if settings.pool == "thread" and source == "queues" else 0.0,  # nothing waits behind what may hold it up
    )
    call.know(*SCRIPTS)
    ended = threading.Event()
    watch = Watch(slots.slots, rows, loop, settings.timeout)
    vital.start("slots", lambda: _run(slots, ended))
    vital.start("deadlines", lambda: watch.run(ended))
    telling = vital.start("meter", lambda: meter.tell_until(ended, client))
    vital.run("housekeeping", lambda: _keep_house(slots, rows, meter, ended))
    runner.close()
    telling.join(LAST_WORD)
    return 0


def _run(slots: Slots, ended: threading.Event) -> None:
    try:
        slots.run()
    finally:
        ended.set()


def _keep_house(slots: Slots, rows: Table, meter: Meter, ended: threading.Event) -> None:
    while not ended.wait(HOUSEKEEPING):
        rows.turned = time.monotonic()
        rows.done = meter.jobs
        if not rows.spent and not can_open(rows.file):
            rows.spent = True
            allow_more_files()
        try:
            if slots.stop.is_set():
                rows.asked = math.inf
                slots.wake()
                slots.give_back()
            else:
                slots.help_out()
        except RedisError as error:
            log.warning("what waits here could not be given back yet: %s", error)


if __name__ == "__main__":
    die_with_launcher(signal.SIGKILL)
    keep(lambda: logs.setup(current(), board.about))
    try:
        leave(main(sys.argv[1:]))
    except SignalboxError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        leave(2)
