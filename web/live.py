"""Pages are told when something has changed, by server-sent events; ``static/live.js`` then fetches what did."""

import socket
import time
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from jobs.health.access import SAFE
from web import auth
from web.line import line
from web.problems import Problem
from web.pulse import Pulse

blueprint = Blueprint("live", __name__)
blueprint.before_request(auth.require)

SILENCE = 5.0
"""Seconds after which something is said, so that nobody in between takes it for dead."""
AGAIN = 30
"""Seconds after which one that found no room may ask for it again; until then it asks ``/live/now``."""


@blueprint.get("/live")
def stream() -> Response:
    """A signature now, and each time that anything changes; 503 where as many listen as may."""
    pulse = line().pulse
    if not pulse.join():
        advice = f"ask /live/now every 2 s, or come back in {AGAIN} s"
        raise Problem(503, "Too many listen", advice, {"Retry-After": str(AGAIN)})
    response = Response(_events(pulse, request.environ.get("gunicorn.socket")), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(pulse.leave)
    return response


@blueprint.get("/live/now")
def now() -> Response:
    """The signature, for who is not told: as cheap as an answer can be."""
    return jsonify({"signature": line().pulse.now().signature})


@blueprint.after_app_request
def _look_again(response: Response) -> Response:
    """Who has done something sees at once what has come of it."""
    if request.method not in SAFE:
        line().pulse.forget()
    return response


def _events(pulse: Pulse, client: socket.socket | None) -> Iterator[str]:
    yield "retry: 2000\n\n"
    known, said = "", time.monotonic()
    while pulse.goes_on() and not _is_gone(client):
        signature = pulse.wait(known, within=1.0)
        if signature != known:
            known, said = signature, time.monotonic()
            yield f"data: {known}\n\n"
        elif time.monotonic() - said >= SILENCE:
            said = time.monotonic()
            yield ": nothing new\n\n"


def _is_gone(client: socket.socket | None) -> bool:
    """Has the browser hung up? Writing would tell only later, and its thread is wanted."""
    if client is None:
        return False
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
