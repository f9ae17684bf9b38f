"""The page of one job: what became of it and when, what it was called with, and what can be done to it."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response, make_response, render_template

from jobs import catalog, queues, registry
from jobs.catalog import STEPS, Detail
from jobs.errorlines import error_line
from jobs.errors import InvalidJobId
from jobs.tracebacks import cleaned
from web import auth, story
from web.api.views import MOST_ERROR
from web.line import line

blueprint = Blueprint("job_page", __name__)
blueprint.before_request(auth.require)

SHORT = 72
"""Characters of a value that stand in a line."""
IN_FULL = 5
"""Attempts whose tracebacks are shown, the latest."""


class Trace(NamedTuple):
    """A traceback: all of it, and without the frames that are not one's own."""

    full: str
    cleaned: str


class Value(NamedTuple):
    name: str
    text: str
    short: bool


@blueprint.get("/jobs/<job_id>")
def index(job_id: str) -> Response:
    """One job; 404, in words, when it is not there."""
    found = _found(job_id)
    if found is None:
        return make_response(render_template("gone.html", job_id=job_id, keep=line().settings.keep), 404)
    now = datetime.now(UTC)
    return make_response(
        render_template(
            "job.html",
            job=found.job,
            found=found,
            can=_can(found),
            steps=story.steps(found.timeline),
            strip=story.strip(found.timeline, found.job.state, now),
            values=_values(found),
            result=_value("", found.result.value) if found.result and found.result.value is not None else None,
            traces={one.number: _trace(one.error) for one in found.attempts[-IN_FULL:] if one.error},
            errors={one.number: error_line(one.error) for one in found.attempts if one.error},
            next_attempt=(found.attempts[-1].number if found.attempts else 0) + 1,
        )
    )


def _found(job_id: str) -> Detail | None:
    try:
        return catalog.detail(line().client, queues.checked_id(job_id))
    except InvalidJobId:
        return None


def _can(found: Detail) -> set[str]:
    """What can be done to it in its state."""
    state = found.job.state
    return {*(name for name, step in STEPS.items() if state in step.states), *(["stop"] if state == "running" else [])}


def _values(found: Detail) -> list[Value] | None:
    """What it was called with, by the names of the task's parameters; None where that is not shown."""
    given, task = found.arguments, registry.known(found.job.task)
    if given.args is None or given.kwargs is None:
        return None
    names = list(task.signature.parameters) if task else []
    names += [str(number) for number in range(len(names) + 1, len(given.args) + 1)]
    return [_value(*one) for one in (*zip(names, given.args, strict=False), *given.kwargs.items())]


def _value(name: str, value: Any) -> Value:
    text = json.dumps(value, ensure_ascii=False)
    short = len(text) <= SHORT
    return Value(name, text if short else json.dumps(value, ensure_ascii=False, indent=2), short)


def _trace(error: str) -> Trace:
    end = error if len(error) <= MOST_ERROR else f"…{error[-MOST_ERROR:]}"
    return Trace(end, cleaned(end))
