"""Who may see and do what: by a token, or in development without one, from this machine. Pure."""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from enum import IntEnum
from typing import Literal
from urllib.parse import urlsplit

from jobs.settings import Settings

LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")
CLIENT = {"Railway": "X-Real-IP", "Fly.io": "Fly-Client-IP", "Render": "CF-Connecting-IP"}
"""The header in which a platform's proxy says who its client is, where that is not the last of X-Forwarded-For."""
SAFE = ("GET", "HEAD")
"""Methods that change nothing."""
ONLY_READS = "JOBS_READ_TOKEN may see everything and do nothing; this takes JOBS_TOKEN"

Headers = Callable[[str], str | None]
"""The value of a request's header, whatever its case, or None."""


class Level(IntEnum):
    """What a caller may do; each may do what those below it may."""

    NONE = 0
    READ = 1
    OPERATE = 2


def level(settings: Settings, peer: str, headers: Headers) -> Level:
    """What a caller without a session may do. ``peer`` is the address from which the request came."""
    if sender(headers) == "foreign":
        return Level.NONE
    token = bearer(headers)
    if token is not None and has_tokens(settings):
        return level_of(settings, token)
    return Level.OPERATE if is_local(settings, peer, headers) else Level.NONE


def has_tokens(settings: Settings) -> bool:
    """Is any token set? Then being on this machine is not enough."""
    return bool(settings.token or settings.read_token)


def bearer(headers: Headers) -> str | None:
    """The token that a request gives; None when it gives none."""
    scheme, _, token = (headers("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def level_of(settings: Settings, token: str) -> Level:
    """What a token allows. It takes as long for a wrong one, however much of it is right."""
    operates = _same(token, settings.token)
    reads = _same(token, settings.read_token)
    return Level.OPERATE if operates else Level.READ if reads else Level.NONE


def _same(given: str, expected: str | None) -> bool:
    return hmac.compare_digest(_digest(given), _digest(expected or "")) and bool(expected)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def is_local(settings: Settings, peer: str, headers: Headers) -> bool:
    """A caller on this machine, where that is enough, and no proxy that says that it is one.

    The name in ``Host`` must be local too, or a foreign page could have its own name point here. A proxy on this
    machine that adds no header looks like a caller: behind one, JOBS_TOKEN must be set.
    """
    if has_tokens(settings) or settings.platform is not None:
        return False
    try:
        on_this_machine = ipaddress.ip_address(plain(peer)).is_loopback
    except ValueError:
        return False
    host = headers("Host") or ""
    name = host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host
    forwarded = any(headers(header) is not None for header in FORWARDED)
    return on_this_machine and name.lower() in LOCAL_NAMES and not forwarded


def sender(headers: Headers) -> Literal["own", "foreign", "unsaid"]:
    """Whose page sent a request, as the browser says it: our own, another site's, or nothing is said.

    Another port of this host is another site here, although browsers call it the same.
    """
    if site := headers("Sec-Fetch-Site"):
        return "own" if site in ("same-origin", "none") else "foreign"
    origin = headers("Origin")
    if origin is None:
        return "unsaid"
    return "own" if _place(origin) == (headers("Host") or "").lower() else "foreign"


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def is_link(method: str, headers: Headers) -> bool:
    """Does a person follow a link to here? That shows them a page and gives the site with the link nothing."""
    mode, into = headers("Sec-Fetch-Mode"), headers("Sec-Fetch-Dest")
    return method in SAFE and mode == "navigate" and into == "document"


def is_trusted(method: str, headers: Headers, by_session: bool) -> bool:
    """Did whoever is allowed something mean to send this request, as far as the browser says?

    A session comes along by itself, so what acts on it must be said to come from a page of ours.
    """
    whose = sender(headers)
    if whose == "foreign":
        return is_link(method, headers)
    return whose == "own" or not by_session or method in SAFE


def address(settings: Settings, peer: str, headers: Headers) -> str:
    """The address of whoever sent a request; on a platform what its proxy says of it, which nobody else can."""
    if settings.platform is None:
        return plain(peer)
    said = headers(CLIENT.get(settings.platform, "")) or (headers("X-Forwarded-For") or "").rpartition(",")[2]
    return plain(said.strip() or peer)


def plain(address: str) -> str:
    """An address without the dress that IPv4 wears on a socket for both; what is none stays as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(getattr(found, "ipv4_mapped", None) or found)


def refusal(settings: Settings) -> str:
    """Why a caller was refused, and what to do."""
    if has_tokens(settings):
        return "send the header Authorization: Bearer <the value of JOBS_TOKEN, or to read, of JOBS_READ_TOKEN>"
    return "JOBS_TOKEN is not set, so " + (
        "nobody may do that here; set it, and send it as a bearer token"
        if settings.platform
        else "only this machine may do that; set it, and send it as a bearer token"
    )
