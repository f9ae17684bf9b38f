"""How a script is run: by its digest, and with its text where the server does not know it.

A line ``-- @include name`` in a script stands for ``lua/lib/name.lua``.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

FOLDER = Path(__file__).parents[1] / "lua"

Value = str | bytes | int | float


def run(client: Redis, script: str, names: Sequence[str], arguments: Sequence[Value]) -> Any:
    """Run a script; returns its reply as it comes. Raises ``RedisError``."""
    call = invocation(script, names, arguments)
    try:
        return client.evalsha(*call)
    except NoScriptError:
        return client.eval(*in_full(script, call))


def invocation(script: str, names: Sequence[str], arguments: Sequence[Value]) -> list[Any]:
    """What EVALSHA is given."""
    return [digest(script), len(names), *names, *arguments]


def in_full(script: str, call: Sequence[Any]) -> list[Any]:
    """What EVAL is given in place of an ``invocation`` of a script that the server does not know."""
    return [source(script), *call[1:]]


@cache
def source(script: str) -> str:
    """Its text, with what it includes."""
    text = (FOLDER / f"{script}.lua").read_text(encoding="utf-8")
    return re.sub(r"^-- @include (\w+)$", lambda found: part(found[1]), text, flags=re.M)


def part(name: str) -> str:
    """What others include."""
    return (FOLDER / "lib" / f"{name}.lua").read_text(encoding="utf-8")


@cache
def digest(script: str) -> str:
    """The name by which the server knows it: the SHA-1 of its text."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()


def know(*scripts: str) -> None:
    """Read scripts now: a process that has no descriptor left could not."""
    for script in scripts:
        digest(script)


def text(value: bytes | str) -> str:
    """What Redis has said, decoded where the client does not; what is no UTF-8 is shown as ``\\xff``."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def sound(reply: Any, instead: Any) -> Any:
    """A reply of many; ``instead`` where its key is of another type than it should be. Raises any other error."""
    if isinstance(reply, Exception):
        if "WRONGTYPE" not in str(reply):
            raise reply
        return instead
    return reply


def answers(pipeline: Pipeline, instead: Any) -> list[Any]:
    """The replies of a pipeline, each of them sound."""
    return [sound(reply, instead) for reply in pipeline.execute(raise_on_error=False)]


def pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """What Redis tells in pairs, a hash or members with their scores, as a script hands it on: all in one row."""
    return zip(flat[::2], flat[1::2], strict=True)
