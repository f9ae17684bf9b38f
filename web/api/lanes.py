"""The lanes over HTTP: who waits for whom and why, and a hand on each."""

from contextlib import suppress
from datetime import datetime
from typing import Any, cast, get_args

from flask import Blueprint, Response, jsonify

from jobs import lanes
from jobs.errors import InvalidOption, InvalidQuery
from jobs.health import blocked
from jobs.lanes import Lane, State
from jobs.queues import checked_text
from web import auth
from web.api import shared
from web.line import line
from web.problems import Problem

blueprint = Blueprint("lanes", __name__, url_prefix="/api/lanes")
blueprint.before_request(auth.require)

STATES = get_args(State)


@blueprint.get("")
def some() -> Response:
    """One page of the lanes that hold jobs, in no order; or the one of ``key``, empty where it holds none."""
    asked = shared.query("queue", "state", "key", "prefix", "limit", "cursor")
    state, limit, client = _state(asked), shared.limit(asked), line().client
    if "key" in asked:
        found = lanes.Page([one for one in lanes.read(client, [asked["key"]]) if one.depth], None)
    else:
        found = lanes.page(client, asked.get("queue"), state, asked.get("prefix", ""), limit, asked.get("cursor"))
    return jsonify({"lanes": _describe(found.lanes), "next": found.next})


@blueprint.post("/resume")
def resume() -> Response:
    """Let a halted lane go on, the job that failed first, with all its attempts; 409 when it is not halted."""
    key = _key()
    return _goes_on(key, "lane.resume", lanes.resume(line().client, key))


@blueprint.post("/skip")
def skip() -> Response:
    """Let a halted lane go on without the job that failed, which stays failed; 409 when it is not halted."""
    key = _key()
    return _goes_on(key, "lane.skip", lanes.skip(line().client, key))


@blueprint.post("/clear")
def clear() -> Response:
    """Cancel every job that waits in a lane; what runs goes on."""
    key = _key()
    if not lanes.is_busy(key, line().client):
        raise _empty(key)
    canceled = lanes.clear(line().client, key)
    auth.note("lane.clear", f"{key}: {canceled} jobs canceled")
    return jsonify({"key": key, "canceled": canceled})


def _goes_on(key: str, action: str, was_halted: bool) -> Response:
    found = lanes.lane(key, line().client)
    if not was_halted and not found.depth:
        raise _empty(key)
    if not was_halted:
        raise Problem(409, "Not halted", f"lane {key!r} is {found.state}; only one that a failed job halts goes on so")
    auth.note(action, key)
    return jsonify({"key": key, "depth": found.depth, "state": found.state})


def _state(asked: dict[str, str]) -> State | None:
    if asked.get("state") not in (None, *STATES):
        raise InvalidQuery(f"state is {asked['state']!r}: expected one of {', '.join(STATES)}")
    return cast(State | None, asked.get("state"))


def _key() -> str:
    try:
        return checked_text("key", shared.body("key").get("key", ""))
    except InvalidOption as error:
        raise Problem(422, "Bad request", str(error)) from None


def _empty(key: str) -> Problem:
    return Problem(404, "No such lane", f"lane {key!r} holds no job")


def _describe(found: list[Lane]) -> list[dict[str, Any]]:
    reasons = blocked.reasons(line().client, found)
    return [
        {**one._asdict(), "since": _since(one), "blocked": reason} for one, reason in zip(found, reasons, strict=True)
    ]


def _since(one: Lane) -> str | None:
    with suppress(ValueError):  # what another tool has written
        return shared.iso(datetime.fromisoformat(one.since)) if one.since else None
    return None
