"""The API as its description says: whatever is sent, no answer is one that it does not tell of."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from redis import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from schemathesis import Case
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from jobs import scripts
from jobs.health.throttle import Throttle
from jobs.retry import Retry
from jobs.settings import Settings
from tests.integration.test_dead import CHILD, KEY, WORKER, accept, claim, fail
from tests.integration.test_retention import finish
from tests.integration.test_workers_api import publish
from web import create_app
from web.openapi import document

TOKEN = "operators-token"
AS_OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
THERE = {"name": "default", "job_id": "failed", "worker_id": WORKER}
"""What paths may name that there is."""
CANNOT_SAY = [positive_data_acceptance]
"""A schema knows no names of tasks, and no cursors that were given out."""
OF_A_JOB_TOO = ("/api/jobs/batch", "/api/jobs/actions")
"""A job may have such an id, so what is allowed of a job is allowed here."""
SPEC: dict[str, Any] = {"every": 60, "tz": "UTC", "overlap": "skip", "retries": []}
SPEC |= dict.fromkeys(("cron", "queue", "timeout", "key", "policy"))
NIGHTLY = "tests.tasks.nightly"

schema = schemathesis.openapi.from_dict(document())


@pytest.fixture
def app(url: str, client: Redis, tasks: None) -> Iterator[Flask]:
    """At a line with a job in each state, a lane that is halted, and something of everything else."""
    scripts.grant(client, CHILD, 60)
    finish(client, job_id="finished")
    fail(client, job_id="failed")
    fail(client, job_id="halts", key="halted", policy="halt")
    fail(client, job_id="retrying", retry=Retry(3, backoff=60))
    accept(client, job_id="running", key=KEY)
    claim(client)
    accept(client, job_id="blocked", key=KEY)
    accept(client, job_id="scheduled", delay=60)
    accept(client, job_id="queued")
    publish(client, WORKER, loops={})
    scripts.lock(client, "lock", "me", 60, "host-1", None)
    scripts.take_instance(client, "inbound", WORKER, '"host": "h"', 60)
    scripts.declare(client, NIGHTLY, json.dumps(SPEC), 2e9)
    found = create_app(Settings.from_environ({"REDIS_URL": url, "JOBS_TOKEN": TOKEN}))
    yield found
    found.extensions["line"].client.close()


@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: Case[Any], app: Flask) -> None:
    case.operation.app = case.operation.schema.app = app
    excluded = [*CANNOT_SAY, *([allow_header_conformance] if case.path in OF_A_JOB_TOO else [])]
    for names in ({}, THERE):
        app.extensions["throttle"] = Throttle()
        case.path_parameters.update({name: names[name] for name in case.path_parameters if name in names})
        case.call_and_validate(headers=AS_OPERATOR, excluded_checks=excluded)


JOB = {"task": "tests.tasks.add", "args": [1, 2]}
DONE: dict[tuple[str, str], tuple[dict[str, str], Any]] = {
    ("POST", "/api/jobs"): ({}, JOB),
    ("POST", "/api/jobs/batch"): ({}, {"jobs": [JOB, JOB]}),
    ("DELETE", "/api/jobs/{job_id}"): ({"job_id": "finished"}, None),
    ("POST", "/api/jobs/{job_id}/retry"): ({"job_id": "failed"}, None),
    ("POST", "/api/jobs/{job_id}/run"): ({"job_id": "scheduled"}, None),
    ("POST", "/api/jobs/{job_id}/cancel"): ({"job_id": "blocked"}, None),
    ("POST", "/api/jobs/{job_id}/stop"): ({"job_id": "running"}, None),
    ("POST", "/api/jobs/actions"): ({}, {"action": "cancel", "filter": {"state": "queued,scheduled"}}),
    ("POST", "/api/queues/{name}/pause"): ({"name": "default"}, None),
    ("POST", "/api/queues/{name}/resume"): ({"name": "default"}, None),
    ("POST", "/api/queues/{name}/clean"): ({"name": "default"}, {"older": 0}),
    ("POST", "/api/queues/{name}/empty"): ({"name": "default"}, {"confirm": "default"}),
    ("POST", "/queue/clean"): ({}, {"older": 0, "failed": True}),
    ("POST", "/api/lanes/resume"): ({}, {"key": "halted"}),
    ("POST", "/api/lanes/skip"): ({}, {"key": "halted"}),
    ("POST", "/api/lanes/clear"): ({}, {"key": KEY}),
    ("POST", "/api/workers/{worker_id}/stop"): ({"worker_id": WORKER}, None),
    ("POST", "/api/schedules/{name}/run"): ({"name": NIGHTLY}, None),
    ("POST", "/api/schedules/{name}/pause"): ({"name": NIGHTLY}, None),
    ("POST", "/api/schedules/{name}/resume"): ({"name": NIGHTLY}, None),
}
"""What does something, in a line as above; the others look at it."""


@pytest.fixture
def listening(client: Redis) -> Iterator[None]:
    """The worker takes commands."""
    with client.pubsub(ignore_subscribe_messages=True) as ears:
        ears.subscribe(PUBSUB_CHANNEL_TEMPLATE % WORKER)
        ears.get_message(timeout=5)
        yield


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(("method", "path"), DONE, ids=[" ".join(one) for one in DONE])
def test_what_is_done_is_described(app: Flask, method: str, path: str) -> None:
    names, body = DONE[method, path]
    operation = schema[path][method]
    operation.app = operation.schema.app = app
    asked = {"body": body, "media_type": "application/json"} if body is not None else {}
    answer = operation.Case(path_parameters=names, **asked).call_and_validate(headers=AS_OPERATOR)
    assert answer.status_code in (200, 202)
    assert str(answer.status_code) in document()["paths"][path][method.lower()]["responses"]


def test_everything_that_does_something_is_done_above() -> None:
    unsafe = {(method.upper(), path) for path, found in document()["paths"].items() for method in found} - set(DONE)
    assert {method for method, _ in unsafe} == {"GET"}


@pytest.mark.parametrize("job_id", ["finished", "failed", "retrying", "running", "blocked", "scheduled", "queued"])
def test_a_job_in_each_state_is_described(app: Flask, job_id: str) -> None:
    operation = schema["/api/jobs/{job_id}"]["GET"]
    operation.app = operation.schema.app = app
    answer = operation.Case(path_parameters={"job_id": job_id}).call_and_validate(headers=AS_OPERATOR)
    assert answer.json()["state"] == job_id
