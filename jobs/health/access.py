"""Who may see everything and put work in: by the token, or in development without one, from this machine. Pure."""

import hmac
import ipaddress
from collections.abc import Callable

from jobs.settings import Settings

LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


Headers = Callable[[str], str | None]
"""The value of a request's header, whatever its case, or None."""


def may_see_all(settings: Settings, peer: str, headers: Headers) -> bool:
    """May this caller see and do everything? ``peer`` is the address from which the request came."""
    if settings.token:
        given = (headers("Authorization") or "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), settings.token.encode())
    return settings.platform is None and _is_local(peer, headers)


def _is_local(peer: str, headers: Headers) -> bool:
    """A caller on this machine, not a foreign page in its browser, and no proxy that says that it is one.

    A proxy on this machine that adds no header looks like a caller: behind one, JOBS_TOKEN must be set.
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    host = headers("Host") or ""
    name = host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host
    same_site = (headers("Sec-Fetch-Site") or "none") in ("none", "same-origin")
    forwarded = any(headers(header) is not None for header in FORWARDED)
    return address.is_loopback and name in LOCAL_NAMES and same_site and not forwarded


def refusal(settings: Settings) -> str:
    """Why a caller was refused, and what to do."""
    if settings.token:
        return "send the header Authorization: Bearer <the value of JOBS_TOKEN>"
    return "JOBS_TOKEN is not set, so only this machine may do that; set it and send it as a bearer token"
