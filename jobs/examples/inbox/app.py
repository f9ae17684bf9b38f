"""The web part with the message queue's own pages; ``python -m jobs.examples.inbox.app`` serves it."""

import sys

from flask import Blueprint, Flask, Response, jsonify, request
from rq.exceptions import NoSuchJobError

import web
from jobs import queues
from jobs.errors import InvalidJobId
from jobs.examples.inbox import view
from jobs.read import seconds
from jobs.settings import Settings
from web import auth
from web.__main__ import main
from web.line import line
from web.problems import Problem

blueprint = Blueprint("message_queue", __name__, url_prefix="/message-queue")


def create_app(settings: Settings | None = None) -> Flask:
    """``web.create_app`` and these pages."""
    app = web.create_app(settings)
    app.register_blueprint(blueprint)
    return app


@blueprint.before_request
def _guard() -> None:
    if request.endpoint != "message_queue.stats":
        auth.check()


@blueprint.get("/stats")
def stats() -> Response:
    """The counts; a warning from ``JOBS_WARN_PENDING`` pending messages on."""
    counts = view.stats(line().client)
    status = "warning" if counts["pending"] >= line().settings.warn_pending else "healthy"
    return jsonify({"status": status, "stats": counts})


@blueprint.post("/clean")
def clean() -> Response:
    """Delete what has been completed for ``older_than``, such as ``12h``; 7 days unless it says otherwise."""
    try:
        age = seconds(request.args.get("older_than", "7d"))
    except ValueError as error:
        raise Problem(422, "Not a time", f"older_than: {error}") from None
    return jsonify({"deleted": view.clean(line().client, age)})


@blueprint.get("/messages/<job_id>")
def message(job_id: str) -> Response:
    """One message by the id of its job: whose it is, how it is, who holds it and until when."""
    try:
        return jsonify(view.message(line().client, queues.checked_id(job_id)))
    except (NoSuchJobError, InvalidJobId, KeyError):
        raise Problem(404, "No such message", f"there is no message {job_id!r}") from None


if __name__ == "__main__":
    sys.exit(main(create_app))
