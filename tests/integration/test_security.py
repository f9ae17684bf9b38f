"""Every route there is, asked by everybody there is, in every way there is; a new route is among them by itself.

The rule that says what they get is told in ``tests.everybody``.
"""

import pytest
from redis import Redis

from jobs import keys
from tests.everybody import EVERYBODY, ask, broken, come, routes
from tests.visitors import OPERATOR, READER, Make


@pytest.mark.parametrize("name", EVERYBODY)
def test_every_route_answers_everybody_by_the_rule(visitor: Make, name: str) -> None:
    someone, known = come(visitor, EVERYBODY[name])
    assert broken(someone, EVERYBODY[name], known) == {}


def test_a_route_that_forgets_its_guard_is_found(visitor: Make) -> None:
    someone, known = come(visitor, EVERYBODY["nobody"])
    someone.application.add_url_rule("/api/oops", "oops", lambda: "open", methods=["POST"])
    assert {route.path for _, route in broken(someone, EVERYBODY["nobody"], known)} == {"/api/oops"}


@pytest.mark.parametrize("name", ["nobody", "wrong token", "forged session", "a name that points here"])
def test_what_is_open_tells_nothing_in_detail(visitor: Make, client: Redis, name: str) -> None:
    client.lpush(keys.queue("invoices-of-acme"), "job-1")
    client.sadd(keys.QUEUES, keys.queue("invoices-of-acme"))
    client.hset(keys.job("job-1"), mapping={"description": "tests.tasks.add('classified')", "status": "queued"})
    who = EVERYBODY[name]
    someone, known = come(visitor, who)
    for route in routes(someone):
        if route.method == "GET" and route.is_open and route.endpoint != "static":
            with ask(someone, route, who, known) as answer:
                for told in ("classified", "job-1", "127.0.0.1", OPERATOR, READER):
                    assert told not in answer.text, (route.path, told)
    assert "classified" in visitor().get("/queue/stats", headers={"Authorization": f"Bearer {READER}"}).text


def test_every_answer_has_the_headers_that_protect_it(visitor: Make) -> None:
    for name in ("nobody", "operator"):
        who = EVERYBODY[name]
        someone, known = come(visitor, who)
        for route in routes(someone):
            with ask(someone, route, who, known) as answer:
                said = answer.headers
                policy = said["Content-Security-Policy"]
                assert "default-src 'none'" in policy, route
                assert "frame-ancestors 'none'" in policy, route
                assert "unsafe" not in policy, route
                assert said["X-Content-Type-Options"] == "nosniff", route
                assert said["Referrer-Policy"] in ("no-referrer", "same-origin"), route
                assert said["Cache-Control"] == "no-store" or route.endpoint == "static", route
                assert "Access-Control-Allow-Origin" not in said, route
