"""Bodies, queries, names and methods as nobody who means well sends them."""

from typing import Any

import pytest
from redis import Redis

from jobs import keys
from tests.everybody import EVERYBODY, SAFE, ask, come, routes
from tests.visitors import OPERATOR, Make
from web.bodies import MOST

BODIES: dict[str, dict[str, Any]] = {
    "none": {},
    "cut off": {"data": b'{"task": ', "content_type": "application/json"},
    "not text": {"data": b"\xff\xfe\x00", "content_type": "application/json"},
    "a list": {"data": b"[1, 2]", "content_type": "application/json"},
    "null": {"data": b"null", "content_type": "application/json"},
    "a number too large": {"data": b'{"limit": 1e999, "older": 1e999, "n": NaN}', "content_type": "application/json"},
    "nested without end": {"data": b"[" * 200_000, "content_type": "application/json"},
    "odd values": {"json": {"queue": 7, "key": [], "name": {}, "ids": "x", "confirm": None, "task": 1, "action": []}},
    "odd texts": {"json": {"queue": "\x00\ud800", "key": "\x00" * 9, "task": "../x\r\n", "filter": {"state": "\x00"}}},
    "a form": {"data": {"task": "tests.tasks.add", "key": "one"}},
    "plain text": {"data": b'{"task": "tests.tasks.add"}', "content_type": "text/plain"},
    "XML": {"data": b"<task/>", "content_type": "application/xml"},
    "an odd charset": {"data": b"{}", "content_type": "application/json; charset=no-such"},
    "too large": {"data": b'"' + b"x" * MOST + b'"', "content_type": "application/json"},
}


@pytest.mark.parametrize("body", BODIES)
def test_no_body_breaks_a_route_or_puts_a_job_in(visitor: Make, client: Redis, body: str) -> None:
    who = EVERYBODY["operator"]
    someone, known = come(visitor, who)
    for route in routes(someone):
        if route.method in SAFE or route.method == "OPTIONS" or route.endpoint.startswith(("login.", "health.")):
            continue
        with ask(someone, route, who, known, **BODIES[body]) as answer:
            assert answer.status_code < 500, (route, answer.text)
            assert answer.status_code < 400 or answer.mimetype == "application/problem+json", route
            if body == "too large" and route.path == "/api/jobs":
                assert answer.status_code == 413
    assert list(client.scan_iter(keys.job("*"))) == []


QUERIES = (
    "limit=-1",
    "limit=9e9",
    "cursor=%00",
    "cursor=AAAA",
    "since=%f0",
    "state=%00",
    "queue=%ed%a0%80",
    "span=x",
    "x=1",
)


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_breaks_a_route(visitor: Make, query: str) -> None:
    someone, known = come(visitor, EVERYBODY["reader"])
    for route in routes(someone):
        if route.method == "GET" and not route.endpoint.startswith("health."):
            with someone.get(f"{route.path}?{query}", headers=known) as answer:
                assert answer.status_code < 500, (route, answer.data)


def test_arguments_are_bounded_too(visitor: Make, client: Redis) -> None:
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    large = {"task": "tests.tasks.echo", "args": ["x" * 256 * 1024]}
    answer = visitor().post("/api/jobs", json=large, headers=operator)
    assert (answer.status_code, "262,144" in answer.text) == (422, True)
    assert list(client.scan_iter(keys.job("*"))) == []


OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_method_is_what_it_is(visitor: Make, client: Redis, method: str) -> None:
    someone, operator = visitor(), {"Authorization": f"Bearer {OPERATOR}"}
    job = {"task": "tests.tasks.add", "args": [1, 2], "job_id": "sum"}
    assert someone.post("/api/jobs", json=job, headers=operator).status_code == 202
    client.hset(keys.job("sum"), "status", "failed")  # so that it could be deleted
    for override in ({}, dict.fromkeys(OVERRIDES, "DELETE")):
        headers = {**operator, **override}
        answer = someone.open("/api/jobs/sum?_method=DELETE&method=DELETE", method=method, headers=headers)
        assert answer.status_code == (405 if method == "POST" else 200)
    assert client.exists(keys.job("sum"))


def test_what_is_given_as_a_path_or_a_name_adds_no_header(visitor: Make) -> None:
    someone = visitor()
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    injected = "x%0d%0aSet-Cookie:%20evil=1"
    paths = [route.path.replace("one", injected) for route in routes(someone) if "one" in route.path]
    assert len(paths) > 5
    for path in (*paths, f"/login?next=/{injected}", f"/{injected}", f"/?next={injected}"):
        for method in ("GET", "POST", "DELETE"):
            with someone.open(path, method=method, headers=operator) as answer:
                assert answer.status_code < 500, path
                assert "evil" not in str(answer.headers.getlist("Set-Cookie")), path
                assert "\n" not in "".join(answer.headers.values()), path
