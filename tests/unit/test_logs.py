"""How a line looks, and which lines there are."""

import ast
import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from jobs import logs
from jobs.read import LOGGERS
from jobs.settings import Settings
from tests.support import ROOT


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in ("root", *(f"signalbox.{name}" for name in LOGGERS))}
    yield
    logging.getLogger().handlers.clear()
    ours = logging.getLogger("signalbox")
    ours.handlers.clear()
    ours.propagate = True
    ours.setLevel(logging.NOTSET)
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


def literal(call: ast.Call) -> str | None:
    """The message of a call of a logger, where it stands there as it is."""
    first = call.args[1] if call.func.attr == "log" and len(call.args) > 1 else call.args[0]  # type: ignore[attr-defined]
    found = [one.value for one in ast.walk(first) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return found[0] if len(found) == 1 else None


def messages() -> Iterator[tuple[str, str]]:
    """Where each message of ours is told, and the message."""
    for folder in ("jobs", "web"):
        for file in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
                    name = ast.unparse(call.func)
                    if re.search(r"\b(log|of\('\w+'\))\.(debug|info|warning|error|exception|log)$", name):
                        yield f"{file.name}:{call.lineno}", literal(call) or ""


def test_the_words_of_our_own_messages_are_always_shown(capsys: pytest.CaptureFixture[str]) -> None:
    setup("json", JOBS_LOG_LEVEL="debug")
    told = [(place, message) for place, message in messages() if not place.startswith("server.py:")]
    assert len(told) > 30
    assert [place for place, message in told if not message] == [], "these would be taken for words of ours"
    for place, message in told:
        values = [7 if kind in "dgfi" else "seven" for kind in re.findall(r"%[-#0 +]*[\d.]*([a-z])", message)]
        logs.of("worker").info(message, *values)
        assert "•••" not in capsys.readouterr().out, f"{place}: {message}"


def test_a_secret_is_hidden_in_a_message_whose_own_words_look_like_one(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    logs.of("web").info("no JOBS_TOKEN: closed, says %s %r", "redis://:hunter2@host", ValueError("token=hunter2"))
    written = capsys.readouterr().out
    assert "no JOBS_TOKEN: closed, says redis://:•••@host ValueError('token=•••')" in written


def test_what_others_log_is_looked_at_whole(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    logging.getLogger("their.own").warning("token: hunter2")
    assert "token: •••" in capsys.readouterr().out


def test_one_line_tells_how_a_job_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    setup(JOBS_LOG_LEVELS="job=ended")
    logs.say(logs.of("job"), logging.INFO, "job started", job="a")
    logs.say(logs.of("job"), logs.ENDED, "job finished", job="a")
    assert capsys.readouterr().out[9:] == "INFO    job finished job=a\n"


def test_no_configuration_of_the_app_silences_what_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    logging.config.dictConfig({"version": 1, "root": {"level": "ERROR", "handlers": []}})
    logs.of("job").warning("job failed")
    assert "job failed" in capsys.readouterr().out


def test_each_logger_of_ours_can_be_given_a_level() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "jobs").rglob("*.py"))
    assert set(re.findall(r'logs\.of\("(\w+)"\)', source)) <= set(LOGGERS)
