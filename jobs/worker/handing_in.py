"""How endings are handed in, so that one that Redis refuses for its size holds up no other."""

from collections.abc import Callable, Sequence

from redis.exceptions import ConnectionError, RedisError, ResponseError

from jobs import records
from jobs.errorlines import error_line
from jobs.scripts import Claimed, Settlement
from jobs.worker.execution import packed

PORTION = 256 * 1024
"""Bytes of values handed in at once; a larger one goes alone, so that a server that refuses it refuses nothing else."""
BIG = 64 * 1024
"""Bytes of a value that a server may refuse for its size."""

Exchange = Callable[[Sequence[Settlement], int], tuple[list[int], list[Claimed] | None]]


def portion(done: list[Settlement]) -> tuple[list[Settlement], list[Settlement]]:
    """What is to be handed in at once, and the rest."""
    size = 0
    for count, one in enumerate(done):
        size += len(one.value)
        if size > PORTION and count:
            return done[:count], done[count:]
    return done, []


def hand_in(
    exchange: Exchange, done: list[Settlement], wanted: int
) -> tuple[list[Settlement], list[int], list[Claimed] | None]:
    """``exchange``, after which the endings are as they were taken.

    A big one asks for no jobs. The server may refuse it for its size, in words or by hanging up: if it then takes the
    same ending without its value, that was why. Raises ``RedisError`` where it takes neither, or does not answer.
    """
    if len(done) > 1 or not done or len(done[0].value) < BIG:
        return done, *exchange(done, wanted)
    try:
        return done, *_insist(exchange, done)
    except (ResponseError, ConnectionError) as error:
        lighter = [_lighter(done[0], error)]
        return lighter, *exchange(lighter, 0)


def _insist(exchange: Exchange, done: list[Settlement]) -> tuple[list[int], list[Claimed] | None]:
    """Twice, because a connection may be lost for another reason."""
    try:
        return exchange(done, 0)
    except ConnectionError:
        return exchange(done, 0)


def _lighter(one: Settlement, error: RedisError) -> Settlement:
    what, value = "result", b""
    if one.outcome != "finished":
        what, value = "traceback", packed(error_line(records.error_of({b"exc_string": one.value}) or "") + "\n")
    note = f"the {what} was not kept: Redis refuses its {len(one.value):,} bytes ({error})"
    return one._replace(value=value, note=f"{one.note}; {note}" if one.note else note)
