"""A job's life as its worker tells it, one line an event. What goes wrong is told always, the rest at ``info``.

Lines say more than a worker knows of a job: it asks Redis, once for all that one turn brought, and only for lines that
will be written.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys, logs, records
from jobs.errorlines import LONGEST, error_line
from jobs.scripts import Claimed, Settlement
from jobs.settings import current

log = logs.of("job")

REFUSED, AGAIN, GIVEN_UP = 0, 3, 4
WENT_WELL = (1, 2)
"""What ``scripts.exchange`` replies."""
NO_ATTEMPT = {"refused": "another worker has it by now", "parked": "it waits for a worker that knows its task"}
"""What was no attempt of this worker's, and why."""


FIELDS = ("description", "origin", "key", "retries_left", "retry_intervals", "status")


class Facts(NamedTuple):
    """What a line says of a job besides its id; empty where it is not known."""

    task: str = ""
    queue: str = ""
    key: str = ""
    attempts: int = 0
    """How many are recorded."""
    left: int = 0
    """How many more it may have."""
    delays: str = ""
    """The seconds before each of them, as a JSON list that ends with the last one's."""
    failed: bool = False
    """Is that what became of it?"""

    def before(self, what: str) -> "Facts":
        """As they were when the execution began that has ended so."""
        recorded, spent = what not in ("snoozed", "parked", "refused"), what == "retried"
        return self._replace(attempts=self.attempts - recorded, left=self.left + spent)


class Life:
    """Tells what happens to the jobs of one worker. Where Redis does not answer, lines are shorter."""

    def __init__(self, client: Redis, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._running: dict[str, Facts] = {}
        """By token, of those whose start was told."""

    def started(self, claimed: Claimed) -> None:
        """A job begins."""
        if log.isEnabledFor(logging.INFO) and not _is_ours(claimed.id):
            [facts] = self._look([claimed.id])
            self._running[claimed.token] = facts
            self._say(logging.INFO, "started", claimed.id, facts, attempt=facts.attempts + 1)

    def ended(self, settlements: Sequence[Settlement], replies: Sequence[int]) -> None:
        """Jobs have ended, and this is what Redis said to it, as ``scripts.exchange`` gives it."""
        silent = not log.isEnabledFor(logs.ENDED)
        told = [
            (one, what)
            for one, reply in zip(settlements, replies, strict=False)
            if not (silent and reply in WENT_WELL and one.outcome == "finished" and not one.note)
            if log.isEnabledFor(_level(one, what := _what(one, reply))) and not _is_ours(one.id)
        ]
        unknown = [one.id for one, _ in told if one.token not in self._running]
        looked = dict(zip(unknown, self._look(unknown), strict=True))
        for one, what in told:
            facts = self._running.pop(one.token, None) or looked[one.id].before(what)
            self._say(
                _level(one, what),
                what,
                one.id,
                facts,
                attempt=None if what in NO_ATTEMPT else facts.attempts + 1 or None,
                seconds=round(one.ended - one.started, 3),
                again_in=_again_in(one, what, facts),
                error=_error(one),
                note=NO_ATTEMPT.get(what, one.note),
            )

    def recovered(self, ids: Sequence[str], why: str) -> None:
        """Jobs were taken back from a child that was lost; those that this has happened to too often have failed."""
        for job_id, facts in zip(ids, self._look(ids), strict=True):
            if facts.failed:
                self._say(logging.WARNING, "failed", job_id, facts, attempt=facts.attempts or None, error=why)
            else:
                self._say(logging.WARNING, "recovered", job_id, facts, note=why)

    def _say(self, level: int, what: str, job_id: str, facts: Facts, **fields: Any) -> None:
        known = {"task": facts.task, "queue": facts.queue, "key": facts.key, "worker": self._worker}
        logs.say(log, level, f"job {what}", job=job_id, **known, **fields)

    def _look(self, ids: Sequence[str]) -> list[Facts]:
        if not ids:
            return []
        with self._client.pipeline(transaction=False) as pipeline:
            for job_id in ids:
                pipeline.hmget(
                    keys.job(job_id), "description", "origin", "key", "retries_left", "retry_intervals", "status"
                )
                pipeline.xinfo_stream(keys.results(job_id))
            try:
                replies = pipeline.execute(raise_on_error=False)
            except RedisError:
                return [Facts() for _ in ids]
        return [_facts(row, info) for row, info in zip(replies[::2], replies[1::2], strict=True)]


def _again_in(one: Settlement, what: str, facts: Facts) -> float | None:
    """Seconds until the job is tried again, as ``settle`` picks them; None when it is not, or not known."""
    if one.outcome in ("retried", "snoozed"):
        return round(one.after, 1)
    if what != "retried" or not facts.queue:
        return None
    delays = json.loads(facts.delays or "[]")
    return next((round(float(delay), 1) for delay in delays[max(len(delays) - facts.left, 0) :]), 0.0)


def _is_ours(job_id: str) -> bool:
    """Heartbeat jobs go their way untold."""
    return job_id.startswith(keys.HEARTBEAT)


def _what(one: Settlement, reply: int) -> str:
    if reply == REFUSED:
        return "refused"
    if reply == AGAIN:
        return "retried"
    if reply == GIVEN_UP:
        return "failed"
    return {"exhausted": "failed", "unknown": "parked"}.get(one.outcome, one.outcome)


def _level(one: Settlement, what: str) -> int:
    if what == "parked" and one.after < current().unknown_wait:  # it was told when the job was parked first
        return logging.DEBUG
    if one.note or what in ("failed", "retried", "parked", "refused"):
        return logging.WARNING
    return logs.ENDED if what in ("finished", "stopped") else logging.INFO


def _error(one: Settlement) -> str | None:
    if one.outcome not in ("failed", "snoozed", "stopped"):
        return None
    return error_line(records.error_of({b"exc_string": one.value}) or "")[:LONGEST]


def _facts(row: Any, info: Any) -> Facts:
    if isinstance(row, Exception):
        return Facts()
    description, origin, key, left, delays, status = ((value or b"").decode(errors="replace") for value in row)
    attempts = 0 if isinstance(info, Exception) else int(info["entries-added"])
    task, _, _ = description.partition("(")  # plain RQ puts the arguments there, in clear
    return Facts(task, origin, key, attempts, int(left or 0), delays, status == "failed")
