"""``jobs.address``: every form of URL, and no way for a password to be seen."""

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.address import Address, build, parse, redact
from jobs.errors import SettingsError

PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=40, max_size=80)


def refusal(url: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(url, "SOME_URL")
    return caught.value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache", Address("redis", (("cache", 6379),))),
        ("redis://cache/", Address("redis", (("cache", 6379),))),
        ("redis://cache:6380/2", Address("redis", (("cache", 6380),), db=2)),
        ("redis://cache?db=3", Address("redis", (("cache", 6379),), db=3)),
        ("redis://cache/?db=3", Address("redis", (("cache", 6379),), db=3)),
        ("  redis://cache/1\n", Address("redis", (("cache", 6379),), db=1)),
        ("redis://ada@cache/0", Address("redis", (("cache", 6379),), username="ada")),
        ("redis://:secret@cache/0", Address("redis", (("cache", 6379),), password="secret")),
        ("redis://a%40b:s%2Fe%23c%3Fr%40t@cache", Address("redis", (("cache", 6379),), "", "", 0, "a@b", "s/e#c?r@t")),
        ("redis://ada:a:b@cache", Address("redis", (("cache", 6379),), username="ada", password="a:b")),
        ("redis://[::1]", Address("redis", (("::1", 6379),))),
        ("redis://:secret@[fd12::1]:6380/4", Address("redis", (("fd12::1", 6380),), db=4, password="secret")),
        ("redis://cache/0?family=0", Address("redis", (("cache", 6379),))),
        (
            "redis://cache/1?protocol=3&family=0",
            Address("redis", (("cache", 6379),), db=1, options=(("protocol", "3"),)),
        ),
        ("rediss://cache", Address("rediss", (("cache", 6379),))),
        (
            "rediss://cache/0?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem",
            Address("rediss", (("cache", 6379),), options=(("ssl_ca_certs", "/ca.pem"), ("ssl_cert_reqs", "none"))),
        ),
        ("unix:///run/redis.sock", Address("unix", path="/run/redis.sock")),
        ("unix:///run/redis.sock?db=5", Address("unix", path="/run/redis.sock", db=5)),
        ("unix://ada:secret@/run/my%20redis.sock", Address("unix", (), "/run/my redis.sock", "", 0, "ada", "secret")),
        ("redis+sentinel://one/line", Address("redis+sentinel", (("one", 26379),), service="line")),
        (
            "redis+sentinel://:secret@one:1,two,[::1]:3/line/6",
            Address(
                "redis+sentinel", (("one", 1), ("two", 26379), ("::1", 3)), service="line", db=6, password="secret"
            ),
        ),
        ("redis+sentinel://one/line?db=7", Address("redis+sentinel", (("one", 26379),), service="line", db=7)),
    ],
)
def test_reads_every_form_of_url(url: str, expected: Address) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "${{Redis.REDIS_URL}}",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "redis://cache:0",
        "redis://cache:65536",
        "redis://cache:port",
        "redis://cache/first",
        "redis://cache/-1",
        "redis://cache/0/1",
        "redis://cache?db=first",
        "redis://cache?colour=red",
        "redis://cache?protocol=three",
        "redis://[::1",
        "unix://",
        "unix:///run/redis.sock?db=first",
        "redis+sentinel://one",
        "redis+sentinel://one,/line",
        "redis+sentinel://one/line/first",
        "redis+sentinel://one/line/0/1",
    ],
)
def test_a_bad_url_is_refused_in_one_line_that_names_the_variable(url: str) -> None:
    error = refusal(url)
    assert error.variable == "SOME_URL"
    assert str(error).startswith("SOME_URL is ")
    assert "\n" not in str(error)


@pytest.mark.parametrize("left", ["4242", "staple"])
@pytest.mark.parametrize("odd", [*"/#?@:[]% &=", "[x]"])
@pytest.mark.parametrize("right", ["zebra", "zebra=horse"])
def test_an_unescaped_password_is_read_whole_or_refused_unseen(left: str, odd: str, right: str) -> None:
    password = f"{left}{odd}{right}"
    url = f"redis://ada:{password}@cache:6379/0"
    try:
        found = parse(url)
    except SettingsError as error:
        shown = str(error)
    else:
        assert (found.nodes, found.password) == ((("cache", 6379),), password)
        shown = f"{found!r} {found.redacted}"
    assert left not in shown
    assert "zebra" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://ada:hunter2hunter2@cache:port/0",
        "redis://ada:hunter2hunter2@cache/0?colour=red",
        "redis://ada:hunter2hunter2@",
        "redis://:hunter2hunter2@:6379",
        "http://ada:hunter2hunter2@cache",
        "ada:hunter2hunter2@cache:6379",
        "redis://cache/0?password=hunter2hunter2",
        "redis://cache/0?PASSWORD=hunter2hunter2",
        "redis://cache/0?password=left@hunter2hunter2",
        "redis://cache:6379/0?password=left@hunter2hunter2",
        "redis+sentinel://ada:hunter2hunter2@one,two",
        "unix://ada:hunter2hunter2@",
    ],
)
def test_a_refused_url_never_shows_the_password(url: str) -> None:
    assert "hunter2" not in str(refusal(url))


@pytest.mark.parametrize("url", ["redis://ada:hunter2/x@cache", "redis://ada:hunter2#x@cache/0"])
def test_the_traceback_of_a_refusal_does_not_show_the_password_either(url: str) -> None:
    assert "hunter2" not in "".join(traceback.format_exception(refusal(url)))


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("redis://cache", "redis://cache:6379/0"),
        ("redis://ada@cache/1", "redis://ada@cache:6379/1"),
        ("redis://ada:secret@cache/1", "redis://ada:***@cache:6379/1"),
        ("rediss://:secret@[::1]/1", "rediss://:***@[::1]:6379/1"),
        ("unix://:secret@/run/redis.sock?db=2", "unix://:***@/run/redis.sock?db=2"),
        ("redis+sentinel://:secret@one,two:1/line/3", "redis+sentinel://:***@one:26379,two:1/line/3"),
    ],
)
def test_redacted_is_the_url_without_the_password(url: str, redacted: str) -> None:
    assert parse(url).redacted == redacted


def test_redacted_names_the_same_place_when_read_again() -> None:
    found = parse("redis+sentinel://ada:secret@one,[::1]:2/line/3")
    assert parse(found.redacted).fingerprint == found.fingerprint


@pytest.mark.parametrize(
    "same",
    [
        "redis://ada:other@cache:6379/0",
        "redis://ada@cache/0",
        "redis://ada:secret@CACHE:6379/0",
        "rediss://ada:secret@cache:6379?db=0",
    ],
)
def test_fingerprints_agree_on_the_same_database(same: str) -> None:
    assert parse(same).fingerprint == parse("redis://ada:secret@cache:6379/0").fingerprint


@pytest.mark.parametrize(
    "other",
    [
        "redis://ada:secret@cache:6379/1",
        "redis://bob:secret@cache:6379/0",
        "redis://:secret@cache:6379/0",
        "redis://ada:secret@cash:6379/0",
        "redis://ada:secret@cache:6380/0",
        "unix://ada:secret@/run/redis.sock",
    ],
)
def test_fingerprints_tell_databases_and_users_apart(other: str) -> None:
    assert parse(other).fingerprint != parse("redis://ada:secret@cache:6379/0").fingerprint


def test_fingerprints_tell_sockets_apart_that_differ_in_case_only() -> None:
    assert parse("unix:///run/A.sock").fingerprint != parse("unix:///run/a.sock").fingerprint


def test_a_fingerprint_is_12_hex_digits_and_calls_no_user_default() -> None:
    fingerprint = parse("redis://cache").fingerprint
    assert len(bytes.fromhex(fingerprint)) == 6
    assert fingerprint == parse("redis://default@cache").fingerprint


@given(password=PASSWORDS)
def test_any_encoded_password_is_read_back_and_never_shown(password: str) -> None:
    encoded = quote(password, safe="")
    url = f"redis://ada:{encoded}@cache:6380/2"
    found = parse(url)
    assert (found.password, found.username, found.nodes, found.db) == (password, "ada", (("cache", 6380),), 2)
    for shown in (repr(found), found.redacted, redact(url)):
        assert password not in shown
        assert encoded not in shown


@given(username=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), password=PASSWORDS)
def test_the_parts_that_a_platform_hands_out_are_read_back(username: str, password: str) -> None:
    found = parse(build("fd12::1", "6380", username, password))
    assert found == Address("redis", (("fd12::1", 6380),), username=username, password=password)
