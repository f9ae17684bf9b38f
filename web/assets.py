"""The files of the pages: kept in memory, compressed once, and cached by browsers for as long as they are alike."""

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, request

FOLDER = Path(__file__).parent / "static"
LEVEL = 6
"""Of gzip: what the last bytes would save is not worth the time."""
SMALLEST = 1000
"""Bytes from which on a page is compressed."""


def install(app: Flask) -> None:
    """Serve them under ``/static/<of>/``, and compress the pages."""
    app.add_url_rule("/static/<of>/<path:name>", "static", _serve)
    app.add_template_global(url, "asset")
    app.after_request(_compress)


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}


@cache
def version() -> str:
    """A digest of all files. It is part of their address, so none is ever stale, nor what it imports."""
    digest = hashlib.sha256()
    for name, content in _files().items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def url(name: str) -> str:
    """Where a file is. Raises ``KeyError`` where there is none."""
    _files()[name]
    return f"/static/{version()}/{name}"


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_files()[name], LEVEL, mtime=0)


def _serve(of: str, name: str) -> Response:
    """One file; of another version, as while web is replaced, it is this one's, and not kept."""
    if name not in _files():
        abort(404)
    zipped = _takes_gzip()
    response = Response(_compressed(name) if zipped else _files()[name], mimetype=_type(name))
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if of == version() else "no-cache"
    return response


def _type(name: str) -> str:
    return "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"


def _takes_gzip() -> bool:
    return bool(request.accept_encodings["gzip"])


def _compress(response: Response) -> Response:
    """Send a page compressed to whoever takes it so."""
    if response.mimetype != "text/html" or response.is_streamed or "Content-Encoding" in response.headers:
        return response
    response.headers.add("Vary", "Accept-Encoding")
    if _takes_gzip() and (response.content_length or 0) >= SMALLEST:
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
