"""What is known to be wrong now, over HTTP."""

from flask import Blueprint, Response, jsonify

from jobs.health.diagnosis import Finding
from jobs.health.diagnosis.subjects import subjects
from web import auth
from web.api import shared
from web.line import line

blueprint = Blueprint("findings", __name__, url_prefix="/api/findings")
blueprint.before_request(auth.require)


@blueprint.get("")
def every() -> Response:
    """Every finding, gravest first; that Redis does not answer is one."""
    shared.query()
    view = line().watch.view()
    found = [{**one.as_dict(), "since": shared.at(one.since), "about": _about(one)} for one in view.findings]
    return jsonify({"status": view.status, "findings": found, "seen_at": shared.at(view.snapshot.now)})


def _about(finding: Finding) -> list[dict[str, str]]:
    return [{"kind": one.kind, "name": one.name} for one in subjects(finding.evidence)]
