"""What is hidden where people look: the values of passwords, tokens and their like. Pure functions of data.

A thing is known for a secret by the name that stands with it, so a lane's key and a ``file_key`` stay as they are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

HIDDEN = "•••"
DEEPEST = 40
"""Levels of nesting that are looked at; what lies deeper is not shown."""
LEAST = 6
"""Characters from which on a secret is struck out wherever it stands."""

SECRET = re.compile(
    r"(pass(word|wort|wd|phrase|code)|pwd|secret|token|authori[sz]ation|cookie|credential|jwt"
    r"|(api|private|secret|access|signing|encryption|auth|master)_?key|(^|_)bearer)s?\d*(?=_|$)|(^|_)auth$"
)
ABOUT = re.compile(
    r"_(at|by|count|expire[sd]?|expiry|expires_in|length|len|limit|max|min|name|policy|required|size|strength|total"
    r"|ttl|type|url|usage|used)$"
)
"""Endings of names that stand for something about a secret."""
COUNTED = re.compile(r"(^|_)tokens$")
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\dA-Z_]+|[A-Z]+|\d+")
PLAIN = frozenset(("", "none", "null", "true", "false", "nil", "undefined"))
"""Values that say only whether there is one."""


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Is what goes by this name a secret, as far as its words tell?"""
    words = _words(name)
    return bool(SECRET.search(words)) and not ABOUT.search(words)


def value(found: Any, name: str = "", known: Iterable[str] = ()) -> Any:
    """The same without secrets: those of ``name``, those inside, and those ``known``.

    A tuple becomes a list, and what is not plain data its ``repr``.
    """
    return _value(found, name, sorted(known, key=len, reverse=True), DEEPEST)


def arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str] = ()
) -> tuple[list[Any], dict[str, Any]]:
    """What a task was called with, without secrets; ``names`` are those of its parameters, in order."""
    named = [*names[: len(args)], *[""] * (len(args) - len(names))]
    return [value(one, name) for one, name in zip(args, named, strict=True)], {
        name: value(one, name) for name, one in kwargs.items()
    }


def _value(found: Any, name: str, known: list[str], deeper: int) -> Any:
    if is_secret(name) and not _is_plain(found, name):
        return HIDDEN
    if found is None or isinstance(found, bool | int | float):
        return found
    if isinstance(found, str):
        return _text(found, known)
    if deeper == 0:
        return HIDDEN
    if isinstance(found, Mapping):
        named = next((one for one in (found.get("name"), found.get("key")) if isinstance(one, str)), "")
        return {
            _text(one, known) if isinstance(one, str) else one: _value(
                inner, named if one == "value" and is_secret(named) else str(one), known, deeper - 1
            )
            for one, inner in found.items()
        }
    if isinstance(found, list | tuple):
        if len(found) == 2 and isinstance(found[0], str) and is_secret(found[0]):
            return [found[0], _value(found[1], found[0], known, deeper - 1)]
        return [_value(inner, "", known, deeper - 1) for inner in found]
    return _text(repr(found), known)


def secrets(found: Any, name: str = "") -> set[str]:
    """The texts that ``value`` would hide for their names: to be struck out where they stand without one."""
    return set(_secrets(found, name, DEEPEST))


def _secrets(found: Any, name: str, deeper: int) -> Iterable[str]:
    if isinstance(found, str):
        if is_secret(name) and len(found) >= LEAST and not _is_plain(found, name):
            yield found
    elif isinstance(found, Mapping) and deeper:
        for one, inner in found.items():
            yield from _secrets(inner, name if is_secret(name) else str(one), deeper - 1)
    elif isinstance(found, list | tuple) and deeper:
        for inner in found:
            yield from _secrets(inner, name, deeper - 1)


def text(found: str, known: Iterable[str] = ()) -> str:
    """The same text without passwords in URLs, bearer tokens, private keys, JSON web tokens, those ``known``, and what
    stands as a value beside a secret's name: ``token=…``, ``"password": "…"``, ``Authorization: …``, ``--secret …``.
    """
    return _text(found, sorted(known, key=len, reverse=True))


def _text(found: str, known: list[str]) -> str:
    for one in known:
        if len(one) >= LEAST:
            found = found.replace(one, HIDDEN)
    if not HINT.search(found):
        return found
    found = IN_URL.sub(rf"\1{HIDDEN}@", found)
    found = BEARER.sub(rf"\1{HIDDEN}", found)
    found = SHAPED.sub(HIDDEN, found)
    return _named(found)


HINT = re.compile(r"pass|pwd|secret|token|key|auth|bearer|cookie|credential|jwt|://|eyJ", re.IGNORECASE)
IN_URL = re.compile(r"(?<![\w+.-])([\w+.-]{1,40}://[^\s:/@\"'<>]{0,200}:)[^\s/\"'<>]{1,2000}@")
BEARER = re.compile(r"(?i)\b(bearer +)[^\s\"',;]+")
SHAPED = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
    r"|(?<![\w.-])eyJ[\w-]{5,}\.[\w-]+\.[\w-]*",
    re.DOTALL,
)
NAMED = re.compile(
    r"(?<![\w-])(?:--(?P<option>[\w-]{1,100})(?:\s+|=)|(?P<name>[\w-]{1,100})\\*[\"']?\]?\s{0,9}(?:=>|:=|=|:)\s{0,9})"
)
"""A name and what leads from it to its value, in a text of any kind. Tried once at each name, so it takes no long."""
QUOTED = re.compile(r"[bBrRuUfF]{0,2}(\\*)([\"'])")
OPEN, CLOSE = "[{(", ")}]"
BARE = re.compile(r"[^\s&,;)\]}]+")
HEADER = re.compile(r"[^\r\n\"']+")
HEADERS = ("authorization", "cookie")


def _named(found: str) -> str:
    parts, done, match = [], 0, NAMED.search(found)
    while match:
        name, start = match["option"] or match["name"], match.end()
        if is_secret(name) and not found.startswith("//", start):
            start, end = _extent(found, start, _words(name).endswith(HEADERS))
            if not _is_plain(found[start:end], name):
                parts += [found[done:start], HIDDEN]
                done = start = end
        match = NAMED.search(found, max(start, match.end()))
    return "".join([*parts, found[done:]])


def _extent(found: str, start: int, to_end_of_line: bool) -> tuple[int, int]:
    """Where a value that begins at ``start`` does and ends, without its quotes; one that is cut off, with its line."""
    if quoted := QUOTED.match(found, start):
        end = re.compile(rf"(?<!\\){re.escape(quoted[0].lstrip('bBrRuUfF'))}|$", re.MULTILINE)
        closed = end.search(found, quoted.end())
        return quoted.end(), closed.start() if closed else len(found)
    if found[start : start + 1] and found[start] in OPEN:
        return start, _closed(found, start)
    bare = (HEADER if to_end_of_line else BARE).match(found, start)
    return start, start + max(len(bare[0].rstrip("\"'\\")), 1) if bare else start


def _closed(found: str, start: int) -> int:
    depth = 0
    for part in re.finditer(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[\[\](){}]", found[start:]):
        depth += (part[0] in OPEN) - (part[0] in CLOSE) if len(part[0]) == 1 else 0
        if depth == 0:
            return start + part.end()
    return len(found)


def _is_plain(found: Any, name: str) -> bool:
    if isinstance(found, bool | None) or (isinstance(found, list | tuple | Mapping) and not found):
        return True
    if COUNTED.search(_words(name)) and re.fullmatch(r"\d+(\.\d+)?", str(found)):
        return True
    return isinstance(found, str) and found.lower() in (*PLAIN, HIDDEN)


def _words(name: str) -> str:
    """``X-Api-Key``, ``apiKey`` and ``API_KEY`` alike, as ``api_key``."""
    return "_".join(WORD.findall(name)).lower()
