"""THE Redis connection factory: web, worker, scheduler, command line and tests all come here.

One set of options for every role; only the deadline, the number of retries and the client name vary.
"""

import logging
import os
import re
import socket
import threading
from functools import cache
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import AbstractConnection
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from jobs import embedded, keys, logs
from jobs.address import Address
from jobs.errors import SettingsError, SignalboxError
from jobs.settings import Settings, current

log = logs.of("redis")

CONNECT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 15.0
RETRIES = 3
BACKOFF_BASE, BACKOFF_CAP = 0.1, 2.0
HEALTH_CHECK_INTERVAL = 30
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


class RedisUnavailable(SignalboxError):
    """Redis did not answer; the message says which one and how it failed."""


class _LoggedBackoff(ExponentialBackoff):
    """Exponential backoff that says so: a silent retry looks like a hang."""

    def compute(self, failures: int) -> float:
        delay = super().compute(failures)
        _told.clear()
        log.warning("redis did not answer, try %d; next one in %.1f s", failures, delay)
        return delay


class _OneLayer(Retry):
    """Retries a command, and not its connect and its health check again inside each try.

    redis-py nests the three, so that 3 retries are 64 tries and a wrong password is tried as often.
    """

    def call_with_retry(self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False) -> Any:
        if getattr(_here, "retrying", False):
            return _ONCE.call_with_retry(do, fail, is_retryable, with_failure_count)
        _here.retrying = True
        try:
            return super().call_with_retry(do, fail, _may_pass, with_failure_count)
        finally:
            _here.retrying = False


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, AuthenticationError | AuthorizationError)


_ONCE = Retry(NoBackoff(), 0)
_here = threading.local()


@cache
def address(settings: Settings) -> Address:
    """The Redis to use: the configured one, else this folder's local server, started if need be.

    Raises ``ServerError`` when the local server does not start.
    """
    return settings.redis or embedded.attach(settings.folder)


def connect(
    settings: Settings, role: str, *, deadline: float = COMMAND_TIMEOUT, retries: int = RETRIES, instance: str = ""
) -> Redis:
    """A client for ``role``; nothing is opened before its first command.

    ``deadline`` bounds every command, in seconds, and the connect too where it is shorter than
    ``CONNECT_TIMEOUT``. The client name says role, key prefix and instance, so that ``CLIENT LIST``
    shows who is connected, and to which db. Raises ``SettingsError`` for a certificate that is not there.
    """
    where = address(settings)
    for name, path in where.options:
        if name in FILES and not Path(path).is_file():
            raise SettingsError("REDIS_URL", where.redacted, f"there is no file {path} ({name})")
    return open_client(where, client_name(role, instance), deadline=deadline, retries=retries)


def open_client(where: Address, name: str, *, deadline: float = COMMAND_TIMEOUT, retries: int = RETRIES) -> Redis:
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
        "retry": _OneLayer(_LoggedBackoff(cap=BACKOFF_CAP, base=BACKOFF_BASE), retries),
        "redis_connect_func": _connected,
    }
    if where.scheme == "redis+sentinel":
        found: Redis = Sentinel(where.nodes, sentinel_kwargs=timeouts).master_for(where.service, **options)
        return found
    if where.scheme == "unix":
        return Redis(unix_socket_path=where.path, **options)
    host, port = where.nodes[0]
    return Redis(host=host, port=port, ssl=where.scheme == "rediss", **options)


def _typed(options: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    typed: dict[str, Any] = dict(options)
    if "protocol" in typed:
        typed["protocol"] = int(typed["protocol"])
    if "ssl_check_hostname" in typed:
        typed["ssl_check_hostname"] = typed["ssl_check_hostname"].lower() in ("1", "true", "yes")
    return typed


_told: set[tuple[int, str]] = set()


def _connected(connection: AbstractConnection) -> None:
    """Tell of a process's first connection and of each first one after a failure; its pool may open more."""
    connection.on_connect()
    me = (os.getpid(), str(connection.client_name))
    log.log(
        logging.DEBUG if me in _told else logging.INFO, "connected to %s as %s (pid %d)", _peer(connection), *me[::-1]
    )
    _told.add(me)


def _peer(connection: AbstractConnection) -> str:
    host, port = getattr(connection, "host", None), getattr(connection, "port", None)
    return f"{host}:{port}/{connection.db}" if host else f"{getattr(connection, 'path', '?')}/{connection.db}"


def client_name(role: str, instance: str = "") -> str:
    """``signalbox:<role>:<prefix>:<instance>``, in the characters that Redis allows."""
    instance = instance or f"{socket.gethostname()}-{os.getpid()}"
    return re.sub(r"[^!-~]", "-", f"signalbox:{role}:{keys.PREFIX}:{instance.replace(':', '-')}")


def refusal(error: RedisError, where: Address) -> SettingsError | None:
    """The setting to blame, when the server answered but will not serve us; None when it may still come round."""
    if isinstance(error, AuthenticationError | AuthorizationError) or str(error).startswith(("NOAUTH", "WRONGPASS")):
        return SettingsError("REDIS_URL", where.redacted, "the server refused the user name or password")
    if isinstance(error, ResponseError) and "DB index" in str(error):
        return SettingsError("REDIS_URL", where.redacted, f"the server has no db {where.db}")
    return None


def require(client: Redis, where: Address) -> None:
    """One attempt, for commands that do one thing and end.

    Raises ``SettingsError`` when the server refuses us and ``RedisUnavailable`` when it does not answer.
    """
    try:
        client.ping()
    except RedisError as error:
        raise refusal(error, where) or RedisUnavailable(
            f"Redis at {where.redacted} does not answer ({error}). Is it running, and is REDIS_URL right?"
        ) from error


def wait(client: Redis, where: Address, stop: threading.Event) -> bool:
    """Wait until Redis answers, for processes that must not end because it is late.

    Logs every try; the delay between them grows to 2 s. Returns False when ``stop`` was set first.
    Raises ``SettingsError`` when the server answers but refuses us.
    """
    delay = 0.25
    while not stop.is_set():
        try:
            client.ping()
        except RedisError as error:
            if blamed := refusal(error, where):
                raise blamed from error
            _told.clear()
            log.warning("waiting for Redis at %s: %s; next try in %.2g s", where.redacted, error, delay)
            stop.wait(delay)
            delay = min(delay * 2, BACKOFF_CAP)
        else:
            return True
    return False


@cache
def default() -> Redis:
    """The client that ``enqueue`` uses in a user's code, from this process's settings."""
    return connect(current(), "app")
