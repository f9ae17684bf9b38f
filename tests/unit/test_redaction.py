"""``jobs.redaction``: what is hidden, and what is not."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jobs.redaction import HIDDEN, arguments, is_secret, secrets, text, value

SECRETS = """
password passwd pwd user_password PGPASSWORD db-password newPassword password2 password_confirmation password_hash
passphrase secret client_secret clientSecret SECRET_KEY_BASE aws_secret_access_key token access_token accessToken
refreshtoken csrf_token authToken tokens api_key apikey apiKey API_KEY X-Api-Key APIKey authorization Authorization
Proxy-Authorization cookie Set-Cookie cookies credential credentials private_key privateKey privatekey ssh_private_key
secret_key signing_key auth basic_auth jwt bearer session_cookie access_key secrets
"""
OTHERS = """
key file_key fileKey lane_key keyboard token_count primary_key tokenizer secretary author authority authorized_at
password_changed_at token_expires_at max_keys s3_key public_key cache_key monkey compass passenger passes id
idempotency_key sort_key foreign_key tokenize path bypass auth_user
"""
SECRET, HARMLESS = SECRETS.split(), OTHERS.split()


@pytest.mark.parametrize("name", SECRET)
def test_a_secrets_name_is_known(name: str) -> None:
    assert is_secret(name)
    assert value({"call": [{name: "hunter2", "key": "contact:42"}]}) == {"call": [{name: HIDDEN, "key": "contact:42"}]}


@pytest.mark.parametrize("name", HARMLESS)
def test_another_name_is_not_taken_for_one(name: str) -> None:
    assert not is_secret(name)
    assert value({name: "a/b.pdf"}) == {name: "a/b.pdf"}
    assert text(f"send({name}='a/b.pdf', {name}=3) {name}: x") == f"send({name}='a/b.pdf', {name}=3) {name}: x"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("redis://u:p@ss@host:6379/0", "redis://u:•••@host:6379/0"),
        ("rediss://:pass@host", "rediss://:•••@host"),
        ("https://a:8000/x?mail=b@c", "https://a:8000/x?mail=b@c"),
        ("Bearer abc.def-1 was refused", "Bearer ••• was refused"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: •••"),
        ("Cookie: a=b; c=d\nAccept: *", "Cookie: •••\nAccept: *"),
        ('{"password": "hun\\"ter2", "n": 1}', '{"password": "•••", "n": 1}'),
        (r"{\"password\": \"hunter2\", \"n\": 1}", r"{\"password\": \"•••\", \"n\": 1}"),
        ("{'token': b'abc', 'key': 'contact:42'}", "{'token': b'•••', 'key': 'contact:42'}"),
        ("d['password'] = 'hunter2'", "d['password'] = '•••'"),
        ("/cb?token=abc&x=1", "/cb?token=•••&x=1"),
        ('send(1, password="x, y", b=2)', 'send(1, password="•••", b=2)'),
        ("login('ann', password='hun", "login('ann', password='•••"),
        ('credentials={"a": {"b": "]"}, "c": 1}, other=3', "credentials=•••, other=3"),
        ("--password hunter2 --user bob", "--password ••• --user bob"),
        ("password=None, token=''", "password=None, token=''"),
        ("max_tokens=100 tokens=5", "max_tokens=100 tokens=5"),
        ("spring.datasource.password: x", "spring.datasource.password: •••"),
        ("got eyJhbGciOiJI.eyJzdWIi.sig_x back", "got ••• back"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx", "•••\nx"),
        ("-----BEGIN PRIVATE KEY-----\nMII", "•••"),
        ("KeyError: 'token'", "KeyError: 'token'"),
    ],
)
def test_text(given: str, shown: str) -> None:
    assert text(given) == shown
    assert text(shown) == shown


DATA = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MARKED = some.text(some.characters(categories=["L", "N"]), max_size=12).map(lambda found: f"Zq{found}qZ")
"""A secret that nothing else holds."""


@given(some.sampled_from(SECRET), MARKED, DATA, some.integers(0, 2))
def test_a_secret_is_gone_wherever_it_lies_and_as_json_and_as_a_description(
    name: str, secret: str, other: Any, deep: int
) -> None:
    data: Any = {name: secret, "other": other}
    for _ in range(deep):
        data = [{"inner": data}, other]
    assert secret not in json.dumps(value(data), ensure_ascii=False)
    for dumped in (
        json.dumps({name: secret, "n": 1}, ensure_ascii=False),
        repr({name: secret}),
        f"task({name}={secret!r})",
    ):
        assert secret not in text(dumped), dumped
        assert secret not in text(json.dumps({"body": dumped}, ensure_ascii=False)), dumped
    assert secrets(data) >= {secret} or len(secret) < 6


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text("xyz 0123.,-=:/'"),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.sampled_from(HARMLESS), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_goes_by_other_names_stays_as_it_is(data: Any) -> None:
    assert value(data) == data
    assert text(repr(data)) == repr(data)
    assert secrets(data) == set()


@given(some.text() | some.text("abckey=:'\"\\ \npwdtoken{}[](),&;/@", max_size=60))
def test_hiding_twice_is_hiding_once(found: str) -> None:
    once = text(found)
    assert text(once) == once


def test_a_known_secret_is_struck_out_wherever_it_stands() -> None:
    known = secrets({"login": {"password": "hunter2"}, "pin_token": ["abcdefg"], "user": "ann", "token": "short"})
    assert known == {"hunter2", "abcdefg"}
    assert text("no such user: hunter2 (abcdefg)", known) == "no such user: ••• (•••)"
    assert value(["ann", "hunter2"], known=known) == ["ann", HIDDEN]


def test_a_positional_argument_is_hidden_by_its_parameters_name() -> None:
    shown = arguments(["ann", "hunter2", "more"], {"api_key": "x", "key": "y"}, ["user", "password"])
    assert shown == (["ann", HIDDEN, "more"], {"api_key": HIDDEN, "key": "y"})


def test_pairs_variables_and_what_is_no_data_are_read_too() -> None:
    class Login:
        def __repr__(self) -> str:
            return "Login(user='ann', password='hunter2')"

    assert value([["Authorization", "Basic x"], ("Accept", "*")]) == [["Authorization", HIDDEN], ["Accept", "*"]]
    assert value({"name": "DB_PASSWORD", "value": "x"}) == {"name": "DB_PASSWORD", "value": HIDDEN}
    assert value([Login()]) == ["Login(user='ann', password='•••')"]
    deep: Any = "hunter2"
    for _ in range(500):
        deep = [deep]
    assert "hunter2" not in str(value(deep))


PARTS = (
    "a",
    "a ",
    "password=",
    "password='",
    "a://",
    "u:p://",
    "eyJ",
    "token",
    'x:"',
    "token=[",
    "bearer ",
    "--a ",
    "a-",
)
HARD = ("-----BEGIN PRIVATE KEY-----", 'password = "\\', "password=\\\\\\", "password='''")


@pytest.mark.parametrize("run", ["\\", "\"'", "=", "a", " "])
def test_no_value_takes_long(run: str) -> None:
    began = time.perf_counter()
    text(f"token={run * (128 * 1024 // len(run))}x")
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize("part", [*PARTS, *HARD])
def test_no_text_takes_long(part: str) -> None:
    began = time.perf_counter()
    text(part * (256 * 1024 // len(part)))
    assert time.perf_counter() - began < 3
