"""How much a request may bring."""

from flask import Flask, g, request
from werkzeug.exceptions import RequestEntityTooLarge

MOST = 1024 * 1024
"""Bytes."""


def install(app: Flask) -> None:
    """Refuse what is larger, said in advance or not."""
    app.config["MAX_CONTENT_LENGTH"] = MOST
    app.before_request(_measure)


def _measure() -> None:
    """Werkzeug cuts off what comes in chunks at the limit and says nothing, so a part could pass for the whole."""
    chunked = request.content_length is None and "Transfer-Encoding" in request.headers
    if chunked and g.level and len(request.get_data()) >= MOST:  # what nobody sends is not read
        raise RequestEntityTooLarge()
