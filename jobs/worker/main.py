"""``python -m jobs worker [QUEUES…]``: serve queues until told to stop."""

import os
import socket
from dataclasses import replace

from redis import Redis

from jobs import logs
from jobs.connection import address, connect, wait
from jobs.health.answers import Answers
from jobs.health.identity import BOOT, process_id
from jobs.health.presence import Presence
from jobs.health.server import serve
from jobs.health.watch import Watch
from jobs.registry import Inventory
from jobs.settings import Settings
from jobs.supervise.instance import HELD, HeldElsewhere, Holder, Instance
from jobs.supervise.stop import on_signal
from jobs.worker.keeper import Keeper
from jobs.worker.looper import Looper
from jobs.worker.nursery import Nursery, SettingsRefused
from jobs.worker.renewal import Limits

log = logs.of("worker")

DEADLINE = 3.0
"""Seconds for any command of the keeper: shorter than a lease, and than a platform's patience at the end."""


def main(settings: Settings, burst: bool = False) -> int:
    """Serve ``settings.queues`` and run the loops; returns the exit code: 3 when a loop was given up.

    With ``burst`` it ends once its queues are empty and it runs nothing. A Redis that is late, lost or read-only is
    waited for.
    """
    role = "worker"
    if settings.runs == "loops":
        role, settings = "loops", replace(settings, queues=())  # so that nobody takes it for one that runs jobs
    stop = on_signal()
    me = process_id(role)
    deadline = min(DEADLINE, settings.lease / 3) if settings.single else DEADLINE
    client = connect(settings, role, instance=me, deadline=deadline, retries=0)
    nursery = Nursery(
        client,
        me,
        settings.queues,
        count=0 if settings.runs == "loops" else settings.children,
        threads=settings.slots,
        lease=settings.lease,
        survives=settings.interruptions,
        limits=Limits(settings.max_jobs, settings.max_memory),
    )
    looper = Looper(settings, stop)
    presence = Presence(
        settings,
        role,
        client,
        queues=settings.queues,
        counters=lambda: {**keeper.counters, **looper.counters},
        inventory=lambda: nursery.inventory or looper.inventory or Inventory(0, ""),
        state=lambda: keeper.state,
        loops=looper.get_status,
    )
    looper.tell = presence.tell
    _answer_health(settings, presence)  # also while Redis is not there yet
    if not wait(client, address(settings), stop):
        return 0

    def ready() -> None:
        presence.tell()
        if not keeper.works:
            looper.pause()
        elif settings.runs == "loops" or (settings.runs == "all" and nursery.loops):
            looper.start()

    instance = _instance(settings, me, client, nursery, looper) if settings.single else None
    keeper = Keeper(settings, me, client, nursery, looper, stop, ready, instance, burst)
    presence.start()
    code: int | None = None
    try:
        keeper.run()
        code = looper.code
    except SettingsRefused:
        code = 2
    except HeldElsewhere as error:
        log.error("[%s] ends with code %d: %s", settings.type, HELD, error)
        code = HELD
    finally:
        presence.stop(failed=code not in (0, HELD))
    return code


def _answer_health(settings: Settings, presence: Presence) -> None:
    """On the port that is set, or on the one that the platform gives a worker that runs alone."""
    alone = settings.platform and settings.role == "worker"
    if port := settings.worker_port or (settings.port if alone else None):
        client = connect(settings, "watch", deadline=1, retries=0)
        serve(settings, port, Answers(settings, client, Watch(settings, client), presence, {}))


def _instance(settings: Settings, me: str, client: Redis, nursery: Nursery, looper: Looper) -> Instance:
    holder = Holder(me, socket.gethostname(), settings.replica, os.getpid(), BOOT)

    def trust(token: int, until: float) -> None:
        looper.trust(token, until)
        nursery.trust(token, until)

    def cut_off() -> None:
        looper.pause()
        nursery.cut_off()

    return Instance(client, settings.type, holder, settings.lease, trust=trust, cut_off=cut_off)
