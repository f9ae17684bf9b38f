"""How a line looks, and which lines there are."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from jobs import logs
from jobs.read import LOGGERS
from jobs.settings import Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in ("root", *(f"signalbox.{name}" for name in LOGGERS))}
    yield
    logging.getLogger().handlers.clear()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def setup(form: str = "text", about: Callable[[], Mapping[str, str]] = dict, **environ: str) -> None:
    logging.getLogger().handlers.clear()  # pytest's own
    logs.setup(Settings.from_environ({"JOBS_LOG_FORMAT": form, **environ}), about)


def tell() -> None:
    logs.say(
        logs.of("worker"), logging.INFO, "job ended", job="a", key="", seconds=0.5, error='it said "no"', at={"q": 1}
    )


def test_a_line_is_a_sentence_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    tell()
    assert capsys.readouterr().out[9:] == 'INFO    job ended job=a seconds=0.5 error="it said \\"no\\"" at=q:1\n'


def test_as_json_each_field_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    setup("json")
    tell()
    row = json.loads(capsys.readouterr().out)
    assert row.pop("time").endswith("Z")
    assert row == {
        "level": "info",
        "logger": "signalbox.worker",
        "message": "job ended",
        "job": "a",
        "seconds": 0.5,
        "error": 'it said "no"',
        "at": {"q": 1},
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_there_and_a_password_is_not(capsys: pytest.CaptureFixture[str], form: str) -> None:
    setup(form)
    try:
        raise ValueError("no answer from redis://user:secret@host:6379/0 or rediss://:secret@host")
    except ValueError:
        logs.of("redis").exception("it failed")
    written = capsys.readouterr().out
    assert "Traceback" in written
    assert "redis://user:•••@host:6379/0 or rediss://:•••@host" in written
    assert "secret" not in written


def test_a_name_moves_no_cursor_and_begins_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    logs.say(logs.of("worker"), logging.INFO, "lane cleared", key="\x1b[2J", queue="a\nINFO  all is well")
    written = capsys.readouterr().out
    assert "\\u001b[2J" in written
    assert written.count("\n") == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_holds_a_secret_and_every_line_holds_the_rest(capsys: pytest.CaptureFixture[str], form: str) -> None:
    setup(form, JOBS_TOKEN="operators-own-token", REDIS_URL="redis://:redis-own-password@host")
    logs.of("worker").info("asking with token=%s and operators-own-token", "hunter2hunter2")
    fields = {"error": "password='hunter2'", "token": 17, "lock": "token:9", "at": {"q": "redis-own-password"}}
    logs.say(logs.of("worker"), logging.INFO, "lock lost", **fields)
    written = capsys.readouterr().out
    for secret in ("hunter2", "operators-own", "redis-own"):
        assert secret not in written
    assert "asking with token=••• and •••" in written
    assert '"token": 17, "lock": "token:9"' in written or "token=17 lock=token:9" in written


@pytest.mark.parametrize(
    ("environ", "tells"),
    [
        ({}, {"worker": "info", "job": "warning", "lock": "warning"}),
        ({"JOBS_LOG_LEVEL": "debug"}, {"worker": "debug", "job": "debug", "lock": "debug"}),
        ({"JOBS_LOG_LEVEL": "error"}, {"worker": "error", "job": "error"}),
        ({"JOBS_LOG_LEVELS": "job=info, worker=error"}, {"worker": "error", "job": "info", "lock": "warning"}),
    ],
)
def test_each_logger_has_a_level(environ: dict[str, Any], tells: dict[str, str]) -> None:
    setup(**environ)
    found = {name: logging.getLevelName(logs.of(name).getEffectiveLevel()).lower() for name in tells}
    assert found == tells


def test_a_line_is_about_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    setup(about=lambda: {"job": "a"})
    logging.getLogger("shop").warning("sold out")
    assert capsys.readouterr().out.endswith("WARNING sold out job=a\n")
