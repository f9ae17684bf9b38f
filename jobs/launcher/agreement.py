"""Do the parts work on the same line? Pure: the identities they have introduced themselves with in, words out.

Health looks from one Redis; the launcher hears of each part by itself, so it sees two that do not even share one.
"""

from collections.abc import Callable, Mapping
from typing import Any

Identities = Mapping[str, Mapping[str, Any]]
"""By part."""


def differences(identities: Identities) -> list[str]:
    """One sentence for each thing in which the parts differ; empty when they agree, as far as they have told."""
    found = []
    markers = {row["marker"] for row in identities.values()} - {row.get("lost_marker") for row in identities.values()}
    if len(markers) > 1:
        found.append("are not on the same Redis, db and prefix: " + _each(identities, _place))
    if _differ(identities, "serializer"):
        found.append("do not have the same serializer: " + _each(identities, lambda row: str(row["serializer"])))
    if _differ(identities, "code"):
        found.append("do not know the same tasks: " + _each(identities, _code))
    return [f"the parts {words}. What one puts in, another will not take out as it was" for words in found]


def _differ(identities: Identities, name: str) -> bool:
    return len({row[name] for row in identities.values()}) > 1


def _each(identities: Identities, shown: Callable[[Mapping[str, Any]], str]) -> str:
    return ", ".join(f"{part} has {shown(row)}" for part, row in sorted(identities.items()))


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['redis']}, prefix {row['prefix']} (marker {row['marker']})"


def _code(row: Mapping[str, Any]) -> str:
    return f"{row['tasks']} ({row['code']}, commit {row['commit'] or '?'})"
