"""``jobs.health.access``: who may see and do what. ``jobs.health.throttle``: how often one may guess."""

import time
from email.message import Message

import pytest
from hypothesis import given as with_any
from hypothesis import strategies as some

from jobs.errors import SettingsError
from jobs.health import throttle
from jobs.health.access import Level, address, is_trusted, level, refusal
from jobs.health.throttle import GUESSES, WINDOW, Throttle
from jobs.settings import Settings

HERE = {"Host": "localhost:8000"}
OPEN = Settings.from_environ({})
CLOSED = Settings.from_environ({"JOBS_TOKEN": "sidings", "JOBS_READ_TOKEN": "lookout"})
READ_ONLY = Settings.from_environ({"JOBS_READ_TOKEN": "lookout"})
DEPLOYED = Settings.from_environ({"DYNO": "web.1", "REDIS_URL": "redis://redis:6379"})


def headers(**given: str) -> Message:
    found = Message()  # as http.server gives them; Werkzeug's know no case either
    for name, value in given.items():
        found[name.replace("_", "-")] = value
    return found


def allowed(settings: Settings, peer: str, **given: str) -> Level:
    return level(settings, peer, headers(**given).get)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost:8000", "localhost", "LOCALHOST", "127.0.0.1:1", "[::1]:8000"])
def test_without_a_token_this_machine_may(peer: str, host: str) -> None:
    assert allowed(OPEN, peer, Host=host) is Level.OPERATE


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("203.0.113.9", HERE),
        ("", HERE),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"Host": "rebound.example"}),
        ("127.0.0.1", {"Host": "localhost.rebound.example"}),
        ("127.0.0.1", {"Host": "healthcheck.railway.app"}),
        ("127.0.0.1", {**HERE, "X_Forwarded_For": "203.0.113.9"}),
        ("127.0.0.1", {**HERE, "Forwarded": ""}),
        ("127.0.0.1", {**HERE, "Sec_Fetch_Site": "cross-site"}),
        ("127.0.0.1", {**HERE, "Sec_Fetch_Site": "same-site"}),
        ("127.0.0.1", {**HERE, "Origin": "http://localhost:3000"}),
        ("127.0.0.1", {**HERE, "Origin": "null"}),
    ],
)
def test_without_a_token_nobody_else_may(peer: str, headers: dict[str, str]) -> None:
    assert allowed(OPEN, peer, **headers) is Level.NONE


def test_on_a_platform_without_a_token_nobody_may() -> None:
    assert allowed(DEPLOYED, "127.0.0.1", **HERE) is Level.NONE


def test_with_a_token_only_who_sends_it_may_from_wherever() -> None:
    assert allowed(CLOSED, "203.0.113.9", Authorization="Bearer sidings") is Level.OPERATE
    assert allowed(CLOSED, "203.0.113.9", Authorization="bearer lookout") is Level.READ
    for given in ("", "Bearer siding", "Bearer sidings2", "Bearer ", "Bearer", "sidings", "Basic sidings", "Bäder"):
        assert allowed(CLOSED, "127.0.0.1", **HERE, Authorization=given) is Level.NONE, given


def test_where_people_may_only_read_nobody_operates() -> None:
    assert allowed(READ_ONLY, "127.0.0.1", **HERE, Authorization="Bearer lookout") is Level.READ
    for given in ("", "Bearer ", "Bearer None"):
        assert allowed(READ_ONLY, "127.0.0.1", **HERE, Authorization=given) is Level.NONE


@with_any(some.text())
def test_no_other_text_is_a_token(text: str) -> None:
    expected = {"sidings": Level.OPERATE, "lookout": Level.READ}.get(text.strip(), Level.NONE)
    assert level(CLOSED, "127.0.0.1", {"Authorization": f"Bearer {text}"}.get) is expected


def test_one_token_cannot_be_both() -> None:
    with pytest.raises(SettingsError, match="give another one") as raised:
        Settings.from_environ({"JOBS_TOKEN": "sidings", "JOBS_READ_TOKEN": "sidings"})
    assert "sidings" not in str(raised.value)
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({"JOBS_READ_TOKEN": "side ings"})
    assert "side ings" not in str(raised.value)
    assert "lookout" not in repr(READ_ONLY)


LINK = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
OWN = {"Host": "line.example", "Origin": "https://line.example"}


@pytest.mark.parametrize(
    ("method", "given", "by_session", "expected"),
    [
        ("POST", {}, False, True),  # a program with a token, or on this machine
        ("POST", {}, True, False),
        ("GET", {}, True, True),
        ("POST", {"Sec_Fetch_Site": "same-origin"}, True, True),
        ("POST", OWN, True, True),
        ("POST", {"Sec_Fetch_Site": "same-site"}, True, False),
        ("POST", {**OWN, "Sec_Fetch_Site": "cross-site"}, True, False),
        ("POST", {"Sec_Fetch_Site": "cross-site"}, False, False),
        ("POST", {"Host": "line.example", "Origin": "https://evil.example"}, True, False),
        ("POST", {"Host": "line.example", "Origin": "https://line.example.evil.example"}, False, False),
        ("POST", {"Host": "line.example", "Origin": "null"}, True, False),
        ("POST", {"Host": "line.example", "Origin": "http://[broken"}, True, False),
        ("POST", {"Origin": "null"}, True, False),
        ("POST", LINK, True, False),
        ("GET", LINK, True, True),
        ("GET", {**LINK, "Sec_Fetch_Dest": "iframe"}, True, False),
        ("GET", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, False, False),
    ],
)
def test_a_foreign_page_is_not_trusted_but_a_link_is(
    method: str, given: dict[str, str], by_session: bool, expected: bool
) -> None:
    assert is_trusted(method, headers(**given).get, by_session) is expected


def test_a_refusal_says_what_to_do() -> None:
    assert "send the header Authorization" in refusal(CLOSED)
    assert "sidings" not in refusal(CLOSED)
    assert "only this machine may" in refusal(OPEN)
    assert "nobody may" in refusal(DEPLOYED)


def test_a_proxys_word_on_an_address_counts_on_a_platform_only() -> None:
    said = headers(X_Forwarded_For="6.6.6.6, 203.0.113.9").get
    assert address(DEPLOYED, "10.0.0.1", said) == "203.0.113.9"
    assert address(OPEN, "::ffff:10.0.0.1", said) == "10.0.0.1"
    assert address(DEPLOYED, "10.0.0.1", headers(X_Real_IP="6.6.6.6").get) == "10.0.0.1"
    railway = Settings.from_environ({"RAILWAY_ENVIRONMENT_NAME": "production", "REDIS_URL": "redis://redis:6379"})
    edge = headers(X_Forwarded_For="6.6.6.6, 10.9.9.9", X_Real_IP="203.0.113.9").get
    assert address(railway, "10.0.0.1", edge) == "203.0.113.9"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_who_guesses_too_often_must_wait_and_others_need_not(clock: list[float]) -> None:
    found = Throttle()
    for _ in range(GUESSES):
        assert found.wait("203.0.113.9") == 0
        found.count("203.0.113.9")
        clock[0] += 1
    assert found.wait("203.0.113.9") == WINDOW - GUESSES
    assert found.wait("203.0.113.8") == 0
    clock[0] += WINDOW - GUESSES
    assert found.wait("203.0.113.9") == 0


def test_the_addresses_of_one_network_guess_as_one() -> None:
    found = Throttle()
    for number in range(GUESSES):
        found.count(f"2001:db8::{number:x}")
    assert found.wait("2001:db8::ffff")
    assert not found.wait("2001:db8:0:1::1")


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ADDRESSES", 3)
    found = Throttle()
    for one in "abcd":
        for _ in range(GUESSES):
            found.count(one)
    assert [bool(found.wait(one)) for one in "abcd"] == [False, True, True, True]
