"""The API as its description says: whatever is sent, no answer is one that it does not tell of."""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from redis import Redis
from schemathesis import Case
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from jobs import scripts
from jobs.health.throttle import Throttle
from jobs.settings import Settings
from tests.integration.test_dead import CHILD, KEY, accept, claim, fail
from tests.integration.test_retention import finish
from tests.integration.test_workers_api import publish
from web import create_app
from web.openapi import document

TOKEN = "operators-token"
THERE = {"name": "default", "job_id": "there", "worker_id": "worker-a"}
"""What paths may name that there is."""

CANNOT_SAY = [positive_data_acceptance]
"""A schema knows no names of tasks, and no cursors that were given out."""
OF_A_JOB_TOO = ("/api/jobs/batch", "/api/jobs/actions")
"""A job may have such an id, so what is allowed of a job is allowed here."""

schema = schemathesis.openapi.from_dict(document())


@pytest.fixture
def app(url: str, client: Redis, tasks: None) -> Flask:
    """At a line with a job in each state."""
    scripts.grant(client, CHILD, 60)
    finish(client)
    fail(client, job_id="there")
    accept(client, delay=60)
    for _ in range(2):
        accept(client, key=KEY)
    claim(client)
    accept(client)
    publish(client, "worker-a")
    scripts.lock(client, "lock", "me", 60, "host-1", None)
    scripts.take_instance(client, "inbound", "worker-a", '"host": "h"', 60)
    return create_app(Settings.from_environ({"REDIS_URL": url, "JOBS_TOKEN": TOKEN}))


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: Case[Any], app: Flask) -> None:
    case.operation.app = case.operation.schema.app = app
    headers = {"Authorization": f"Bearer {TOKEN}"}
    excluded = [*CANNOT_SAY, *([allow_header_conformance] if case.path in OF_A_JOB_TOO else [])]
    for names in ({}, THERE):
        app.extensions["throttle"] = Throttle()
        case.path_parameters.update({name: names[name] for name in case.path_parameters if name in names})
        case.call_and_validate(headers=headers, excluded_checks=excluded)
