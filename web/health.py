"""Health for machines: the documents of ``jobs.health.report`` over HTTP."""

from flask import Blueprint, Response, g, jsonify

from jobs.health import report
from jobs.health.report import Document
from web.line import line

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    return _answer(report.live())


@blueprint.get("/readyz")
def readyz() -> Response:
    return _answer(report.ready(line().watch.view(), line().last_seen))


@blueprint.get("/health")
def health() -> Response:
    return _answer(report.health(line().watch.view(), line().presence.identity, g.full))


@blueprint.get("/health/queue")
def queue_health() -> Response:
    return _answer(report.queue_health(line().watch.view(), line().round_trips))


@blueprint.get("/queue/stats")
def stats() -> Response:
    return _answer(report.stats(line().watch.view(), g.full))


def _answer(document: Document) -> Response:
    status, body = document
    response = jsonify(body)
    response.status_code, response.mimetype = status, report.MEDIA_TYPE
    return response
