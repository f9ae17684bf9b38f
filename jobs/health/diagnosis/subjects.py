"""What a finding is about, as far as its evidence names it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["queue", "job", "lane", "process", "schedule"]

NAMES: Mapping[str, Kind] = {
    **dict.fromkeys(("queue", "queues", "served"), "queue"),
    **dict.fromkeys(("job", "jobs", "running", "gone"), "job"),
    **dict.fromkeys(("lane", "lanes"), "lane"),
    **dict.fromkeys(("worker", "workers", "last_worker", "process", "processes", "serializers"), "process"),
    **dict.fromkeys(("schedule", "schedules"), "schedule"),
}
"""The words of evidence that name something: one, a list, or an object whose names they are. Of lanes and of jobs the
values of such an object are jobs too: the head of the lane, and who is waited for."""


class Subject(NamedTuple):
    """A thing that has a page."""

    kind: Kind
    name: str


def subjects(evidence: Mapping[str, Any]) -> list[Subject]:
    """What evidence names, each once, in its order."""
    return list(dict.fromkeys(_subjects(evidence)))


def _subjects(evidence: Mapping[str, Any]) -> Iterator[Subject]:
    for word, found in evidence.items():
        if kind := NAMES.get(word):
            names = [found] if isinstance(found, str) else found if isinstance(found, list | tuple | dict) else ()
            yield from (Subject(kind, name) for name in names if isinstance(name, str) and name)
            if isinstance(found, dict) and kind in ("lane", "job"):
                yield from (Subject("job", name) for name in found.values() if isinstance(name, str) and name)
