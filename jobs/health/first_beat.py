"""``python -m jobs.health.first_beat``: says when a heartbeat has gone through a queue, and until then why none has.

The launcher runs it, so that it need not hold a client of Redis itself. One JSON object a line: ``{"waiting": […]}``,
then ``{"queue": …, "milliseconds": …}``, which is the end.
"""

import json
import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys
from jobs.connection import connect
from jobs.health import heartbeat
from jobs.health.watch import Watch
from jobs.settings import Settings

LOOK = 0.1
PATIENCE = 3.0
"""Seconds after which it says what it waits for, and then says it again."""


def main(settings: Settings) -> None:
    """Send heartbeats until one is back."""
    client = connect(settings, "watch", deadline=1.0, retries=0)
    watch = Watch(settings, client)
    since, told = 0.0, time.monotonic()
    while True:
        try:
            since = since or float(client.time()[0])
            for queue in settings.queues:
                if (took := _took(client, queue, since)) is not None:
                    _say(queue=queue, milliseconds=took * 1000)
                    return
        except RedisError:
            pass  # it is told below, as a finding
        if time.monotonic() - told > PATIENCE:
            _say(waiting=[finding.code for finding in watch.view().findings])
            told = time.monotonic()
        time.sleep(LOOK)


def _took(client: Redis, queue: str, since: float) -> float | None:
    """Seconds that a heartbeat took which has come back since then; None where there is none, and one is sent."""
    row = client.hgetall(keys.heartbeat(queue))
    if float(row.get(b"back_at", 0)) >= since:
        return float(row[b"took"])
    heartbeat.send(client, queue)
    return None


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(Settings.from_environ())
