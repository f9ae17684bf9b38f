"""What comes by the clock: schedules and their slots."""

from collections.abc import Mapping
from typing import NamedTuple

from redis import Redis

from jobs import keys
from jobs.scripts.call import Value, run
from jobs.scripts.intake import NewJob


class Due(NamedTuple):
    """What a scheduler of its own looks at; see ``Ticked``."""

    due: int
    schedules: int
    at: float


class Slot(NamedTuple):
    """One time at which a schedule is due. Times are seconds since 1970 UTC."""

    schedule: str
    at: float
    following: float
    last: bool = False
    overlap: bool = False
    """May its job wait or run beside the one of an earlier slot?"""
    kept: Mapping[str, Value] = {}
    """What is written down of the schedule once this slot has happened."""


def due(client: Redis) -> Due:
    """What a scheduler of its own looks at once a second."""
    due, schedules, at = run(client, "due", [keys.CLOCK, keys.SLOTS, keys.SCHEDULES], [])
    return Due(due, schedules, float(at))


def declare(client: Redis, schedule: str, spec: str, slot: float) -> bool:
    """Have a schedule be what the code says; True when it is new or another. ``slot`` is when it is due next."""
    names = [keys.SCHEDULES, keys.SLOTS, keys.schedule(schedule), keys.ORPHANS]
    return bool(run(client, "declare", names, [schedule, spec, slot]))


def fire(client: Redis, slots: str, own: str, slot: Slot, job: NewJob) -> bool:
    """Let one slot happen: move its schedule on and admit its job; False when there was nothing to do or it waits.

    ``slots`` is the key of the sorted set that holds it, ``own`` that of the hash with what is kept of the schedule.
    """
    arguments: list[Value] = [keys.PREFIX, slot.schedule, slot.at, slot.following, int(slot.last), int(slot.overlap)]
    arguments += [job.id, job.queue, job.key, int(job.at_front), len(slot.kept)]
    for name, value in [*slot.kept.items(), *job.fields.items()]:
        arguments += [name, value]
    return bool(run(client, "fire", [slots, own, keys.QUEUES], arguments))
