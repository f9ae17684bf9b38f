"""Rounds in which each contender has its turn."""

from collections.abc import Callable, Mapping

ROUNDS = 5


def play(contenders: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """What each gave in each round. Who goes first changes from round to round."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name in list(contenders)[:: -1 if turn % 2 else 1]:
            found[name].append(contenders[name]())
    return found
