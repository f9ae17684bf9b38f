"""What the stack is filled with: jobs in every state, by way of the API."""

import json
import time

from jobs import keys
from tests.browser.stack import Stack

SCRIPT = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
"""Whatever shows this as anything but text has a hole."""


def fill(stack: Stack) -> None:
    """Finished, failed, retrying, scheduled and running jobs, and a lane that is halted. Waits until all are there."""
    for order in range(1, 25):
        stack.enqueue("shop.send_receipt", order, to=f"customer{order % 7}@example.com")
    for number in range(1, 9):
        stack.enqueue("shop.resize_image", f"uploads/{number:03}.{'gif' if number % 4 == 0 else 'png'}", 640)
    for order in (1042, 1043, 1051):
        stack.enqueue(
            "shop.charge_card", order, 49.9, api_key="sk_live_do_not_show", options={"job_id": f"charge-{order}"}
        )
    for number in range(1001, 1006):
        stack.enqueue("shop.send_invoice", "northwind", number)
    stack.enqueue("shop.fetch_rates", "ECB")
    for hours in (1, 8):
        stack.enqueue("shop.send_receipt", 900 + hours, options={"delay": hours * 3600.0})
    for supplier in ("acme", "globex"):
        stack.enqueue("shop.import_catalogue", supplier, options={"job_id": f"import-{supplier}"})
    stack.until({"completed": 30, "failed": 6, "active": 2, "scheduled": 2, "retrying": 1, "deferred": 4})


def poison(stack: Stack) -> None:
    """The same script wherever a user can put a text: argument, key, error, description, names of a queue and of a
    worker with all it says of itself."""
    failed = stack.counts()["failed"]
    stack.enqueue("shop.resize_image", SCRIPT + ".gif", 1, options={"key": SCRIPT, "job_id": "poison"})
    stack.until({"failed": failed + 1})
    for field in ("description", "task"):
        stack.client.hset(keys.job("poison"), field, SCRIPT)
    stack.client.sadd(keys.QUEUES, keys.queue(SCRIPT))
    row = next(json.loads(text) for text in stack.client.hvals(keys.PROCESSES) if b'"worker-' in text)
    said = dict.fromkeys(("id", "host", "commit", "code", "type", "service", "redis"), SCRIPT)
    job = {"id": SCRIPT, "for": 1.0, "left": 60.0, "still": 0.0}
    hostile = {**row, **said, "queues": [SCRIPT], "versions": {SCRIPT: SCRIPT}, "running": [job]}
    stack.client.hset(keys.PROCESSES, SCRIPT, json.dumps(hostile))
    stack.client.zadd(keys.SEEN, {SCRIPT: time.time() + 60})


def heal(stack: Stack) -> None:
    """Take back what ``poison`` has done to what others look at."""
    stack.client.srem(keys.QUEUES, keys.queue(SCRIPT))
    stack.client.hdel(keys.PROCESSES, SCRIPT)
    stack.client.zrem(keys.SEEN, SCRIPT)
