"""The description of the API, over HTTP."""

from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify

from web import auth, openapi
from web.api import shared

blueprint = Blueprint("description", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/api/openapi.json")
def show() -> Response:
    """The API as an OpenAPI 3.1 document."""
    shared.query()
    return jsonify(_document())


@cache
def _document() -> dict[str, Any]:
    return openapi.document()
