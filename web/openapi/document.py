"""The API as one OpenAPI 3.1 document, made from the operations that the modules beside this one list. Pure."""

import re
from typing import Any

from jobs import __version__
from web.openapi import jobs, line, record
from web.openapi.terms import Asked, Operation, Schema, ref, shape
from web.session import COOKIE

TEXTS = {
    400: "It is no JSON, or no request",
    401: "Nobody may do this without a token",
    403: "This token may not, or a foreign page sent it",
    404: "There is no such thing",
    409: "It is not in a state for that",
    413: "The body takes more than 1 MiB",
    415: "It is not said to be JSON",
    422: "It is understood, and refused; the detail says why",
    429: "Too many wrong tokens came from this address",
    503: "Redis does not answer, or refuses to",
}
ALWAYS = (401, 403, 429, 503)
HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": {"schema": {"type": "string"}}},
}
PARTS = (jobs, line, record)
PROBLEM = shape(
    type={"type": "string"},
    status={"type": "integer"},
    title={"type": "string"},
    detail={"type": "string"},
)


def document() -> dict[str, Any]:
    """The whole of it."""
    operations = [(tag, one) for part in PARTS for tag, found in part.OPERATIONS.items() for one in found]
    paths: dict[str, dict[str, Any]] = {}
    for tag, one in operations:
        paths.setdefault(one.path, {})[one.method] = _operation(tag, one)
    schemas = {name: schema for part in PARTS for name, schema in part.SCHEMAS.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Signalbox",
            "version": __version__,
            "description": "Put jobs in, look at the line, and have a hand on all of it.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(tag for tag, _ in operations)],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM},
            "responses": {str(status): _problem(status) for status in TEXTS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "JOBS_TOKEN, or JOBS_READ_TOKEN to look"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "given at /login"},
            },
        },
    }


def _operation(tag: str, one: Operation) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", one.path)
    found: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "tags": [tag],
        "parameters": [_in_path(name) for name in names] + [_in_query(asked) for asked in one.query],
        "responses": {
            str(one.status): _answer(one),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted({*ALWAYS, *one.refuses})},
        },
    }
    if one.body is not None:
        content = {"application/json": {"schema": one.body}}
        found["requestBody"] = {"required": not one.body_optional, "content": content}
    return found


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _in_query(asked: Asked) -> dict[str, Any]:
    described = {"description": asked.description} if asked.description else {}
    return {"name": asked.name, "in": "query", "schema": asked.schema, **described}


def _answer(one: Operation) -> dict[str, Any]:
    said = {200: "As asked", 202: "It will be done"}[one.status]
    return {"description": said, "content": {"application/json": {"schema": one.answer}}}


def _problem(status: int) -> dict[str, Any]:
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    content: dict[str, Schema] = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": TEXTS[status], "content": content, **headers}
