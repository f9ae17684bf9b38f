"""How a connection is made, and how often and for how long a command is tried again."""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from jobs import logs
from jobs.address import Address
from jobs.errors import SignalboxError
from jobs.refusals import kind, said, told

log = logs.of("redis")

BACKOFF_BASE, BACKOFF_CAP = 0.1, 2.0
PAUSE = 0.5
"""Seconds between two tries, at most, where all of them have to end in time."""
SENTINEL_TIMEOUT = 0.5
"""Seconds for one Sentinel to answer before the next one is asked."""
_AWAY = (redis_errors.ConnectionError, redis_errors.TimeoutError)
_REFUSED = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)


class RedisUnavailable(SignalboxError, redis_errors.ConnectionError):
    """Redis did not answer; the message says which Redis, and how it failed. A redis-py ``ConnectionError`` too."""


def unavailable(where: Address, error: Exception) -> str:
    """What ``RedisUnavailable`` says."""
    if kind(error) != "away":
        return f"Redis at {where.redacted}: {told(error)}"
    return f"Redis at {where.redacted} does not answer ({said(error)}). Is it running, and is REDIS_URL right?"


class _LoggedBackoff(ExponentialBackoff):
    """Exponential backoff that says so: a silent retry looks like a hang."""

    def compute(self, failures: int) -> float:
        delay = super().compute(failures)
        failed()
        log.warning("redis did not answer, try %d; next one in %.1f s", failures, delay)
        return delay


class Tries(Retry):
    """Tries a command again, and not its connect and its health check again inside each try.

    redis-py nests the three, so that 3 retries are 64 tries and a wrong password is tried as often. With ``within``,
    all tries of a call end in so many seconds, and one that failed for good raises ``RedisUnavailable``.
    """

    def __init__(self, where: Address, retries: int, within: float | None = None) -> None:
        super().__init__(_LoggedBackoff(PAUSE if within else BACKOFF_CAP, BACKOFF_BASE), -1 if within else retries)
        self._where = where
        self.within = within

    def call_with_retry(self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False) -> Any:
        if getattr(_here, "retrying", False):
            return _ONCE.call_with_retry(do, fail, is_retryable, with_failure_count)
        _here.retrying = True
        try:
            return super().call_with_retry(do, fail, self._may_pass, with_failure_count)
        except _AWAY as error:
            if self.within is None or isinstance(error, _REFUSED):
                raise
            raise RedisUnavailable(unavailable(self._where, error)) from error
        finally:
            _here.retrying = False

    def _may_pass(self, error: Exception) -> bool:
        in_time = self.within is None or _left() > PAUSE
        return in_time and not isinstance(error, _REFUSED)


_ONCE = Retry(NoBackoff(), 0)
_here = threading.local()


def _left() -> float:
    """Seconds that the call of this thread has left; none where it was begun by another."""
    return float(getattr(_here, "until", 0.0)) - time.monotonic()


class _InTime:
    """A connection whose tries end in time. Each call begins with ``connect``, whether it is connected or not."""

    host: str
    port: int
    retry: Tries
    socket_timeout: float
    socket_connect_timeout: float

    def connect(self) -> None:
        assert self.retry.within
        _here.until = time.monotonic() + self.retry.within
        super().connect()  # type: ignore[misc]

    def _connect(self) -> Any:
        """Divide the time that is left among the addresses of a name; redis-py gives all of it to each."""
        found = socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM)
        left = max(_left(), PAUSE)
        self.socket_connect_timeout = min(self.socket_timeout, left / len(found))
        return super()._connect()  # type: ignore[misc]


class _AskSentinel:
    """A connection that asks Sentinel whenever it is made, whoever makes it.

    redis-py asks only where a pool connects. Elsewhere it dials where the connection was last, be that a master which
    has gone, or, the first time, port 6379 of this machine.
    """

    host: str
    port: int
    _sock: Any

    def _connect_retry(self) -> None:
        if not self._sock:
            self.connect_check_health(retry_socket_connect=False)  # type: ignore[attr-defined]

    def _connect(self) -> Any:
        self.host, self.port = self.connection_pool.get_master_address()  # type: ignore[attr-defined]
        return super()._connect()  # type: ignore[misc]

    def read_response(self, *args: Any, disconnect_on_error: bool = True, **options: Any) -> Any:
        """A master that has lost its replicas may have been replaced: ask anew before the next command."""
        try:
            return super().read_response(*args, disconnect_on_error=disconnect_on_error, **options)  # type: ignore[misc]
        except redis_errors.ResponseError as error:
            if str(error).startswith("NOREPLICAS"):
                self.mark_for_reconnect()  # type: ignore[attr-defined]
            raise


class _TcpInTime(_InTime, Connection):  # type: ignore[misc]
    pass


class _TlsInTime(_InTime, SSLConnection):  # type: ignore[misc]
    pass


class _UnixInTime(_InTime, UnixDomainSocketConnection):  # type: ignore[misc]
    def _connect(self) -> Any:
        return UnixDomainSocketConnection._connect(self)


class _OfSentinel(_AskSentinel, SentinelManagedConnection):  # type: ignore[misc]
    pass


class _OfSentinelInTime(_AskSentinel, _InTime, SentinelManagedConnection):  # type: ignore[misc]
    pass


_IN_TIME = {"redis": _TcpInTime, "rediss": _TlsInTime, "unix": _UnixInTime}


def dial(where: Address, within: float | None, options: dict[str, Any]) -> Redis:
    """A client for an address, with what redis-py is to be given besides; nothing is opened yet."""
    if where.scheme == "redis+sentinel":
        timeout = min(SENTINEL_TIMEOUT, options["socket_timeout"])
        asked = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": _ONCE}
        kind = _OfSentinelInTime if within else _OfSentinel
        sentinels = Sentinel(where.nodes, sentinel_kwargs=asked)
        found: Redis = sentinels.master_for(where.service, connection_class=kind, **options)
        return found
    if where.scheme == "unix":
        found = Redis(unix_socket_path=where.path, **options)
    else:
        host, port = where.nodes[0]
        found = Redis(host=host, port=port, ssl=where.scheme == "rediss", **options)
    if within:
        found.connection_pool.connection_class = _IN_TIME[where.scheme]
    return found


_told: set[tuple[int, str]] = set()


def connected(connection: AbstractConnection) -> None:
    """Tell of a process's first connection and of each first one after a failure; its pool may open more."""
    me = (os.getpid(), str(connection.client_name))
    try:
        connection.on_connect()
    except redis_errors.NoPermissionError:  # without CLIENT it works as well, unnamed
        connection.client_name = None
        connection.on_connect()
    level = logging.DEBUG if me in _told else logging.INFO
    log.log(level, "connected to %s as %s (pid %d)", _peer(connection), *me[::-1])
    _told.add(me)
    _open.add(connection)


_open: "WeakSet[AbstractConnection]" = WeakSet()


def peers(host: str) -> set[str]:
    """The addresses to which this process is connected that it found by this name."""
    found = set()
    for connection in list(_open):
        with suppress(OSError, AttributeError):  # it may be closed meanwhile
            if getattr(connection, "host", None) == host:
                found.add(str(connection._sock.getpeername()[0]))  # type: ignore[attr-defined]
    return found


def failed() -> None:
    """Have the next connection told of."""
    _told.clear()


def _peer(connection: AbstractConnection) -> str:
    host, port = getattr(connection, "host", None), getattr(connection, "port", None)
    return f"{host}:{port}/{connection.db}" if host else f"{getattr(connection, 'path', '?')}/{connection.db}"
