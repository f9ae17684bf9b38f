"""The description of the API: sound in itself, and of the very routes that there are."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobs.settings import Settings
from web import create_app
from web.openapi import document

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    app = create_app(Settings.from_environ({"REDIS_URL": "redis://127.0.0.1:1"}))
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/queue/clean"))
        for method in (rule.methods or set()) & METHODS
    }


def described() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, found in document()["paths"].items() for method in found}


def test_every_route_is_described(routes: set[tuple[str, str]]) -> None:
    assert routes - described() == set()


def test_every_route_that_is_described_is_there(routes: set[tuple[str, str]]) -> None:
    assert described() - routes == set()


def test_it_is_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_every_schema_is_used_and_every_operation_has_a_name_of_its_own() -> None:
    found = document()
    used = set(re.findall(r"#/components/schemas/(\w+)", str(found)))
    assert used == set(found["components"]["schemas"])
    names = [one["operationId"] for path in found["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))
