"""Where a person gives a token, and takes their leave."""

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from jobs.health import access
from jobs.health.access import Level
from web import auth, session
from web.line import line
from web.session import LONGEST_NAME, Session

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def show() -> Response:
    """The form; or how to set a token, where there is none; or the page that was asked for, where none is needed."""
    if g.level and not access.has_tokens(line().settings):
        return _to(auth.inside(request.args.get("next", "/")))
    return _form(200)


@blueprint.post("/login")
def enter() -> Response:
    """Begin a session: ``token``, and the ``name`` under which its actions are noted. 401 when the token is wrong."""
    auth.check_sender()
    auth.check_throttle()
    level = auth.try_token(request.form.get("token", "").strip())
    if level is Level.NONE:
        return _form(401, "This is no token of this line.")
    name = session.named(request.form.get("name", ""))
    response = _to(auth.inside(request.form.get("next", "/")))
    session.begin(response, line().settings, Session(level, name), auth.is_secure())
    auth.note("session.begin", "the pages", auth.actor(level, name))
    return response


@blueprint.post("/logout")
def leave() -> Response:
    """End the session."""
    auth.check_sender()
    response = _to(url_for("login.show"))
    session.end(response)
    return response


def _form(status: int, error: str = "") -> Response:
    settings = line().settings
    response = make_response(
        render_template(
            "login.html",
            error=error,
            has_tokens=access.has_tokens(settings),
            platform=settings.platform,
            next=auth.inside(request.values.get("next", "/")),
            name=session.named(request.form.get("name", "")),
            longest=LONGEST_NAME,
        ),
        status,
    )
    response.headers["Referrer-Policy"] = "same-origin"  # without one, a browser calls its own form foreign
    return response


def _to(target: str) -> Response:
    response = redirect(target, 303)
    assert isinstance(response, Response)
    return response
