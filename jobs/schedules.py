"""What a person sees of the schedules, and may do: run one now, pause it, let it go on."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from redis import Redis

from jobs import keys, queues, redaction
from jobs.errors import UnknownSchedule
from jobs.plainpickle import read
from jobs.queues import JobRef
from jobs.settings import current
from jobs.spec import Spec, mark
from jobs.timetable import every_words, zone

SHOWN = 200
"""Of rq-scheduler's entries, the next ones; there may be any number."""


@dataclass(frozen=True)
class Row:
    """One schedule, or one entry of rq-scheduler's, as it is now. Times are by the clock of its zone."""

    name: str
    spec: str
    zone: str
    next: datetime | None
    last: datetime | None
    state: str
    """``on``; ``paused``; ``orphan``: no living process has it in its code; ``passed over``: the job of the slot
    before still went on; ``error: …``; ``rq-scheduler``: its entry, which is not ours to pause."""
    queue: str | None = None
    """None: the first of ``JOBS_QUEUES``."""
    job: str | None = None
    """Id of the job of its last slot."""
    ours: bool = True
    """It is declared in code, so it can be run, paused and resumed; an entry of rq-scheduler's cannot."""


def rows(client: Redis) -> list[Row]:
    """Every schedule by name, then rq-scheduler's entries by time. Raises ``RedisError``."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(keys.SCHEDULES)
        pipeline.zrange(keys.SLOTS, 0, -1, withscores=True)
        pipeline.zrange(keys.CLOCK, 0, SHOWN - 1, withscores=True)
        pipeline.hgetall(keys.QUARANTINE)
        specs, slots, entries, errors = pipeline.execute()
        names = sorted(specs)
        for name in names:
            pipeline.hgetall(keys.schedule(name.decode()))
        for entry, _ in entries:
            pipeline.hmget(keys.job(_named(entry)), "meta", "ticked")
        replies = pipeline.execute()
    kept, notes = replies[: len(names)], replies[len(names) :]
    ours = [_row(name.decode(), specs[name], dict(slots).get(name), own) for name, own in zip(names, kept, strict=True)]
    theirs = [
        _entry(_named(entry), at, errors.get(entry), *note) for (entry, at), note in zip(entries, notes, strict=True)
    ]
    return ours + [row for row in theirs if not row.name.startswith(keys.BEATS)]


def _row(name: str, text: bytes, slot: float | None, own: dict[bytes, bytes]) -> Row:
    try:
        found = Spec.read(name, text)
        spec, tz, queue = found.timetable.words, found.timetable.tz, found.queue
    except (ValueError, KeyError, TypeError):
        spec, tz, queue = "unreadable", "UTC", None
    ticked = float(own[b"ticked"]) if b"ticked" in own else None
    job = own[b"tick_job"].decode() if b"tick_job" in own else None
    return Row(name, spec, tz, _at(slot, tz), _at(ticked, tz), _state(own), queue, job)


def _state(own: dict[bytes, bytes]) -> str:
    if b"error" in own:
        return redaction.text(f"error: {own[b'error'].decode()}")
    if b"orphaned" in own:
        return "orphan"
    if b"paused" in own:
        return "paused"
    passed_over = float(own.get(b"passed", 0)) > float(own.get(b"ticked", 0))
    return "passed over" if passed_over else "on"


def _named(entry: bytes) -> str:
    return entry.decode(errors="backslashreplace")


def _entry(name: str, at: float, error: bytes | None, meta_text: bytes | None, ticked: bytes | None) -> Row:
    meta: object = None
    with contextlib.suppress(ValueError):
        meta = read(meta_text) if meta_text else None
    spec = "once"
    if isinstance(meta, dict) and meta.get("interval"):
        spec = every_words(float(meta["interval"])) if _is_number(meta["interval"]) else f"every {meta['interval']}"
    elif isinstance(meta, dict) and meta.get("cron_string"):
        spec = str(meta["cron_string"])
    state = redaction.text(f"error: {error.decode()}") if error else "rq-scheduler"
    last = _at(float(ticked) if ticked else None, "UTC")
    return Row(name, spec, "UTC", _at(at, "UTC"), last, state, ours=False)


def _is_number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _at(seconds: float | None, tz: str) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, zone(tz))


def run(client: Redis, name: str) -> JobRef:
    """Make a job of a schedule now; its slots stay as they are. Raises ``UnknownSchedule``."""
    spec = _spec(client, name)
    made = spec.job(current(), f"now-{mark(_now(client)).replace('-', '')}")
    client.hset(keys.schedule(name), "extra_job", made.id)
    return queues.submit(client, [made])[0]


def pause(client: Redis, name: str) -> bool:
    """Make no job of a schedule until it is resumed; False when it was paused. Raises ``UnknownSchedule``."""
    _spec(client, name)
    with client.pipeline() as pipeline:
        pipeline.hset(keys.schedule(name), "paused", repr(_now(client)))
        pipeline.zrem(keys.SLOTS, name)
        return bool(pipeline.execute()[0])


def resume(client: Redis, name: str) -> datetime | None:
    """Let a paused schedule go on with its next slot, and say when that is; None when it was not paused.

    Raises ``UnknownSchedule``.
    """
    spec, own = _spec(client, name), keys.schedule(name)
    slot = spec.next(_now(client))
    paused, orphaned = cast(list[bytes | None], client.hmget(own, "paused", "orphaned"))
    if not paused:
        return None
    with client.pipeline() as pipeline:
        pipeline.hdel(own, "paused")
        if not orphaned:
            pipeline.zadd(keys.SLOTS, {name: slot})
        pipeline.execute()
    return _at(slot, spec.timetable.tz)


def _spec(client: Redis, name: str) -> Spec:
    text = cast(bytes | None, client.hget(keys.SCHEDULES, name))
    if text is None:
        known = sorted(raw.decode() for raw in cast(list[bytes], client.hkeys(keys.SCHEDULES)))
        raise UnknownSchedule(f"there is no schedule {name!r}; known: {', '.join(known) or 'none'}")
    try:
        return Spec.read(name, text)
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownSchedule(f"schedule {name!r} cannot be read: {error!r}") from error


def _now(client: Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
