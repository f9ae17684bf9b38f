"""What every answer says to the browser: run, frame, sniff and keep nothing that is not ours."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
KEPT = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Send them with every answer of the app, and give each static file's address its version."""
    app.after_request(_harden)
    app.url_defaults(_add_version)


def _harden(response: Response) -> Response:
    response.headers.update(ALWAYS)
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    of_version = request.endpoint == "static" and "v" in request.args and response.status_code == 200
    response.headers["Cache-Control"] = KEPT if of_version else "no-store"
    return response


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and "filename" in values:
        path = Path(current_app.static_folder or "") / values["filename"]
        if path.is_file():
            values.setdefault("v", _version(path, path.stat().st_mtime_ns))


@cache
def _version(path: Path, changed: int) -> str:
    """Of a file's content; another once it has changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
