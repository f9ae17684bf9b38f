"""What the text of a setting stands for: a reader for each kind. Each raises ``ValueError`` with what is expected."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from jobs.errors import SettingsError

LEVELS = ("debug", "info", "warning", "error")
ENDED = "ended"
"""Level of the logger ``job`` that tells how each job has ended, and nothing else of it."""
LOGGERS = ("aside", "job", "lock", "loop", "process", "redis", "schedule", "settings", "timeout", "web", "worker")
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_PREFIX = re.compile(r"[A-Za-z0-9_.:{}-]+")  # what rq.defaults accepts


def names(text: str) -> tuple[str, ...]:
    """Comma-separated queue names."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found or not all(NAME.fullmatch(name) for name in found):
        raise ValueError("expected queue names separated by commas (letters, digits, _ . : -), such as high,default")
    return found


def name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("expected 1 to 128 letters, digits and _ . : -")
    return text


def some_names(text: str) -> tuple[str, ...]:
    return names(text) if text else ()


def formation(text: str) -> tuple[tuple[str, int], ...]:
    """``web=1,worker=2``."""
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    if not all(NAME.fullmatch(name) and number.isdecimal() and int(number) <= 100 for name, _, number in pairs):
        raise ValueError("expected part=number separated by commas, each number from 0 to 100, such as web=1,worker=2")
    return tuple((name, int(number)) for name, _, number in pairs)


def limits(text: str) -> tuple[tuple[str, int], ...]:
    """``inbox=10,reports=2``."""
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    if not all(NAME.fullmatch(name) and number.isdecimal() and 0 < int(number) <= 10_000 for name, _, number in pairs):
        raise ValueError("expected queue=number separated by commas, each number from 1 to 10000, such as inbox=10")
    return tuple((name, int(number)) for name, _, number in pairs)


def levels(text: str) -> tuple[tuple[str, str], ...]:
    """``job=info,lock=debug``."""
    pairs = [part.strip().lower().partition("=") for part in text.split(",") if part.strip()]
    if not all(name in LOGGERS and (level in LEVELS or (name, level) == ("job", ENDED)) for name, _, level in pairs):
        raise ValueError(
            f"expected logger=level separated by commas: {', '.join(LOGGERS)} and {', '.join(LEVELS)}, or job={ENDED}"
        )
    return tuple((name, level) for name, _, level in pairs)


def types(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """``inbound=inbox,default;outbound=mail``."""
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    if not all(TYPE.fullmatch(name.strip()) and queues.strip() for name, _, queues in pairs):
        raise ValueError("expected type=queues separated by semicolons, such as inbound=inbox,default;outbound=mail")
    return tuple((name.strip(), names(queues)) for name, _, queues in pairs)


def type_name(text: str) -> str:
    if text and not TYPE.fullmatch(text):
        raise ValueError("expected letters, digits, _ . and -, such as inbound")
    return text


def modules(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"\w+(\.\w+)*", module) for module in found):
        raise ValueError("expected module names separated by commas, such as shop.tasks,mail.tasks")
    return found


def seconds(text: str) -> float:
    """A positive duration: ``15``, ``0.5``, ``10m``, ``7d``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    value = float(match[1][:20]) * _UNITS[match[2]] if match else 0.0
    if not 0 < value <= 366 * _UNITS["d"]:
        raise ValueError("expected a time above zero and at most 366d, such as 15, 0.5, 10m or 7d")
    return value


def wait(text: str) -> float:
    """A duration, or 0 for no time."""
    return 0.0 if text.strip() == "0" else seconds(text)


def size(text: str) -> int:
    """Bytes: ``4096``, ``64k``, ``512MB``, ``2g``; 0 where there is no limit."""
    match = re.fullmatch(r"(\d{1,12})([kmg]?)b?", text.strip().lower())
    if not match:
        raise ValueError("expected bytes, such as 65536, 64k, 1m or 2g, or 0 for any number")
    return int(match[1]) * _BYTES[match[2]]


def port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError("expected a port number from 1 to 65535")
    return int(text)


def token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("expected ASCII letters, digits and signs, without spaces: it is sent in a header")
    return text


def host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        ip_address(bare)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9.-]+", bare):
            raise ValueError("expected an address or a host name without a port, such as :: or 0.0.0.0") from None
    return bare


def url(text: str) -> str:
    place = urlsplit(text)
    if place.scheme not in ("http", "https") or not place.hostname or place.username or place.query or place.port == 0:
        raise ValueError("expected http://host:port, where a worker answers health checks (JOBS_WORKER_PORT)")
    return text


def count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise ValueError("expected a whole number from 1 to 1000")
    return int(text)


def many(text: str) -> int:
    if not text.isdecimal() or int(text) > 100_000_000:
        raise ValueError("expected a whole number from 0 to 100000000")
    return int(text)


def switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    return text == "1"


def choice(*accepted: str) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text.lower() not in accepted:
            raise ValueError(f"expected one of {', '.join(accepted)}")
        return text.lower()

    return choose


def serializer(text: str) -> str:
    if text.lower() in ("json", "pickle"):
        return text.lower()
    if not re.fullmatch(r"\w+(\.\w+)+", text):
        raise ValueError("expected json, pickle, or the dotted name of a class with dumps and loads")
    return text


def prefix(text: str) -> str:
    """A key prefix that RQ accepts. Raises ``SettingsError``."""
    if not _PREFIX.fullmatch(text):
        raise SettingsError("RQ_KEY_PREFIX", text, "expected letters, digits and _ . : - { } only, such as rq or {rq}")
    return text


EMPTY = (modules, some_names, limits, levels, types, type_name, formation)
"""For these no text at all is an answer too; for the others the setting is None then."""
