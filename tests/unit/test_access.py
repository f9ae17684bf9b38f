"""``jobs.health.access``: who may see everything."""

from email.message import Message

import pytest

from jobs.health.access import may_see_all, refusal
from jobs.settings import Settings

HERE = {"Host": "localhost:8000"}
OPEN = Settings.from_environ({})
CLOSED = Settings.from_environ({"JOBS_TOKEN": "sidings"})
DEPLOYED = Settings.from_environ({"DYNO": "web.1", "REDIS_URL": "redis://redis:6379"})


def allowed(settings: Settings, peer: str, **given: str) -> bool:
    headers = Message()  # as http.server gives them; Werkzeug's know no case either
    for name, value in given.items():
        headers[name.replace("_", "-")] = value
    return may_see_all(settings, peer, headers.get)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost:8000", "localhost", "127.0.0.1:1", "[::1]:8000"])
def test_without_a_token_this_machine_may(peer: str, host: str) -> None:
    assert allowed(OPEN, peer, Host=host)


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("203.0.113.9", HERE),
        ("", HERE),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"Host": "rebound.example"}),
        ("127.0.0.1", {"Host": "healthcheck.railway.app"}),
        ("127.0.0.1", {**HERE, "X_Forwarded_For": "203.0.113.9"}),
        ("127.0.0.1", {**HERE, "Forwarded": ""}),
        ("127.0.0.1", {**HERE, "Sec_Fetch_Site": "cross-site"}),
    ],
)
def test_without_a_token_nobody_else_may(peer: str, headers: dict[str, str]) -> None:
    assert not allowed(OPEN, peer, **headers)


def test_on_a_platform_without_a_token_nobody_may() -> None:
    assert not allowed(DEPLOYED, "127.0.0.1", **HERE)


def test_with_a_token_only_who_sends_it_may_from_wherever() -> None:
    assert allowed(CLOSED, "203.0.113.9", Authorization="Bearer sidings")
    for headers in ({}, {"Authorization": "Bearer siding"}, {"Authorization": "Bearer "}, {"Authorization": "Bäder"}):
        assert not allowed(CLOSED, "127.0.0.1", **HERE, **headers)


def test_a_refusal_says_what_to_do() -> None:
    assert "send the header Authorization" in refusal(CLOSED)
    assert "sidings" not in refusal(CLOSED)
    assert "set it" in refusal(OPEN)
