"""Errors over HTTP: ``application/problem+json`` (RFC 9457), in words."""

from collections.abc import Mapping

from flask import Flask, Response, jsonify, make_response, render_template, request
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from jobs.errors import EnqueueError, InvalidQuery, JobAwaited, UnknownSchedule, UnknownTask
from jobs.refusals import WORDS, kind, said


class Problem(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers = headers or {}


def install(app: Flask) -> None:
    """Answer every error of the app as a problem."""
    app.register_error_handler(Problem, _told)
    app.register_error_handler(EnqueueError, _refused)
    app.register_error_handler(InvalidQuery, lambda error: _problem(422, "Bad query", str(error)))
    app.register_error_handler(UnknownSchedule, lambda error: _problem(404, "No such schedule", str(error)))
    app.register_error_handler(JobAwaited, lambda error: _problem(409, "Others wait for it", str(error)))
    app.register_error_handler(RedisError, _no_redis)
    app.register_error_handler(HTTPException, _http)


def _told(error: Problem) -> Response:
    response = _problem(error.status, error.title, error.detail)
    response.headers.update(error.headers)
    return response


def _refused(error: EnqueueError) -> Response:
    return _problem(404 if isinstance(error, UnknownTask) else 422, "Job refused", str(error))


def _no_redis(error: RedisError) -> Response:
    words, known = WORDS[kind(error)], "nothing is known to be accepted" if kind(error) == "away" else "not accepted"
    return _problem(503, words.title, f"{known} ({said(error)}); send it again later. {words.remedy}")


def _http(error: HTTPException) -> Response:
    response = _problem(error.code or 500, error.name, error.description or error.name)
    response.headers.extend((name, value) for name, value in error.get_headers() if name != "Content-Type")
    return response


def _problem(status: int, title: str, detail: str) -> Response:
    if _is_asked_by_person():
        return make_response(render_template("problem.html", title=title, detail=detail), status)
    response = jsonify({"type": "about:blank", "status": status, "title": title, "detail": detail})
    response.status_code, response.mimetype = status, "application/problem+json"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _is_asked_by_person() -> bool:
    """Is it a page that was asked for, by a browser?"""
    wanted = request.accept_mimetypes
    return not request.path.startswith("/api/") and wanted["text/html"] > wanted["application/json"]
