"""Reading, and writing back, what plain ``rq_scheduler.Scheduler`` has pickled, without running any of it.

A pickle names classes and functions, and loading it calls them. This reader refuses every one, so what is left
are texts, numbers, lists and dicts; they go on as JSON.
"""

import io
import json
import pickle
import zlib
from typing import Any

from jobs.job import PICKLED, serializer
from jobs.queues import MAX_PAYLOAD
from jobs.settings import current


class _Refusing(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"it holds a {module}.{name}; only texts, numbers, lists and dicts are read from a pickle")

    def persistent_load(self, pid: Any) -> Any:
        raise ValueError("it refers to something outside")


def read(data: bytes) -> Any:
    """What a payload or meta holds, be it JSON or a pickle of plain values; else what a serializer of your own says.

    Raises ``ValueError``, saying why, when it is neither, or takes more than 256 KiB.
    """
    if current().serializer not in ("json", "pickle"):
        return serializer().loads(data)
    plain = _inflated(data)
    try:
        return _Refusing(io.BytesIO(plain)).load() if plain.startswith(PICKLED) else json.loads(plain)
    except ValueError:
        raise
    except Exception as error:  # what a broken pickle raises has no end
        raise ValueError(f"it cannot be read: {error!r}") from error


def adopted(data: bytes) -> bytes:
    """A payload as our workers read it: a pickle becomes JSON, unless pickle is what they read.

    Raises ``ValueError`` for what is no call of a plain function with arguments that JSON can carry.
    """
    if current().serializer != "json":
        return data
    try:
        name, instance, args, kwargs = read(data)
    except TypeError:
        raise ValueError("it is no call of a function") from None
    if instance is not None or not isinstance(name, str):
        raise ValueError("it is no call of a plain function")
    try:
        return json.dumps((name, None, args, kwargs), allow_nan=False).encode()
    except TypeError as error:
        raise ValueError(f"its arguments are no JSON: {error}") from None


def pickled(value: Any) -> bytes:
    """Plain values as plain rq-scheduler writes them, alike on every version of Python."""
    return pickle.dumps(value, protocol=4)


def alike(data: bytes, value: Any) -> bytes:
    """A value written as ``data`` was: whoever made an entry reads what we change in it."""
    return pickled(value) if _inflated(data).startswith(PICKLED) else serializer().dumps(value)


def _inflated(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(data, MAX_PAYLOAD + 1)
    except zlib.error:
        plain = data
    if len(plain) > MAX_PAYLOAD:
        raise ValueError(f"it takes more than {MAX_PAYLOAD:,} bytes")
    return plain
