"""The book of schedules: what living code declares, kept in Redis, and let happen slot by slot."""

from collections.abc import Mapping
from typing import cast

from redis import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from jobs import keys, logs, queues, scripts
from jobs.scripts import Slot
from jobs.settings import Settings
from jobs.spec import Spec, mark

log = logs.of("schedule")

AT_ONCE = 500
KEEP_ORPHANS = 7 * 86400.0
"""Seconds for which a schedule that no living code has keeps its place, its pause and its last slot."""


class Book:
    """The leader's view of the schedules. While nothing changes and nothing is due, it asks Redis nothing."""

    def __init__(self, client: Redis, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._kept: Mapping[str, str] = {}
        self._stored = -1
        self._oldest = float("inf")
        """When the oldest orphan is to go."""

    def forget(self) -> None:
        """Look anew: another may have led since."""
        self._stored = -1

    def keep(self, declared: Mapping[str, str], stored: int, now: float) -> None:
        """Have the book hold what is declared; ``stored`` is how many schedules Redis says it holds.

        A schedule that is as it was keeps its slot; one that is no longer declared becomes an orphan.
        """
        if declared == self._kept and stored == self._stored and now < self._oldest:
            return
        known = cast(dict[bytes, bytes], self._client.hgetall(keys.SCHEDULES))
        slots = dict(cast(list[tuple[bytes, float]], self._client.zrange(keys.SLOTS, 0, -1, withscores=True)))
        for name, spec in declared.items():
            if known.get(name.encode()) != spec.encode() or name.encode() not in slots:
                self._declare(name, spec, now)
        missing = {name: slots.get(name) for name in known if name.decode() not in declared}
        gone = self._orphan(missing, now)
        self._kept, self._stored = declared, len({*known, *map(str.encode, declared)} - gone)

    def _declare(self, name: str, spec: str, now: float) -> None:
        try:
            if scripts.declare(self._client, name, spec, Spec.read(name, spec).next(now)):
                log.info("schedule %s is %s", name, Spec.read(name, spec).timetable.words)
        except (ValueError, KeyError, TypeError) as error:
            self._client.hset(keys.SCHEDULES, name, spec)
            self._set_aside(name, error)

    def _orphan(self, missing: Mapping[bytes, float | None], now: float) -> set[bytes]:
        """Set aside what nobody declares; remove, and return, what nobody has for 7 days."""
        gone, self._oldest = set(), float("inf")
        for raw, slot in missing.items():
            name = raw.decode()
            since = float(cast(bytes | None, self._client.hget(keys.schedule(name), "orphaned")) or now)
            with self._client.pipeline() as pipeline:
                if now - since >= KEEP_ORPHANS:
                    gone.add(raw)
                    pipeline.hdel(keys.SCHEDULES, name)
                    pipeline.zrem(keys.ORPHANS, name)
                    pipeline.delete(keys.schedule(name))
                else:
                    self._oldest = min(self._oldest, since + KEEP_ORPHANS)
                    pipeline.hset(keys.schedule(name), "orphaned", repr(since))
                    if slot is not None:
                        log.info("schedule %s is in no living process's code any more, and waits", name)
                        pipeline.zadd(keys.ORPHANS, {name: slot})
                pipeline.zrem(keys.SLOTS, name)
                pipeline.execute()
        return gone

    def run_due(self, now: float) -> int:
        """Let what is due happen, missed slots as one; how many jobs that made. One bad schedule stops no other."""
        raw = self._client.zrangebyscore(keys.SLOTS, "-inf", now, 0, AT_ONCE, withscores=True)
        due = [(name.decode(), slot) for name, slot in cast(list[tuple[bytes, float]], raw)]
        if not due:
            return 0
        specs = cast(list[bytes | None], self._client.hmget(keys.SCHEDULES, [name for name, _ in due]))
        return sum(self._fire(name, spec, slot, now) for (name, slot), spec in zip(due, specs, strict=True))

    def _fire(self, name: str, text: bytes | None, at: float, now: float) -> bool:
        try:
            if text is None:
                self._client.zrem(keys.SLOTS, name)
                return False
            spec = Spec.read(name, text)
            slot = Slot(name, at, spec.next(now), overlap=spec.timetable.overlap == "allow")
            job = spec.job(self._settings, mark(at))
            fired = scripts.fire(self._client, keys.SLOTS, keys.schedule(name), slot, job)
            if fired:
                queues.tell_enqueued(job, schedule=name)
            return fired
        except (ConnectionError, TimeoutError):
            raise
        except RedisError as error:
            log.warning("schedule %s: %s; tried again in a second", name, error)
        except Exception as error:
            self._set_aside(name, error)
        return False

    def _set_aside(self, name: str, error: Exception) -> None:
        """Leave one that cannot be kept out, until its code or the leader changes; the others go on."""
        log.warning("schedule %s cannot be kept and is set aside: %r", name, error)
        with self._client.pipeline() as pipeline:
            pipeline.hset(keys.schedule(name), "error", str(error) or repr(error))
            pipeline.zrem(keys.SLOTS, name)
            pipeline.execute()
