"""The page of the lanes: who waits for whom, since when and why, and a hand on each."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple, cast, get_args

from flask import Blueprint, render_template

from jobs import catalog, lanes
from jobs.catalog import NAMELESS, Title
from jobs.errors import InvalidQuery
from jobs.health import blocked
from jobs.lanes import Lane, Page, State
from web import asking, auth
from web.asking import Asked
from web.line import line
from web.pages.jobs import queue_options, task_names

blueprint = Blueprint("lanes_page", __name__)
blueprint.before_request(auth.require)

SHOWN = 50
FIRST = 25
"""Halted lanes that come before all others."""
STATES = get_args(State)
ANY_STATE = (("", "Any"), *((state, state.capitalize()) for state in ("halted", "running", "queued", "retrying")))


class Row(NamedTuple):
    """A lane as it is shown."""

    lane: Lane
    since: datetime | None
    why: str | None
    """What its jobs wait for, in words; None where none has to."""
    error: str | None
    """What halted it."""
    cancels: int
    """Jobs that clearing it would cancel."""
    title: Title
    """What its head is called."""


class Found(NamedTuple):
    rows: list[Row]
    total: int
    """Of all lanes."""
    next: str | None


NONE = Found([], 0, None)


@blueprint.get("/lanes")
def index() -> str:
    asked = asking.asked("queue", "state", "prefix")
    found, missing = asking.ask(lambda: _look(asked), NONE)
    return render_template(
        "lanes.html",
        asked=asked,
        filtered=bool(asked.given),
        rows=found.rows,
        total=found.total,
        next=found.next,
        **missing,
        queues=queue_options(asked.get("queue")),
        states=asking.options(asked.get("state"), ANY_STATE),
        example=next(iter(task_names()), "shop.tasks.send_receipt"),
    )


def _look(asked: Asked) -> Found:
    page = _page(asked)
    return Found(_rows(page.lanes), lanes.count(line().client), page.next)


def _page(asked: Asked) -> Page:
    """The lanes that are asked for; one of just that key, and those that wait for a person, come first."""
    state, client = asked.get("state") or None, line().client
    if state not in (None, *STATES):
        raise InvalidQuery(f"state is {state!r}: expected one of {', '.join(STATES)}")
    queue, prefix = asked.get("queue") or None, asked.get("prefix")
    found = lanes.page(client, queue, cast(State | None, state), prefix, SHOWN, asked.cursor)
    if state or asked.cursor:
        return found
    named = [one for one in lanes.read(client, [prefix]) if one.depth and queue in (None, one.queue)] if prefix else []
    halted = lanes.page(client, queue, "halted", prefix, FIRST).lanes
    chosen = list({one.key: one for one in (*named, *halted)}.values())
    first = {one.key for one in chosen}
    return Page(chosen + [one for one in found.lanes if one.key not in first], found.next)


def _rows(found: list[Lane]) -> list[Row]:
    called = catalog.titles(line().client, [one.head for one in found if one.head])
    reasons = blocked.reasons(line().client, found)
    return [_row(one, why, called.get(one.head or "", NAMELESS)) for one, why in zip(found, reasons, strict=True)]


def _row(one: Lane, reason: str | None, title: Title) -> Row:
    head = catalog.one(line().client, one.head) if one.state == "halted" and one.head else None
    said = reason.replace(f"job {one.head}", "its head") if reason else None
    cancels = one.depth - (one.state in ("running", "halted"))
    return Row(one, _moment(one.since), said, head.error if head else None, cancels, title)


def _moment(text: str | None) -> datetime | None:
    with suppress(ValueError):  # what another tool has written
        when = datetime.fromisoformat(text) if text else None
        return when.replace(tzinfo=when.tzinfo or UTC) if when else None
    return None
