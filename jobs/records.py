"""Every attempt of a job: who ran it, when, and how it ended. RQ's stream of results is the store."""

import zlib
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from redis import Redis
from redis.client import Pipeline

from jobs import connection, keys, redaction
from jobs.scripts.call import sound, text

Outcome = Literal["finished", "failed", "stopped", "retried", "exhausted", "interrupted"]
OUTCOMES: dict[bytes, Outcome] = {
    b"1": "finished",
    b"2": "failed",
    b"3": "stopped",
    b"4": "retried",
    b"5": "exhausted",
}
MOST = 64 * 1024
"""Characters of a traceback that are read: of a longer one, as when an error quotes a file, the middle is left out."""
UNPACKED = 64 * MOST
"""Bytes at most that a traceback is unpacked to, to begin with."""
UNREADABLE = "What is kept of the error cannot be read."
LOST = "The worker that held the job was lost; whether the job had started is not known."


class Attempt(NamedTuple):
    """One execution of a job, as it ended."""

    number: int
    """1 for the first; a dead letter that is retried counts on."""
    worker: str | None
    started: datetime | None
    """UTC; of an attempt that was interrupted, when it was given to its worker."""
    ended: datetime
    outcome: Outcome
    """``retried`` and ``exhausted``: it returned ``rq.Retry``; ``interrupted``: its process ended under it."""
    error: str | None
    """The traceback, whole up to 64 KiB, without what ``redaction`` knows for secrets."""
    note: str | None = None
    """A warning beside its ending, such as why it has no result; without secrets too."""


def attempts(job_id: str, client: Redis | None = None) -> list[Attempt]:
    """What became of each execution of a job, first one first, the latest 100; none for a job that is not known."""
    with (client or connection.default()).pipeline(transaction=False) as pipeline:
        pipeline.xrange(keys.results(job_id))
        pipeline.xinfo_stream(keys.results(job_id))
        entries, info = pipeline.execute(raise_on_error=False)
    entries = sound(entries, [])
    if isinstance(info, Exception) and "no such key" not in str(info):
        sound(info, None)
    first = 1 + info["entries-added"] - len(entries) if entries else 1
    return [_attempt(number, *entry) for number, entry in enumerate(entries, first)]


def ask_latest(pipeline: Pipeline, job_id: str) -> None:
    """Queue the question whose reply ``latest_error`` reads."""
    pipeline.xrevrange(keys.results(job_id), count=1)


def latest_error(entries: Any) -> str:
    """The traceback of a job's last attempt; '' when there is none."""
    return (error_of(entries[0][1]) or "") if entries else ""


def _attempt(number: int, entry_id: bytes, fields: dict[bytes, bytes]) -> Attempt:
    written = datetime.fromtimestamp(int(entry_id.split(b"-")[0]) / 1000, UTC)
    return Attempt(
        number,
        text(fields.get(b"worker_name", b"")) or None,
        _time(fields.get(b"execution_started_at")) or _stamp(fields.get(b"claimed_at")),
        _time(fields.get(b"execution_ended_at")) or written,
        "interrupted" if b"interrupted" in fields else OUTCOMES.get(fields.get(b"type", b""), "failed"),
        redaction.text(error) if (error := error_of(fields)) else None,
        redaction.text(text(note)) if (note := fields.get(b"note")) else None,
    )


def error_of(fields: dict[bytes, bytes]) -> str | None:
    """The traceback in an entry of the stream, which RQ keeps compressed."""
    if packed := fields.get(b"exc_string"):
        try:
            found = zlib.decompressobj().decompress(b64decode(packed), UNPACKED).decode(errors="replace").strip()
        except (ValueError, zlib.error):
            return UNREADABLE
        return shortened(found) or None
    return LOST if b"interrupted" in fields else None


def shortened(found: str) -> str:
    """A traceback of at most 64 KiB: of a longer one the middle is left out."""
    left_out = len(found) - MOST
    if left_out <= 0:
        return found
    return f"{found[: MOST // 2]}\n… {left_out:,} characters are left out\n{found[-MOST // 2 :]}"


def _time(said: bytes | None) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return datetime.fromtimestamp(float(said), UTC) if said else None
    return None


def _stamp(said: bytes | None) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text(said)) if said else None
    return None
