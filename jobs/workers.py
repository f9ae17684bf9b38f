"""A hand on a worker."""

import json

from redis import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE


def stop(client: Redis, worker: str) -> bool:
    """Ask a worker to end as SIGTERM does: what runs may finish within its grace, the rest goes back to the front.

    This is RQ's own command. False when no such worker listens: it is gone, or stands by for another.
    """
    return bool(client.publish(PUBSUB_CHANNEL_TEMPLATE % worker, json.dumps({"command": "shutdown"})))
