"""What a job was called with, without its secrets, as far as that is not large."""

import json
import zlib
from contextlib import suppress
from typing import Any, NamedTuple, cast

from redis import Redis

from jobs import keys, redaction, registry
from jobs.errors import UnknownTask
from jobs.queues import MAX_PAYLOAD
from jobs.settings import current

MOST_SHOWN = 16 * 1024
"""Characters, as JSON."""


class Arguments(NamedTuple):
    """Without secrets. None where they are too large to be shown, or no JSON, which to read may run code."""

    args: list[Any] | None
    kwargs: dict[str, Any] | None
    size: int
    """Bytes of what is kept of them, the task's name among it."""
    secrets: frozenset[str]
    """What was hidden, to be hidden elsewhere too."""


def arguments(client: Redis, job_id: str) -> Arguments:
    """What a job was called with."""
    size = client.hstrlen(keys.job(job_id), "data")
    return shown(cast(bytes | None, client.hget(keys.job(job_id), "data")) if size <= MAX_PAYLOAD else None, size)


def shown(data: bytes | None, size: int) -> Arguments:
    """What a payload of so many bytes may show of itself; None: it was not read."""
    unread = Arguments(None, None, size, frozenset())
    if not data or current().serializer != "json":
        return unread
    with suppress(ValueError, TypeError, zlib.error, RecursionError):
        plain = zlib.decompressobj().decompress(data, MAX_PAYLOAD) if data[:1] == b"x" else data
        task, _, args, kwargs = json.loads(plain, parse_constant=str)  # NaN is no JSON
        names = _names(task)
        hidden = frozenset(redaction.secrets({**dict(zip(names, args, strict=False)), **kwargs}))
        clean = redaction.arguments(args, kwargs, names)
        if len(json.dumps(clean)) > MOST_SHOWN:
            return Arguments(None, None, len(plain), hidden)
        return Arguments(*clean, len(plain), hidden)
    return unread


def _names(task: str) -> list[str]:
    """What the task's parameters are called; nothing of a task that is not known here."""
    try:
        return list(registry.find(task).signature.parameters)
    except UnknownTask:
        return []
