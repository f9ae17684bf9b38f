"""What JSON would change without a word."""

from enum import Enum
from typing import Any

PLAIN = frozenset((str, int, float, bool, type(None)))


def changed(value: Any, path: str) -> str | None:
    """Where in arguments that JSON takes it would make something else of them, and why; None: nowhere.

    A tuple becomes a list, which is no change here. Each container is looked at as a whole: to walk through every
    element would take longer than to write it.
    """
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or isinstance(key, Enum):
                return f"{path}[{key!r}]: the key is not a text"
        if PLAIN.issuperset(map(type, value.values())):
            return None
        return next(filter(None, (changed(one, f'{path}["{key}"]') for key, one in value.items())), None)
    if isinstance(value, list | tuple):
        if PLAIN.issuperset(map(type, value)):
            return None
        return next(filter(None, (changed(one, f"{path}[{at}]") for at, one in enumerate(value))), None)
    return f"{path}: {value!r} is an enum; pass its value" if isinstance(value, Enum) else None
