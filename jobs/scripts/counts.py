"""What was counted of jobs, told in batches."""

from collections.abc import Mapping
from itertools import chain

from redis import Redis

from jobs import keys
from jobs.scripts.call import Value, run


def tell(client: Redis, process: str, batch: str, meters: Mapping[str, float], history: Mapping[str, str]) -> bool:
    """Add a batch to what all have counted; False when this was its last one already.

    ``meters`` says by how much each field grows, ``history`` what is new of each name (see ``jobs.history.cells``).
    """
    pairs: list[tuple[str, Value]] = [*meters.items(), *history.items()]
    arguments: list[Value] = [keys.PREFIX, batch, len(meters), *chain.from_iterable(pairs)]
    return bool(run(client, "tell", [keys.METERS, keys.told(process)], arguments))
