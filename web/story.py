"""What became of a job, as its page tells it: steps in words, and a strip that shows where the time went. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from jobs.catalog import OVER, Event, State
from web import words

WIDTH, HEIGHT, GAP = 1000.0, 12, 1.5
SLIMMEST = 3.0
"""So that what took no time is seen all the same."""
LONGEST = 200
"""Stretches that the strip shows, the last ones."""
SAID = {"accepted": "Accepted", "queued": "Put in its queue", "canceled": "Canceled"}
ENDED = {
    "finished": "finished",
    "failed": "failed",
    "stopped": "was stopped",
    "retried": "asked to be tried again",
    "exhausted": "asked to be tried again, once too often",
    "interrupted": "was interrupted: its process ended",
}


class Step(NamedTuple):
    """One event in words."""

    what: str
    """As the catalog calls it."""
    words: str
    took: str
    """What lies before it: ``waited 3.2 s``, ``ran 12 ms``; '' where that is not known."""
    event: Event


class Stretch(NamedTuple):
    """Time that a job spent in one way."""

    how: str
    """``waiting``, ``running``, or how the attempt ended."""
    seconds: float


def steps(timeline: Sequence[Event]) -> list[Step]:
    """The events of a job in words, in their order."""
    return [Step(event.what, _words(event), _took(event), event) for event in timeline]


def _words(event: Event) -> str:
    if event.what in SAID:
        return SAID[event.what]
    if event.what == "due":
        return "Goes to its queue"
    attempt = f"Attempt {event.attempt}" if event.attempt else "An attempt"
    return f"{attempt} {'started' if event.what == 'started' else ENDED.get(event.what, event.what)}"


def _took(event: Event) -> str:
    if event.seconds is None:
        return ""
    return f"{'ran' if event.what in ENDED else 'waited'} {words.took(event.seconds)}"


def stretches(timeline: Sequence[Event], state: State, now: datetime) -> Iterator[Stretch]:
    """How a job has spent its time, until now or its end."""
    last: datetime | None = None
    how = "waiting"
    for event in timeline:
        if event.what == "due":
            continue
        if last is not None and event.what in ("started", "canceled", *ENDED):
            yield Stretch(event.what if event.what in ENDED else how, max((event.at - last).total_seconds(), 0.0))
            last = event.at
        last = last or event.at
        how = "running" if event.what == "started" else "waiting"
    if last is not None and state not in OVER:
        yield Stretch(how, max((now - last).total_seconds(), 0.0))


def strip(timeline: Sequence[Event], state: State, now: datetime) -> Markup:
    """The stretches side by side, as wide as they were long; nothing where there is nothing to compare."""
    found = list(stretches(timeline, state, now))[-LONGEST:]
    whole = sum(one.seconds for one in found)
    if not found or not whole:
        return Markup("")
    room = WIDTH - SLIMMEST * len(found)
    parts, x = [], 0.0
    for one in found:
        width = SLIMMEST + room * one.seconds / whole
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="{}"><title>{}</title></rect>').format(
                one.how, x, max(width - GAP, GAP), HEIGHT, f"{one.how} {words.took(one.seconds)}"
            )
        )
        x += width
    return Markup(
        '<svg class="strip" viewBox="0 0 {:.0f} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, _summary(found), Markup("").join(parts))


def _summary(found: Sequence[Stretch]) -> str:
    waited = sum(one.seconds for one in found if one.how == "waiting")
    ran = sum(one.seconds for one in found if one.how != "waiting")
    return f"waited {words.took(waited)}, ran {words.took(ran)}"
