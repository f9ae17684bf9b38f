"""A job in a line: what it is and how it stands, never what it was called with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from redis.client import Pipeline

from jobs import keys, redaction
from jobs.catalog.states import OVER, State, state_of
from jobs.catalog.tasknames import UNKNOWN, named_by
from jobs.errorlines import Cause, cause
from jobs.job import Progress, progress_of
from jobs.scripts.call import sound

FAR = 4102444800.0
"""2100-01-01: what is due later, as only what is no time can be, is due then."""
FIELDS = (
    "status", "origin", "key", "label", "description", "created_at", "enqueued_at", "started_at", "ended_at",
    "worker_name", "retries", "retries_left", "number_of_retries", "progress", "progress_text", "progress_at",
    "progress_by", "execution", "unknown",
)  # fmt: skip


class Summary(NamedTuple):
    """A job, without its arguments. Times are UTC."""

    id: str
    state: State
    task: str
    queue: str
    key: str | None
    label: str | None
    """What its task calls it."""
    accepted_at: datetime | None
    queued_at: datetime | None
    due_at: datetime | None
    """When a scheduled one, or the next attempt of one that has failed, goes to its queue."""
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    """That have ended, the latest 100."""
    retries_left: int
    worker: str | None
    progress: Progress | None
    unknown: bool
    """It waits for a worker that knows its task, until it is due, and then fails."""
    error: str | None
    """The line that names what its last attempt failed of; all of it is in ``records.attempts``."""


class Row(NamedTuple):
    """What the hash of a job says: all but its attempts."""

    job: Summary
    description: str
    at: float
    """Since when it is in its state, or when it is due: seconds since 1970 UTC."""
    has_run: bool
    """There may be an error."""
    traceback: str = ""
    """Of its last attempt, where that was looked up."""

    @property
    def cause(self) -> Cause:
        """What its last attempt failed of, where that was looked up."""
        return cause(self.job.task, self.traceback, self.job.error or "")


def ask(pipeline: Pipeline, job_id: str) -> None:
    """Ask for what ``row`` takes."""
    pipeline.hmget(keys.job(job_id), *FIELDS)


def row(job_id: str, reply: Sequence[bytes | None] | Exception, at: float) -> Row | None:
    """A job as its hash says; None when it is gone. ``at`` is when it came where it lies, or when it is due.

    Raises a reply that is an error, but not where that is because the key is no hash.
    """
    found = sound(reply, (None,) * len(FIELDS))
    raw = {name.encode(): value for name, value in zip(FIELDS, found, strict=True) if value}
    said = {name.decode(): value.decode(errors="replace") for name, value in raw.items()}
    if "status" not in said or "origin" not in said:
        return None
    first = _number(said, "retries") if "retries" in said else None
    state = state_of(said["status"], first, _number(said, "retries_left"), _number(said, "number_of_retries"))
    ended, progress = _time(said, "ended_at"), progress_of(raw)
    job = Summary(
        id=job_id,
        state=state,
        task=named_by(said.get("description", "")) or UNKNOWN,
        queue=said["origin"],
        key=said.get("key"),
        label=redaction.text(said["label"]) if "label" in said else None,
        accepted_at=_time(said, "created_at"),
        queued_at=_time(said, "enqueued_at"),
        due_at=datetime.fromtimestamp(min(max(at, 0.0), FAR), UTC) if state in ("scheduled", "retrying") else None,
        started_at=_time(said, "started_at"),
        ended_at=ended,
        attempts=0,
        retries_left=_number(said, "retries_left"),
        worker=said.get("worker_name"),
        progress=progress and progress._replace(text=redaction.text(progress.text)),
        unknown=said["status"] == "scheduled" and "unknown" in said,
        error=None,
    )
    since = ended.timestamp() if ended and state in OVER else at
    return Row(job, redaction.text(said.get("description", "")), since, "started_at" in said and state != "finished")


def _number(said: Mapping[str, str], name: str) -> int:
    text = said.get(name, "")
    return int(text) if text.isdecimal() else 0


def _time(said: Mapping[str, str], name: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(said[name])
    except (KeyError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
