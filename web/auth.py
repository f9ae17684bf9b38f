"""Who may see and do what. Closed by default: without a token, only loopback, and only in development."""

import logging
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

from flask import Response, current_app, g, redirect, request, url_for
from redis.exceptions import RedisError

from jobs import audit, logs
from jobs.health import access
from jobs.health.access import SAFE, Level
from jobs.health.throttle import Throttle
from web import session
from web.line import line
from web.problems import Problem

log = logs.of("web")

ROLES = {Level.NONE: "nobody", Level.READ: "reader", Level.OPERATE: "operator"}


class Caller(NamedTuple):
    """Who sent a request, by what it carries; whether it was meant is another question."""

    level: Level
    by: Literal["session", "token", "place"]
    """What it is allowed by."""
    name: str = ""


def identify() -> None:
    """Before each request: ``g.level`` says what the caller may do, ``g.actor`` who it is, for the audit."""
    caller = g.caller = _caller()
    g.trusted = access.is_trusted(request.method, request.headers.get, caller.by == "session")
    g.level = caller.level if g.trusted else Level.NONE
    g.actor = actor(caller.level, caller.name)


def _caller() -> Caller:
    settings, headers = line().settings, request.headers.get
    token = access.bearer(headers)
    if token is not None and access.has_tokens(settings):
        return Caller(Level.NONE if throttle().wait(address()) else try_token(token), "token")
    if found := session.read(settings, request.cookies.get(session.COOKIE, "")):
        return Caller(found.level, "session", found.name)
    is_local = access.is_local(settings, request.remote_addr or "", headers)
    return Caller(Level.OPERATE if is_local else Level.NONE, "place")


def actor(level: Level, name: str) -> str:
    """Who somebody is in the audit."""
    return f"{name + ', ' if name else ''}{ROLES[level]} from {address()}"


def require() -> Response | None:
    """Before a request that is not for everybody: ``check``, but a page that nobody may see leads to the login."""
    caller: Caller = g.caller
    if caller.level is Level.NONE and request.method in SAFE and not request.path.startswith("/api/"):
        return _to_login()
    check()
    return None


def check() -> None:
    """To look needs READ, anything else OPERATE.

    Raises ``Problem``: 401 when the caller is nobody, 403 when it may not, or when a foreign page sent the request,
    429 when it was wrong too often.
    """
    caller: Caller = g.caller
    if caller.level is Level.NONE:
        check_throttle()
        raise Problem(401, "Not allowed", access.refusal(line().settings))
    check_sender()
    if request.method not in SAFE and caller.level < Level.OPERATE:
        raise Problem(403, "Not allowed", access.ONLY_READS)


def check_sender() -> None:
    """Raises ``Problem`` when the browser says that a page of another site sent this, or does not say that ours did."""
    if not g.trusted:
        raise Problem(403, "Not from here", "a page of another site, or of none, sent this; do it from a page of ours")


def try_token(token: str) -> Level:
    """What a token allows; a wrong one is counted against whoever gave it."""
    found = access.level_of(line().settings, token)
    if found is Level.NONE:
        throttle().count(address())
        log.warning("a wrong token came from %s", address())
    return found


def note(action: str, target: str, actor: str | None = None) -> None:
    """Once something was done: put down who did it, what, and to what in words; a Redis that fails then undoes nothing.

    What programs put in is their work, and would push everything else out: of ``job.enqueue`` only people's is noted.
    """
    if action == "job.enqueue" and g.caller.by == "token":
        return
    who = actor or g.actor
    logs.say(log, logging.INFO, "action", actor=who, action=action, target=target)
    try:
        audit.note(line().client, who, action, target)
    except RedisError as error:
        log.warning("%s of %s is not in the audit: %s", action, target, error)


def check_throttle() -> None:
    """Raises ``Problem`` when this address has given too many wrong tokens."""
    if wait := throttle().wait(address()):
        retry = {"Retry-After": str(int(wait) + 1)}
        raise Problem(429, "Too many wrong tokens", f"this address is heard again in {wait:.0f} s", retry)


def throttle() -> Throttle:
    found: Throttle = current_app.extensions["throttle"]
    return found


def address() -> str:
    """Where the request came from."""
    return access.address(line().settings, request.remote_addr or "", request.headers.get)


def is_secure() -> bool:
    """Did it come over https? On a platform its proxy says so."""
    forwarded = request.headers.get("X-Forwarded-Proto") if line().settings.platform else None
    return (forwarded or request.scheme) == "https"


def _to_login() -> Response:
    asked = quote(request.path) + ("?" + request.query_string.decode("latin-1") if request.query_string else "")
    response = redirect(url_for("login.show", next=asked if asked != "/" else None))
    assert isinstance(response, Response)
    return response


def inside(target: str) -> str:
    """Where to go after login, if that is in this app; else the first page."""
    plain = target.isprintable() and "\\" not in target and " " not in target
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    own = target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    return target if plain and own else "/"
