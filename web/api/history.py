"""What became of jobs over time, over HTTP."""

from typing import Any

from flask import Blueprint, Response, jsonify

from jobs import history
from jobs.errors import InvalidQuery
from jobs.history import SPANS, Bucket
from web import auth
from web.api import shared
from web.api.shared import iso
from web.line import line

blueprint = Blueprint("history", __name__)
blueprint.before_request(auth.require)


@blueprint.get("/api/history")
def show() -> Response:
    """What ended in a queue, of a task or in all, bucket by bucket; times are seconds, and null where nothing ended."""
    asked = shared.query("queue", "task", "span")
    queue, task, span = asked.get("queue"), asked.get("task"), asked.get("span", SPANS[0])
    if queue and task:
        raise InvalidQuery("queue and task were given: the history is kept by either, so ask for one of them")
    if span not in SPANS:
        raise InvalidQuery(f"span is {span!r}: expected one of {', '.join(SPANS)}")
    found = history.read(line().client, span, queue=queue, task=task)
    return jsonify(
        {
            "queue": queue,
            "task": task,
            "span": span,
            "step": found.step,
            "buckets": [_describe(bucket) for bucket in found.buckets],
            "total": _describe(found.total),
            "deploys": [{"commit": one.commit, "at": iso(one.at)} for one in found.deploys],
            **history.names(line().client)._asdict(),
        }
    )


def _describe(bucket: Bucket) -> dict[str, Any]:
    return {
        "start": iso(bucket.start),
        "finished": bucket.finished,
        "failed": bucket.failed,
        "retried": bucket.retried,
        "wait": shared.percentiles(bucket.wait),
        "run": shared.percentiles(bucket.run),
    }
