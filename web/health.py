"""Health for machines: what ``jobs.health.answers`` says, over HTTP."""

from flask import Blueprint, Response, g, request

from jobs.health import answers
from jobs.health.answers import Answer
from jobs.health.paths import PATHS
from web import auth
from web.line import line

blueprint = Blueprint("health", __name__)


def show() -> Response:
    """What there is at this address."""
    found = line().answers.get(request.path, g.level)
    assert found
    return _response(found)


for path in PATHS:
    blueprint.add_url_rule(path, path.strip("/").replace("/", "_"), show)


@blueprint.post(answers.PROBE)
def probe() -> Response:
    """Send heartbeats now and wait for them: ``?queue=``, ``?within=`` seconds."""
    auth.require()
    return _response(line().answers.probe(g.level, request.args))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
