"""Which jobs wait for which others, as RQ's ``depends_on`` has it, and which of them in vain."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis

from jobs import keys, scripts
from jobs.catalog import summary
from jobs.catalog.states import OVER, State

MOST = 100


class Awaited(NamedTuple):
    """A job that another waits for."""

    id: str
    state: State | None
    """None: it is gone."""

    @property
    def fate(self) -> str:
        """Of one that is waited for in vain: what has become of it."""
        return {"failed": "has failed", "stopped": "was stopped", "canceled": "was canceled"}.get(
            self.state or "", "is gone"
        )


def awaited_by(client: Redis, job_id: str) -> list[str]:
    """Who waits for a job that has not finished: their ids, the first ``MOST`` in order."""
    return scripts.awaited(client, job_id, MOST)


def waits_for(client: Redis, job_id: str) -> tuple[list[Awaited], list[Awaited]]:
    """The jobs that one depends on while it waits for them, and those of them for which it waits in vain."""
    status, ids, may_fail = client.hmget(keys.job(job_id), "status", "dependency_ids", "allow_dependency_failures")
    if status != b"deferred" or not ids:
        return [], []
    found = [Awaited(other, state) for other, state in _states(client, json.loads(ids))]
    return found, in_vain(found, may_fail == b"1")


def in_vain(found: Sequence[Awaited], may_fail: bool) -> list[Awaited]:
    """For which of these one waits in vain: they have ended badly, or are gone, and nobody else will let it go.

    RQ looks again when one of them ends: what is gone by then is no longer waited for, nor, where one ``may_fail``,
    what has failed.
    """
    badly = {"stopped", "canceled"} if may_fail else {"failed", "stopped", "canceled"}
    if dead := [one for one in found if one.state in badly]:
        return dead
    to_come = any(one.state and one.state not in OVER for one in found)
    return [] if to_come else [one for one in found if one.state is None]


def _states(client: Redis, ids: list[str]) -> list[tuple[str, State | None]]:
    with client.pipeline(transaction=False) as pipeline:
        for job_id in ids:
            summary.ask(pipeline, job_id)
        replies = pipeline.execute(raise_on_error=False)
    rows = [summary.row(job_id, reply, 0.0) for job_id, reply in zip(ids, replies, strict=True)]
    return [(job_id, row.job.state if row else None) for job_id, row in zip(ids, rows, strict=True)]
