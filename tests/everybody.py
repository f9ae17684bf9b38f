"""Everybody who may ask, everything they may ask for, and the rule that says what they get.

Health, static files and the login are open. For everything else, in this order:

1. nobody (no token, a wrong one) is led to the login by a page, and gets 401 from all else;
2. what a page of another site sends gets 403, whoever's browser it is, but for a link that is followed;
   and so does what changes something with a session, unless the browser says that a page of ours sent it;
3. who may only read gets 403 from what changes something;
4. all others get an answer.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.health.access import Level
from tests.visitors import OPERATOR, READER, TOKENS, Make

OPEN = {"static", "login.show", "login.enter", "login.leave"}
SAFE = {"GET", "HEAD"}
ADDRESSES = itertools.count(1)


class Route(NamedTuple):
    endpoint: str
    method: str
    path: str

    @property
    def is_open(self) -> bool:
        if self.endpoint.startswith("health."):
            return self.method == "OPTIONS" or (self.method in SAFE and self.endpoint != "health.metrics")
        return self.endpoint in OPEN

    @property
    def is_page(self) -> bool:
        return not self.path.startswith(("/api/", "/metrics"))


class Who(NamedTuple):
    level: Level
    by: str = ""
    """``token``, ``session``, or ``place``: this machine, at a line without tokens."""
    token: str = ""
    platform: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


PROXIED = {"X-Forwarded-For": "203.0.113.7"}
EVERYBODY = {
    "nobody": Who(Level.NONE),
    "wrong token": Who(Level.NONE, "token", "operators-tokem"),
    "reader": Who(Level.READ, "token", READER),
    "operator": Who(Level.OPERATE, "token", OPERATOR),
    "forged session": Who(Level.NONE, "session", "forged"),
    "reader's session": Who(Level.READ, "session", READER),
    "operator's session": Who(Level.OPERATE, "session", OPERATOR),
    "this machine": Who(Level.OPERATE, "place"),
    "a proxy on this machine": Who(Level.NONE, "place", headers=PROXIED),
    "a name that points here": Who(Level.NONE, "place", headers={"Host": "rebound.example"}),
    "anybody on a platform without a token": Who(Level.NONE, "place", platform="production"),
}
SENDERS: dict[str, dict[str, str]] = {
    "unsaid": {},
    "own": {"Sec-Fetch-Site": "same-origin"},
    "own by Origin": {"Origin": "http://localhost"},
    "cross-site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "same-site": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    "foreign by Origin": {"Origin": "https://evil.example"},
    "link": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
}


def expected(route: Route, who: Who, sender: str) -> str:
    """What the rule says."""
    changes = route.method not in SAFE
    meant = {
        "unsaid": not (changes and who.by == "session" and who.level),
        "own": True,
        "own by Origin": True,
        "link": not changes,
    }.get(sender, False)
    if route.endpoint == "login.enter" and route.method == "POST" and who.by == "place" and meant:
        return "401"  # where there is no token, none is right
    if route.is_open:
        return "an answer" if meant or not changes or route.method == "OPTIONS" else "403"
    if who.level is Level.NONE:
        return "the login" if route.is_page and not changes else "401"
    if route.endpoint == "health.metrics" and not meant:
        return "401"  # health takes what it is not sure of for nobody's
    if not meant or (changes and who.level < Level.OPERATE):
        return "403"
    return "an answer"


def outcome(answer: TestResponse) -> str:
    if answer.status_code in (401, 403):
        return str(answer.status_code)
    to_login = answer.status_code == 302 and answer.location.startswith("/login")
    return "the login" if to_login else "an answer" if answer.status_code != 429 else "429"


def routes(client: FlaskClient) -> Iterator[Route]:
    """Each route with each of its methods."""
    urls = client.application.url_map.bind("localhost")
    for rule in client.application.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD"}):
            path = urls.build(rule.endpoint, dict.fromkeys(rule.arguments, "one"), method, append_unknown=False)
            yield Route(rule.endpoint, method, path)


def come(visitor: Make, who: Who) -> tuple[FlaskClient, dict[str, str]]:
    """A browser at a line, and the headers by which it is known there."""
    environ = {"JOBS_TASKS": "tests.tasks", **({"RAILWAY_ENVIRONMENT_NAME": who.platform} if who.platform else {})}
    app = visitor(**(environ if who.by == "place" else TOKENS)).application
    if who.by == "token":
        return app.test_client(use_cookies=False), {"Authorization": f"Bearer {who.token}"}
    if who.by == "session":
        entered = app.test_client().post("/login", data={"token": who.token}, headers={"Sec-Fetch-Site": "same-origin"})
        cookie = entered.headers.get("Set-Cookie", f"signalbox={FORGED}").partition(";")[0]
        return app.test_client(use_cookies=False), {"Cookie": cookie}
    return app.test_client(use_cookies=False), who.headers


FORGED = "IkFubmEi.aSGqXg.zDk3cZbDR0d8kZJ2v1mJY9wYp0mUoXbq2mX4kq0W1nE"


@contextmanager
def ask(client: FlaskClient, route: Route, who: Who, headers: dict[str, str], **body: Any) -> Iterator[TestResponse]:
    """From an address of its own, so that nobody waits for what others got wrong."""
    number = next(ADDRESSES)
    peer = "127.0.0.1" if who.by == "place" else f"198.51.{number // 250 % 250}.{number % 250}"
    query = {"within": "0.01"} if route.endpoint == "health.probe" else None
    if route.endpoint == "login.enter" and not body:
        body = {"data": {"token": OPERATOR}}
    answer = client.open(
        route.path,
        method=route.method,
        headers=headers,
        environ_overrides={"REMOTE_ADDR": peer},
        query_string=query,
        **body,
    )
    yield answer
    answer.close()


def broken(someone: FlaskClient, who: Who, known: dict[str, str]) -> dict[tuple[str, Route], tuple[str, str]]:
    """Where what happens is not what the rule says."""
    found = {}
    for (sender, said), route in itertools.product(SENDERS.items(), routes(someone)):
        if "Host" in known and "Origin" in said:
            continue  # which are two ways to say the same
        with ask(someone, route, who, {**known, **said}) as answer:
            if outcome(answer) != expected(route, who, sender):
                found[sender, route] = outcome(answer), expected(route, who, sender)
    return found
