"""The locks that are held, over HTTP."""

from typing import Any

from flask import Blueprint, Response, jsonify

from jobs.supervise import instance
from jobs.supervise.locklist import Held, page
from web import auth
from web.api import shared
from web.line import line

blueprint = Blueprint("locks", __name__, url_prefix="/api/locks")
blueprint.before_request(auth.require)


@blueprint.get("")
def some() -> Response:
    """One page of the locks that code holds, in no order; and the single worker of each type that has one."""
    asked = shared.query("prefix", "limit", "cursor")
    found = page(line().client, asked.get("prefix", ""), shared.limit(asked), asked.get("cursor"))
    types = [_type(one) for one in instance.locks(line().client) if one.holder]
    return jsonify({"locks": [_lock(one) for one in found.locks], "types": types, "next": found.next})


def _lock(one: Held) -> dict[str, Any]:
    holder = one.holder
    return {
        "name": one.name,
        "job": holder.job,
        "process": holder.process,
        "token": holder.token,
        "since": shared.iso(holder.since),
        "ttl": round(one.left, 3),
        "run_id": holder.run_id,
    }


def _type(one: instance.Lock) -> dict[str, Any]:
    assert one.holder
    return {
        "type": one.type,
        "worker": one.holder.worker or None,
        "token": one.holder.token,
        "since": shared.at(one.holder.since or None),
        "ttl": round(one.left, 3) if one.left >= 0 else None,
    }
