"""What living code declares by the clock."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.health.snapshot import Process

ROLES = ("worker", "scheduler")
"""Whose code counts: web may know a task that no worker has yet."""


def declared(processes: Iterable[Process], own: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What the living declare, by name, as text that is equal for equal specs; None when nobody has spoken yet.

    Where they disagree, as in a rolling deploy, the one that started last is right. ``own`` is what the asking
    process declares, which may not have published itself yet.
    """
    voices = [process.row for process in processes if process.works and process.role in ROLES]
    voices.sort(key=lambda row: float(row["started_at"]))
    found = {} if own is None else dict(own)
    for row in voices:
        found |= row.get("schedules", {})
    if not voices and own is None:
        return None
    return {name: json.dumps(spec, sort_keys=True) for name, spec in found.items()}
