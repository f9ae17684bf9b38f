"""A person at the pages: login, what a session allows, and its end."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from freezegun import freeze_time
from redis import Redis

from jobs.health.throttle import GUESSES
from tests.visitors import OPERATOR, READER, Make

JOB = {"task": "tests.tasks.add", "args": [1, 2]}
OURS = {"Sec-Fetch-Site": "same-origin"}


def log_in(someone: FlaskClient, token: str, **form: str) -> Any:
    return someone.post("/login", data={"token": token, **form}, headers=OURS)


def test_a_page_leads_to_the_login_and_back(visitor: Make) -> None:
    someone = visitor()
    answer = someone.get("/?queue=a%20b&x=%2f")
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")
    form = someone.get(answer.location)
    target = re.search(r'name="next" value="([^"]*)"', form.text)
    assert target
    entered = log_in(someone, OPERATOR, next=target[1].replace("&amp;", "&"))
    assert (entered.status_code, entered.location) == (303, "/?queue=a%20b&x=%2f")
    assert someone.get("/").status_code == 200


def test_an_operators_session_acts_and_a_readers_looks(visitor: Make) -> None:
    for token, status in ((OPERATOR, 202), (READER, 403)):
        someone = visitor()
        assert log_in(someone, token).status_code == 303
        assert someone.get("/api/audit").status_code == 200
        assert someone.post("/api/jobs", json=JOB, headers=OURS).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_session_does_nothing_for_another_sites_page(visitor: Make, headers: dict[str, str]) -> None:
    someone = visitor()
    log_in(someone, OPERATOR)
    assert someone.post("/api/jobs", json=JOB, headers=headers).status_code == 403
    assert someone.post("/api/jobs", json=JOB, headers={"Origin": "http://localhost"}).status_code == 202


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_from_plain_http(visitor: Make) -> None:
    said = log_in(visitor(), OPERATOR).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(said.split("; "))
    assert "Secure" not in said
    assert OPERATOR not in said
    environ = {"JOBS_TOKEN": OPERATOR, "RAILWAY_ENVIRONMENT_NAME": "production"}
    https = {**OURS, "X-Forwarded-Proto": "https"}
    deployed = visitor(**environ).post("/login", data={"token": OPERATOR}, headers=https)
    assert "Secure" in deployed.headers["Set-Cookie"].split("; ")


def test_a_session_ends_by_logout_after_twelve_hours_and_with_its_token(visitor: Make, url: str) -> None:
    someone = visitor()
    log_in(someone, OPERATOR)
    assert someone.get("/").status_code == 200
    cookie = someone.get_cookie("signalbox")
    assert cookie
    with freeze_time(tick=True) as time:
        time.tick(12 * 3600 - 60)
        assert someone.get("/").status_code == 200
        time.tick(120)
        assert someone.get("/").status_code == 302
    changed = visitor(JOBS_TOKEN="another-token", JOBS_READ_TOKEN=READER)
    changed.set_cookie("signalbox", cookie.value)
    assert changed.get("/").status_code == 302
    assert someone.post("/logout", headers=OURS).location == "/login"
    assert someone.get("/").status_code == 302


def test_a_cookie_that_was_touched_or_signed_by_another_is_nobodys(visitor: Make) -> None:
    someone, reader = visitor(), visitor()
    log_in(someone, OPERATOR, name="Anna")
    log_in(reader, READER)
    mine, theirs = someone.get_cookie("signalbox"), reader.get_cookie("signalbox")
    assert mine
    assert theirs
    name, signed_at, signature = mine.value.split(".")
    their_name, their_time, their_signature = theirs.value.split(".")
    for forged in (
        "",
        "x",
        f"{their_name}.{signed_at}.{signature}",
        f"{name}.{their_time}.{their_signature}",
        f"{name}.{signed_at}.{signature[:-2]}",
        f"{name}.{signed_at}.",
        mine.value * 50,
    ):
        someone.set_cookie("signalbox", forged)
        assert someone.get("/").status_code == 302, forged


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie:x\r\nLocation: https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        " //evil.example",
        "http:/evil.example",
        "//[evil",
        "",
    ],
)
def test_login_leads_nowhere_else(visitor: Make, target: str) -> None:
    assert log_in(visitor(), OPERATOR, next=target).location == "/"


def test_who_guesses_tokens_waits_and_others_do_not(visitor: Make) -> None:
    someone = visitor()
    wrong = {"Authorization": "Bearer guess"}
    assert [someone.get("/api/audit", headers=wrong).status_code for _ in range(GUESSES - 1)] == [401] * (GUESSES - 1)
    assert log_in(someone, "guess").status_code == 401
    for answer in (
        log_in(someone, OPERATOR),
        someone.get("/api/audit", headers=wrong),
        someone.get("/api/audit", headers={"Authorization": f"Bearer {OPERATOR}"}),
    ):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert someone.get("/livez", headers=wrong).status_code == 200
    someone.environ_base["REMOTE_ADDR"] = "203.0.113.8"
    assert log_in(someone, OPERATOR).status_code == 303


def test_without_a_token_the_pages_say_what_to_do(visitor: Make) -> None:
    deployed = visitor(RAILWAY_ENVIRONMENT_NAME="production")
    told = deployed.get("/", follow_redirects=True)
    assert "nothing but health is shown on Railway" in told.text
    assert "JOBS_TOKEN" in told.text
    assert log_in(deployed, "").status_code == 401
    here = visitor(JOBS_TASKS="tests.tasks")
    assert "shown only to a browser on the same machine" in here.get("/login").text
    here.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    assert here.get("/login?next=/api/audit").location == "/api/audit"
    assert here.get("/").status_code == 200


def test_static_files_are_kept_by_version_and_nothing_else_is(visitor: Make) -> None:
    someone = visitor()
    address = re.search(r'href="(/static/[^"]+)"', someone.get("/login").text)
    assert address
    name = address[1].rpartition("/")[2]
    for path, kept in (
        (address[1], True),
        ("/static/none/style.css", False),
        (address[1].replace(name, "none"), False),
        ("/login", False),
        ("/health", False),
        ("/api/audit", False),
    ):
        with someone.get(path) as answer:
            assert ("immutable" in answer.headers["Cache-Control"], "no-" in answer.headers["Cache-Control"]) == (
                kept,
                not kept,
            ), path


def test_the_name_given_at_login_is_a_name(visitor: Make, client: Redis) -> None:
    someone = visitor()
    log_in(someone, OPERATOR, name="  Anna\r\nLee\x00 " + "x" * 99)
    with someone:
        someone.get("/")
        from flask import g

        assert g.actor == "Anna Lee " + "x" * 55 + ", operator from 203.0.113.9"
