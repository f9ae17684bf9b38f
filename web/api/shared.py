"""What every part of the API needs: times, queries and bodies, with refusals in words."""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, request

from jobs.errors import InvalidQuery
from jobs.history import Percentiles
from web.problems import Problem

LIMIT, MOST = 50, 500


def iso(when: datetime | None) -> str | None:
    """A time as the API tells it: UTC, with milliseconds and Z."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at(seconds: float | None) -> str | None:
    """The same for seconds since 1970."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))


def percentiles(found: Percentiles | None) -> dict[str, float] | None:
    """Seconds."""
    return {name: round(value, 6) for name, value in found._asdict().items()} if found else None


def accepted(answer: dict[str, Any], where: str | None = None) -> Response:
    """202: it will be done, and ``where`` tells how far it is."""
    response = jsonify(answer)
    response.status_code = 202
    if where:
        response.headers["Location"] = where
    return response


def query(*known: str) -> dict[str, str]:
    """What was asked for. Raises ``InvalidQuery`` for a name that is not known, and for one without a value."""
    if unknown := sorted(set(request.args) - set(known)):
        raise InvalidQuery(f"{unknown[0]!r} is not known; known: {', '.join(known) or 'none'}")
    if empty := sorted(name for name, value in request.args.items() if not value):
        raise InvalidQuery(f"{empty[0]!r} is empty: give it a value, or leave it out")
    return request.args.to_dict()


def limit(asked: dict[str, str]) -> int:
    """How many a page holds. Raises ``InvalidQuery``."""
    text = asked.get("limit", str(LIMIT))
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MOST):
        raise InvalidQuery(f"limit is {text!r}: expected a whole number from 1 to {MOST}")
    return int(text)


def body(*known: str, required: bool = True) -> dict[str, Any]:
    """The JSON object that was sent, which holds nothing but these; {} where none was, unless it is required."""
    if not required and not request.get_data():
        return {}
    if not request.is_json:
        raise Problem(415, "Not JSON", "send a JSON object, with the header Content-Type: application/json")
    try:
        found = request.get_json()
        if b"\\u" in request.get_data():
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise Problem(422, "Bad request", "the JSON is nested too deeply") from None
    except UnicodeEncodeError:
        raise Problem(422, "Bad request", "a text holds half a character (a surrogate without the other)") from None
    if not isinstance(found, dict):
        raise Problem(422, "Bad request", f"send a JSON object; it may hold {', '.join(known) or 'nothing'}")
    if unknown := sorted(set(found) - set(known)):
        raise Problem(422, "Unknown field", f"{unknown[0]!r} is not known; known: {', '.join(known) or 'none'}")
    return found
