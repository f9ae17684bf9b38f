"""How a job is told over HTTP, and how one says which jobs are meant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.catalog import Detail, Filter, Summary, moment, states_of
from jobs.records import Attempt
from web.api.shared import iso
from web.problems import Problem

FILTERS = ("queue", "state", "task", "key", "text", "error", "group", "since", "until")
MOST_ERROR = 32 * 1024
"""Characters of a traceback that are told, the last ones: an error is named at the end."""


def wanted(asked: Mapping[str, str]) -> Filter:
    """The jobs that are meant. Raises ``InvalidQuery``."""
    since, until = asked.get("since"), asked.get("until")
    return Filter(
        states=states_of(asked.get("state", "")),
        since=moment(since) if since else None,
        until=moment(until, "until") if until else None,
        **{name: asked[name] for name in ("queue", "task", "key", "text", "error", "group") if name in asked},
    )


def summary(job: Summary) -> dict[str, Any]:
    """A job in a list."""
    told = {name: iso(value) if isinstance(value, datetime) else value for name, value in job._asdict().items()}
    return {**told, "progress": job.progress._asdict() if job.progress else None}


def detail(found: Detail) -> dict[str, Any]:
    """A job in full."""
    job, lane = found.job, found.lane
    over_badly = found.attempts[-1].error if found.attempts and job.ended_at and job.state != "finished" else None
    return {
        **summary(job),
        "arguments": {name: getattr(found.arguments, name) for name in ("args", "kwargs", "size")},
        "timeout": found.timeout,
        "result": found.result.value if found.result else None,
        "result_bytes": found.result.size if found.result else 0,
        "error": _end(over_badly),
        "note": found.attempts[-1].note if found.attempts else None,
        "attempts": [attempt(one) for one in found.attempts],
        "timeline": [{**event._asdict(), "at": iso(event.at)} for event in found.timeline],
        "lane": lane._asdict() if lane else None,
        "waits_for": [one.id for one in found.waits_for],
        "waits_in_vain_for": [one._asdict() for one in found.in_vain],
        "awaited_by": found.awaited_by,
    }


def attempt(one: Attempt) -> dict[str, Any]:
    """One attempt at a job."""
    return {
        "number": one.number,
        "worker": one.worker,
        "started_at": iso(one.started),
        "ended_at": iso(one.ended),
        "outcome": one.outcome,
        "error": _end(one.error),
        "note": one.note,
    }


def _end(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_ERROR else f"…{text[-MOST_ERROR:]}"


def no_such_job(job_id: str) -> Problem:
    return Problem(404, "No such job", f"there is no job {job_id!r}; finished jobs are kept for JOBS_KEEP")
