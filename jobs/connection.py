"""THE Redis connection factory: web, worker, scheduler, command line and tests all come here.

One set of options for every role; only the deadline, the number of retries and the client name vary.
"""

import os
import re
import socket
import threading
from functools import cache
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from jobs import dialing, embedded, keys, logs, refusals
from jobs.address import Address
from jobs.dialing import BACKOFF_CAP, RedisUnavailable
from jobs.errors import SettingsError
from jobs.settings import Settings, current

log = logs.of("redis")

CONNECT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 15.0
RETRIES = 3
WITHIN = 4.5
"""Seconds for all tries of a call that a user's code waits for."""
TRY_TIMEOUT = 2.0
"""Seconds for each of these tries."""
OLDEST = 7
"""The first version of Redis that has all that the scripts use."""
HEALTH_CHECK_INTERVAL = 30
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


@cache
def address(settings: Settings) -> Address:
    """The Redis to use: the configured one, else this folder's local server, started if need be.

    Raises ``ServerError`` when the local server does not start.
    """
    return settings.redis or embedded.attach(settings.folder)


def connect(
    settings: Settings,
    role: str,
    *,
    deadline: float = COMMAND_TIMEOUT,
    retries: int = RETRIES,
    within: float | None = None,
    instance: str = "",
) -> Redis:
    """A client for ``role``; nothing is opened before its first command.

    ``deadline`` bounds every try of a command, in seconds, and the connect too where it is shorter than
    ``CONNECT_TIMEOUT``. With ``within``, a call is tried for so many seconds in all, however often that is, and raises
    ``RedisUnavailable`` then. The client name says role, key prefix and instance, so that ``CLIENT LIST``
    shows who is connected, and to which db. Raises ``SettingsError`` for a certificate that is not there.
    """
    where = address(settings)
    for name, path in where.options:
        if name in FILES and not Path(path).is_file():
            raise SettingsError("REDIS_URL", where.redacted, f"there is no file {path} ({name})")
    return open_client(where, client_name(role, instance), deadline=deadline, retries=retries, within=within)


def open_client(
    where: Address,
    name: str,
    *,
    deadline: float = COMMAND_TIMEOUT,
    retries: int = RETRIES,
    within: float | None = None,
) -> Redis:
    """A client for an address; prefer ``connect``, which takes it from the settings."""
    timeouts: dict[str, Any] = {
        "socket_timeout": deadline,
        "socket_connect_timeout": min(CONNECT_TIMEOUT, deadline),
        "socket_keepalive": True,
    }
    options: dict[str, Any] = {
        **timeouts,
        **_typed(where.options),
        "db": where.db,
        "username": where.username or None,
        "password": where.password or None,
        "client_name": name,
        "health_check_interval": HEALTH_CHECK_INTERVAL,
        "retry": dialing.Tries(where, retries, within),
        "redis_connect_func": dialing.connected,
    }
    return dialing.dial(where, within, options)


def _typed(options: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    typed: dict[str, Any] = dict(options)
    if "protocol" in typed:
        typed["protocol"] = int(typed["protocol"])
    if "ssl_check_hostname" in typed:
        typed["ssl_check_hostname"] = typed["ssl_check_hostname"].lower() in ("1", "true", "yes")
    return typed


def client_name(role: str, instance: str = "") -> str:
    """``signalbox:<role>:<prefix>:<instance>``, in the characters that Redis allows."""
    instance = instance or f"{socket.gethostname()}-{os.getpid()}"
    return re.sub(r"[^!-~]", "-", f"signalbox:{role}:{keys.PREFIX}:{instance.replace(':', '-')}")


def refusal(error: RedisError, where: Address) -> SettingsError | None:
    """The setting to blame, when the server answered but will not serve us; None when it may still come round."""
    match refusals.kind(error):
        case "credentials":
            return SettingsError("REDIS_URL", where.redacted, "the server refused the user name or password")
        case "db":
            return SettingsError("REDIS_URL", where.redacted, f"the server has no db {where.db}")
        case "permission" | "cluster" | "unknown":
            return SettingsError("REDIS_URL", where.redacted, refusals.told(error))
    return None


def require(client: Redis, where: Address) -> None:
    """One attempt, for commands that do one thing and end.

    Raises ``SettingsError`` when the server refuses us or cannot serve us, and ``RedisUnavailable`` when it does not
    answer.
    """
    try:
        _ask(client, where)
    except RedisError as error:
        if blamed := refusal(error, where):
            raise blamed from error
        if isinstance(error, RedisUnavailable):
            raise
        raise RedisUnavailable(dialing.unavailable(where, error)) from error


def _ask(client: Redis, where: Address) -> None:
    """Raise what keeps the server from serving us: ``RedisError``, or ``SettingsError`` for its kind."""
    try:
        client.ping()
    except ResponseError as error:
        if refusals.kind(error) not in ("disk", "replicas"):  # it answers, and may be read
            raise
    try:
        info = client.info("server")
    except ResponseError:  # it may not be asked
        return
    version = str(info.get("redis_version", ""))
    major = version.partition(".")[0]
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):  # as Redis says it, and as Valkey does
        words = refusals.WORDS["cluster"]
        raise SettingsError("REDIS_URL", where.redacted, f"{words.title}. {words.remedy}")
    if major.isdecimal() and int(major) < OLDEST:
        told = f"Redis {version} is too old: Signalbox needs {OLDEST}.0. Use Redis {OLDEST}.0 or newer, or Valkey"
        raise SettingsError("REDIS_URL", where.redacted, told)


def wait(client: Redis, where: Address, stop: threading.Event) -> bool:
    """Wait until Redis answers, for processes that must not end because it is late.

    Logs every try; the delay between them grows to 2 s. Returns False when ``stop`` was set first.
    Raises ``SettingsError`` when the server answers but refuses us or cannot serve us.
    """
    delay = 0.25
    while not stop.is_set():
        try:
            _ask(client, where)
        except RedisError as error:
            if blamed := refusal(error, where):
                raise blamed from error
            dialing.failed()
            log.warning("waiting for Redis at %s: %s; next try in %.2g s", where.redacted, refusals.said(error), delay)
            stop.wait(delay)
            delay = min(delay * 2, BACKOFF_CAP)
        else:
            return True
    return False


@cache
def default() -> Redis:
    """The client of a user's code, from this process's settings: each call ends within 5 s.

    A call raises ``RedisUnavailable`` when Redis has not answered by then.
    """
    return connect(current(), "app", deadline=TRY_TIMEOUT, within=WITHIN)


@cache
def patient() -> Redis:
    """``default`` for calls that wait until the server has written to its disk."""
    return connect(current(), "app")


os.register_at_fork(after_in_child=default.cache_clear)  # or a child's connections would go by its parent's name
