"""What the frame around every page shows: the pages there are, the verdict, who looks, and words for times."""

import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Flask, g, request

from jobs.health.access import Level
from jobs.health.diagnosis import Limits
from jobs.health.verdict import Verdict, verdict
from web import remedies, subjects, words
from web.line import line
from web.pulse import Beat


class Entry(NamedTuple):
    """A page in the navigation; ``letter`` is typed after ``g``."""

    path: str
    title: str
    letter: str


PAGES = (
    Entry("/", "Overview", "o"),
    Entry("/queues", "Queues", "q"),
    Entry("/lanes", "Lanes", "l"),
    Entry("/jobs", "Jobs", "j"),
    Entry("/failures", "Failures", "f"),
    Entry("/workers", "Workers", "w"),
    Entry("/schedules", "Schedules", "s"),
    Entry("/line", "Line", "i"),
    Entry("/audit", "Audit", "a"),
)


class Frame(NamedTuple):
    """What ``layout.html`` is given."""

    pages: tuple[Entry, ...]
    here: str
    verdict: Verdict
    signature: str
    failed: int
    halted: int


def install(app: Flask) -> None:
    """Give every template its frame, and the words for times and sizes."""
    app.context_processor(_context)
    app.add_template_global(page_url)
    app.add_template_global(remedies.advice, "advice")
    app.add_template_global(subjects.evidence, "evidence")
    app.template_filter("linked")(subjects.linked)
    app.template_filter("short")(subjects.short)
    app.template_filter("span")(words.span)
    app.template_filter("took")(words.took)
    app.template_filter("size")(words.size)
    app.template_filter("number")(words.number)
    app.template_filter("iso")(words.iso)
    app.template_filter("exact")(words.exact)
    app.template_filter("since")(lambda when: words.span(time.time() - words.moment(when).timestamp()))
    app.template_filter("relative")(lambda when: words.relative(when, time.time()))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def _context() -> dict[str, Any]:
    level = g.get("level", Level.NONE)
    return {"frame": frame(), "may_read": level >= Level.READ, "may_act": level >= Level.OPERATE, "actor": _actor()}


def _actor() -> str:
    """Who has logged in; '' where nobody needs to."""
    caller = g.get("caller")
    return g.actor if caller and caller.by == "session" else ""


def look() -> None:
    """Before a page reads anything of its own: its signature is then never of a later state than what it shows."""
    beat()


def beat() -> Beat:
    """The line as it is now, or was less than a second ago; the same all through a request."""
    if "beat" not in g:
        g.beat = line().pulse.now()
    found: Beat = g.beat
    return found


def frame() -> Frame:
    """The frame of the page that is being made; what it says of the line is at most a second old."""
    now, settings = beat(), line().settings
    seen = now.view.snapshot
    return Frame(
        pages=PAGES,
        here=request.path,
        verdict=verdict(seen, now.view.findings, settings.queues, Limits(settings.heartbeat)),
        signature=now.signature,
        failed=sum(queue.failed for queue in seen.queues),
        halted=seen.halts,
    )


def page_url(path: str, **query: str) -> str:
    """The address of a page that is asked for so."""
    return f"{path}?{urlencode(query)}" if query else path
