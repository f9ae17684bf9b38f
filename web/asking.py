"""What a list is asked for by its address: filters with a value, in words and as links without one of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypedDict, TypeVar
from urllib.parse import urlencode

from flask import request
from redis.exceptions import RedisError

from jobs import refusals
from jobs.errors import InvalidQuery

T = TypeVar("T")

WORDS = {"text": "with", "error": "with an error like", "group": "that failed of", "prefix": "beginning with"}
"""How a filter is said before its value; others by their names."""


class Asked(NamedTuple):
    """The filters of a page that are set."""

    path: str
    given: Mapping[str, str]
    cursor: str | None

    def get(self, name: str) -> str:
        """A filter's value; '' when it is not set."""
        return self.given.get(name, "")

    @property
    def words(self) -> str:
        """``that match (state failed, queue mail)``; '' when none is set."""
        told = ", ".join(f"{WORDS.get(name, name)} {value}" for name, value in self.given.items())
        return f"that match ({told})" if told else ""

    def without(self, name: str) -> str:
        """The address of the list without one filter."""
        return self._url({other: value for other, value in self.given.items() if other != name})

    def at(self, cursor: str | None) -> str:
        """The address of another page of the list; of the first for None."""
        return self._url({**self.given, **({"cursor": cursor} if cursor else {})})

    def _url(self, query: Mapping[str, str]) -> str:
        return f"{self.path}?{urlencode(query)}" if query else self.path


def asked(*names: str) -> Asked:
    """What this request asks for; a name that is not known, and one without a value, says nothing."""
    given = {name: value for name in names if (value := request.args.get(name, "").strip())}
    return Asked(request.path, given, request.args.get("cursor") or None)


class Missing(TypedDict):
    """Why a list cannot be shown, for its template; neither, where it can."""

    refused: str
    """What cannot be looked for."""
    lost: str
    """The trouble with Redis."""


def ask(read: Callable[[], T], nothing: T) -> tuple[T, Missing]:
    """What was read, or ``nothing`` and why."""
    try:
        return read(), Missing(refused="", lost="")
    except InvalidQuery as error:
        return nothing, Missing(refused=str(error), lost="")
    except RedisError as error:
        return nothing, Missing(refused="", lost=refusals.title(error))


def options(given: str, known: Sequence[tuple[str, str]]) -> list[tuple[str, str, bool]]:
    """The choices of a filter: value, words, chosen; one that was given and is not known is among them."""
    every = [*known, *([(given, given)] if given not in [value for value, _ in known] else [])]
    return [(value, words, value == given) for value, words in every]
