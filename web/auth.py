"""Who may see and do what. Closed by default: without a token, only loopback, and only in development."""

from flask import Response, g, request

from jobs.health import access
from web.line import line
from web.problems import Problem

POLICY = "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'"


def identify() -> None:
    """Before each request: ``g.full`` says whether the caller may see everything and put work in."""
    g.full = access.may_see_all(line().settings, request.remote_addr or "", request.headers.get)


def require() -> None:
    """Before a request that only those may make who may do everything."""
    if not g.full:
        raise Problem(401, "Not allowed", access.refusal(line().settings))


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
