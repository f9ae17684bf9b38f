"""What a job's task is called, learned without unpickling anything, and without reading what is large."""

import json
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from redis import Redis

from jobs import keys, redaction
from jobs.scripts.call import answers
from jobs.settings import current

UNKNOWN = "?"
CALL = re.compile(r"([A-Za-z_][\w.]*)\(")
"""How a description begins, ours and RQ's own, unless somebody gave it another."""
READABLE = 16 * 1024
"""Bytes of a payload that are read for the name in it."""


def named_by(description: str) -> str | None:
    """The task that a description names; None when it is no call."""
    found = CALL.match(description)
    return found[1] if found else None


class Title(NamedTuple):
    """What a person calls a job."""

    task: str
    label: str | None = None

    @property
    def words(self) -> str:
        """Its label, or its task."""
        return self.label or self.task


NAMELESS = Title(UNKNOWN)


def titles(client: Redis, job_ids: Sequence[str]) -> dict[str, Title]:
    """What jobs are called, by their ids, in three round trips at most."""
    with client.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hget(keys.job(job_id), "label")
        labels = answers(pipeline, None)
    found = [redaction.text(label.decode(errors="replace")) if label else None for label in labels]
    return dict(zip(job_ids, map(Title, names(client, job_ids), found), strict=True))


def names(client: Redis, job_ids: Sequence[str]) -> list[str]:
    """The tasks of jobs, in two round trips at most; ``?`` of one that cannot be told."""
    with client.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hget(keys.job(job_id), "description")
            pipeline.hstrlen(keys.job(job_id), "data")
        replies = answers(pipeline, None)
        found = [named_by((description or b"").decode(errors="replace")) for description in replies[::2]]
        odd = [at for at, name in enumerate(found) if name is None and 0 < (replies[2 * at + 1] or 0) <= READABLE]
        for at in odd:
            pipeline.hget(keys.job(job_ids[at]), "data")
        for at, data in zip(odd, answers(pipeline, None), strict=True):
            found[at] = _named_in(data or b"")
    return [name or UNKNOWN for name in found]


def _named_in(data: bytes) -> str | None:
    if current().serializer != "json":
        return None  # to read it may run code
    with suppress(ValueError, TypeError, IndexError, zlib.error, RecursionError):
        packed = zlib.decompressobj()
        return str(json.loads(packed.decompress(data, 64 * READABLE) if data[:1] == b"x" else data)[0])
    return None
