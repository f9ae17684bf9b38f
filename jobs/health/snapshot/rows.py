"""What a process has said of itself, as far as it can be understood: any version, and any tool, may have written it.

Whoever reads a row may rely on what stands here: the words that are ``NEEDED`` are there, and every word that is known
is of its kind. Pure.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

FARTHEST = 1e11
"""Above any time or count that is one, and below what cannot be told as a time."""

Fits = Callable[[object], bool]


def _text(found: object) -> bool:
    return isinstance(found, str)


def _number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < FARTHEST


def _whole(found: object) -> bool:
    return _number(found) and isinstance(found, int)


def _or_none(fits: Fits) -> Fits:
    return lambda found: found is None or fits(found)


def _list(fits: Fits) -> Fits:
    return lambda found: isinstance(found, list) and all(map(fits, found))


def _map(fits: Fits) -> Fits:
    return lambda found: isinstance(found, dict) and all(map(fits, found.values()))


NEEDED: Mapping[str, Fits] = {
    "id": _text,
    "role": _text,
    "status": _text,
    "queues": _list(_text),
    "serializer": _text,
    "tasks": _whole,
    "code": _text,
    "commit": _text,
    "started_at": _number,
    "counters": _map(_number),
}
MORE: Mapping[str, Fits] = {
    **dict.fromkeys(
        (
            *(
                "host",
                "service",
                "replica",
                "type",
                "platform",
                "holder",
                "jobs_role",
                "marker",
                "server",
                "lost_marker",
                "moved",
            ),
            "forbidden",
        ),
        _text,
    ),
    **dict.fromkeys(("fails_in", "hangs_in", "environment", "allow"), _text),
    **dict.fromkeys(("pid", "slots", "busy", "crashes", "client_id"), _whole),
    **dict.fromkeys(("period", "youngest", "grace", "clock_offset", "lost_until", "lost_at", "hangs_for"), _number),
    **dict.fromkeys(("holder_stays", "reads_pickle"), lambda found: isinstance(found, bool)),
    "draining": _or_none(_number),
    "versions": _map(_text),
    "caps": _map(_whole),
    "enqueues": _map(_list(_text)),
    "schedules": lambda found: isinstance(found, dict),
}
JOB: Mapping[str, Fits] = {"id": _text, "for": _number, "left": _or_none(_number), "still": _number}
LOOP: Mapping[str, Fits] = {
    "last_ping_ago": _number,
    "alive": lambda found: isinstance(found, bool),
    "restarts": _whole,
    "errors": _whole,
    "max_silence": _number,
}


def read(text: bytes) -> dict[str, Any] | None:
    """A row without what is not understood in it; None where that is something needed."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not _has(row, NEEDED):
        return None
    known = {name: value for name, value in row.items() if name not in MORE or MORE[name](value)}
    jobs, loops = row.get("running"), row.get("loops")
    return {
        **known,
        "running": [job for job in jobs if _has(job, JOB)] if isinstance(jobs, list) else [],
        "loops": {name: one for name, one in loops.items() if _has(one, LOOP)} if isinstance(loops, dict) else {},
    }


def _has(row: object, needed: Mapping[str, Fits]) -> bool:
    return isinstance(row, dict) and all(name in row and fits(row[name]) for name, fits in needed.items())
