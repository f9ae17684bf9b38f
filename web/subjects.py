"""Names of things as links to their pages. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from jobs.health.diagnosis.subjects import NAMES, Kind, Subject, subjects

LETTERS = 8
"""Of an id that says nothing: enough to tell it from others on a page."""
RANDOM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WITHIN: Mapping[Kind, str] = {"queue": "'{}'"}
"""How a name stands in words, where that is not bare: a queue may be called like any word."""


def short(job_id: str) -> str:
    """A job's id as a list shows it: of a random one the beginning, whole where somebody chose it."""
    return f"{job_id[:LETTERS]}…" if RANDOM.fullmatch(job_id) else job_id


def href(subject: Subject) -> str:
    """The address of its page."""
    name = quote(subject.name, safe="")
    match subject.kind:
        case "queue":
            return f"/queues/{name}"
        case "job":
            return f"/jobs/{name}"
        case "lane":
            return f"/lanes?{urlencode({'prefix': subject.name})}"
        case "process":
            return f"/workers#at-{name}"
        case "schedule":
            return f"/schedules#at-{name}"


def linked(text: str, evidence: Mapping[str, Any]) -> Markup:
    """A text in which each thing that the evidence names is a link, and each command is marked as one."""
    said = {WITHIN.get(one.kind, "{}").format(one.name): one for one in subjects(evidence)}
    names = "|".join(re.escape(name) for name in sorted(said, key=len, reverse=True))
    parts = [
        r"(?P<command>python -m jobs(?: [\w:/=-]+(?:\.\w+)*)+)",
        *([rf"(?<![\w'/-])(?:{names})(?![\w'/-])"] if names else []),
    ]
    done, at = Markup(""), 0
    for match in re.finditer("|".join(parts), text):
        done += text[at : match.start()]
        done += Markup("<code>{}</code>").format(match[0]) if match["command"] else _link(said[match[0]])
        at = match.end()
    return done + text[at:]


def _link(one: Subject) -> Markup:
    words = short(one.name) if one.kind == "job" else one.name
    return Markup('<a href="{}"{}>{}</a>').format(
        href(one), Markup(' title="{}"').format(one.name) if words != one.name else "", words
    )


def evidence(found: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """Evidence as a page lists it: each word, and its value with links."""
    return [(word.replace("_", " "), _told(value, NAMES.get(word))) for word, value in found.items()]


def _told(value: Any, kind: Kind | None) -> Markup:
    if isinstance(value, dict):
        inner: Kind | None = "job" if kind in ("lane", "job") else None
        return _joined(_told(name, kind) + ": " + _told(one, inner) for name, one in value.items())
    if isinstance(value, list | tuple):
        return _joined(_told(one, kind) for one in value)
    if kind and isinstance(value, str) and value:
        return _link(Subject(kind, value))
    return Markup.escape("–" if value is None else value)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup(", ").join(parts)
