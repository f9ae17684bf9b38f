"""The session of a person at the pages: a signed cookie that says who they are, and for how long that holds.

It is signed with the very token that was given at login, so it allows what that token does, and a token that is
changed ends the sessions it began. Nothing is stored here, and the cookie does not hold the token.
"""

import hashlib
from typing import NamedTuple

from flask import Response
from itsdangerous import BadData, URLSafeTimedSerializer

from jobs.health.access import Level
from jobs.settings import Settings

COOKIE = "signalbox"
LASTS = 12 * 60 * 60
"""Seconds."""
LONGEST_NAME = 64


class Session(NamedTuple):
    level: Level
    name: str
    """As given at login; '' when none was."""


def begin(response: Response, settings: Settings, session: Session, secure: bool) -> None:
    """Have the browser keep it; ``secure``: and send it over https only."""
    value = _signer(_tokens(settings)[session.level]).dumps(named(session.name))
    response.set_cookie(COOKIE, str(value), max_age=LASTS, httponly=True, samesite="Lax", secure=secure)


def end(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax")


def read(settings: Settings, cookie: str) -> Session | None:
    """The session that a cookie stands for; None when it is not ours, is over, or its token was changed."""
    for level, token in _tokens(settings).items():
        try:
            return Session(level, named(_signer(token).loads(cookie, max_age=LASTS)))
        except BadData:
            continue
    return None


def named(name: object) -> str:
    """A name as it may stand in a log: one short line."""
    text = name if isinstance(name, str) else ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:LONGEST_NAME]


def _tokens(settings: Settings) -> dict[Level, str]:
    tokens = {Level.OPERATE: settings.token, Level.READ: settings.read_token}
    return {level: token for level, token in tokens.items() if token}


def _signer(token: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(token, "signalbox.session", signer_kwargs={"digest_method": hashlib.sha256})
