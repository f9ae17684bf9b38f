"""Logs go to stdout, one line each: platforms show stderr as errors.

What happens is told by loggers named after what it happens to, ``signalbox.<name>``; each has a level of its own.
"""

import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jobs import read, redaction
from jobs.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
QUIET = ("job", "lock")
"""These tell each step of each job at ``info``: too much, unless somebody asks for it."""
ENDED = 25
"""The level, an ``info``, at which ``job`` tells how a job has ended: what a terminal shows unless told otherwise."""
NAMES = frozenset(("actor", "job", "key", "lock", "queue", "target", "task", "type", "worker"))
"""Fields that name something, and are shown as they are: a lane's key may look like a secret, and is none."""
FILLED = re.compile(r"%[-#0 +]*[\d.]*[a-z]")
"""Where a message is filled in."""
LONG = 12
"""Characters from which on a token or password of ours is struck out wherever it stands."""


class _Told(logging.Logger):
    """``logging.config.dictConfig`` disables every logger that exists and is not named, unless it is told otherwise."""

    @property
    def disabled(self) -> bool:
        return False

    @disabled.setter
    def disabled(self, value: bool) -> None:
        """It is not."""


def of(name: str) -> logging.Logger:
    """The logger of one of ``LOGGERS``. No configuration of the app's silences it by not naming it."""
    logger = logging.getLogger(f"signalbox.{name}")
    logger.__class__ = _Told
    return logger


for _name in QUIET:
    of(_name).setLevel(logging.WARNING)


def say(logger: logging.Logger, level: int, what: str, /, **fields: Any) -> None:
    """Tell one event in one line: what happened, and to what. A field that is None or '' is left out."""
    if logger.isEnabledFor(level):
        given = {name: value for name, value in fields.items() if value is not None and value != ""}
        logger.log(level, what, extra={"fields": given})


class _Adds(logging.Filter):
    """Adds fields to every line."""

    def __init__(self, about: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._about = about

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == ENDED:
            record.levelname = "INFO"
        record.fields = {**self._about(), **_fields(record)}
        return True


class _Hides(logging.Formatter):
    """Writes lines without the secrets that an error or a message may quote; ``known`` are our own.

    The words of our own messages are no secrets. Where they look like one, only what fills them is looked at.
    """

    def __init__(self, form: str | None = None, at: str | None = None, known: Iterable[str] = ()) -> None:
        super().__init__(form, at)
        self._known = tuple(known)

    def hide(self, value: Any) -> Any:
        """A value as JSON can have it, without secrets."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {name: self.hide(one) for name, one in value.items()}
        return redaction.text(str(value), self._known)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What a line is about."""
        return {name: one if name in NAMES else self.hide(one) for name, one in _fields(record).items()}

    def format(self, record: logging.LogRecord) -> str:
        """The line, without the secrets of its message."""
        shown = copy(record)
        if isinstance(record.args, tuple) and record.name.startswith("signalbox.") and _looks_secret(record.msg):
            shown.args = tuple(one if isinstance(one, int | float) else _Hidden(one, self.hide) for one in record.args)
            shown.msg, shown.args = shown.getMessage(), None
        else:
            shown.msg, shown.args = self.hide(record.getMessage()), None
        return self.write(shown)

    def write(self, record: logging.LogRecord) -> str:
        """The line of a record whose message holds no secret."""
        return super().format(record)

    def formatException(self, ei: Any) -> str:
        return str(self.hide(super().formatException(ei)))


class _Lines(_Hides):
    """Readable lines: the time, the level, what happened, and its fields as ``name=value``."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = (f"{name}={_value(one)}" for name, one in self.fields(record).items())
        return " ".join([super().formatMessage(record), *fields])


class _Objects(_Hides):
    """One JSON object a line, as platforms read it: time, level, logger, message, with a traceback in it; fields."""

    def write(self, record: logging.LogRecord) -> str:
        row = {
            "time": now(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": super().write(record),
            **self.fields(record),
        }
        return dumped(row)


class _Hidden:
    """A value that shows itself without secrets, however a message asks for it."""

    def __init__(self, value: Any, hide: Callable[[Any], Any]) -> None:
        self._value = value
        self._hide = hide

    def __str__(self) -> str:
        return str(self._hide(str(self._value)))

    def __repr__(self) -> str:
        return str(self._hide(repr(self._value)))


@lru_cache(1024)
def _looks_secret(template: str) -> bool:
    """Return whether the words of a message would be hidden for their own sake, not for what is filled in."""
    words = FILLED.sub("null", template)
    return redaction.text(words) != words


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(record, "fields", {})
    return found


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{one}" for name, one in value.items())
    text = str(value)
    plain = text.isprintable() and not re.search(r'[\s="]', text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def now(at: float | None = None) -> str:
    """A time in seconds since 1970 UTC, by default this moment, as in RFC 3339."""
    found = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumped(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON, in what stdout can say."""
    return json.dumps(row, ensure_ascii=not _says_all(), default=str)


def bear_with_terminal() -> None:
    """Have what stdout and stderr cannot say shown as ``?``, where a terminal or a locale is not for Unicode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _says_all() -> bool:
    return (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def are_json(settings: Settings) -> bool:
    """Are lines to be JSON? Where nothing else is said, text on a terminal, and JSON wherever they are collected."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stdout.isatty())


def setup(settings: Settings, about: Callable[[], Mapping[str, Any]] = dict) -> None:
    """Set up the logs of a process, ours and RQ's. RQ tells each step of each job at ``debug`` only.

    ``about`` says what else a line is about, whoever logs it.
    """
    bear_with_terminal()
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_Adds(about))
    ours = (settings.token, settings.read_token, settings.redis and settings.redis.password)
    known = [one for one in ours if one and len(one) >= LONG]
    handler.setFormatter(_Objects(known=known) if are_json(settings) else _Lines(FORMAT, "%H:%M:%S", known=known))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    quiet = logging.WARNING if settings.log_level == "info" else logging.getLogger().level
    for name in ("rq", "rq.worker", "rq.job", "rq.queue", "rq_scheduler", "rq_scheduler.scheduler"):
        logging.getLogger(name).setLevel(quiet)
    for name in QUIET:
        of(name).setLevel(quiet)
    if settings.log_level == "info" and not are_json(settings) and sys.stdout.isatty():
        of("job").setLevel(ENDED)
    for name, level in settings.log_levels:
        of(name).setLevel(ENDED if level == read.ENDED else level.upper())
    ours_only = logging.getLogger("signalbox")  # with a handler of its own: the app may replace the root's
    ours_only.__class__ = _Told
    ours_only.setLevel(settings.log_level.upper())
    ours_only.propagate = False
    ours_only.handlers = [handler]
    for warning in settings.warnings:
        of("settings").warning("%s", warning)
