"""Who may see and do what. Closed by default: without a token, only loopback, and only in development."""

import hmac
import ipaddress

from flask import Response, g, request

from web.line import line
from web.problems import Problem

LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}
POLICY = "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'"
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


def identify() -> None:
    """Before each request: ``g.full`` says whether the caller may see everything and put work in."""
    settings = line().settings
    if settings.token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        g.full = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), settings.token.encode())
    else:
        g.full = settings.platform is None and _is_loopback()


def _is_loopback() -> bool:
    """A caller on this machine, not a foreign page in its browser, and no proxy that says that it is one.

    A proxy on this machine that adds no header looks like a caller: behind one, JOBS_TOKEN must be set.
    """
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    name = request.host.rpartition(":")[0] if request.host[-1:].isdigit() and ":" in request.host else request.host
    same_site = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    forwarded = any(header in request.headers for header in FORWARDED)
    return address.is_loopback and name in LOCAL_NAMES and same_site and not forwarded


def require() -> None:
    """Before a request that only those may make who may do everything."""
    if not g.full:
        raise Problem(401, "Not allowed", refusal())


def refusal() -> str:
    """Why the caller was refused, and what to do."""
    if line().settings.token:
        return "send the header Authorization: Bearer <the value of JOBS_TOKEN>"
    return "JOBS_TOKEN is not set, so only this machine may do that; set it and send it as a bearer token"


def harden(response: Response) -> Response:
    """After each request: nothing is cached, framed, sniffed or run inline."""
    response.headers.update(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response
