"""The four loops. Whatever may hang has a timeout of its own; each writes down when a cycle is done."""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import cast

from jobs import connection, loop, task, with_timeout
from jobs.examples.loops.facts import OUTBOX, SILENCE
from jobs.examples.loops.service import ask, ask_async
from jobs.supervise.ping import Ping

PACE = float(os.environ.get("EXAMPLE_PACE", "1"))
FOLDER = Path(os.environ.get("EXAMPLE_FOLDER", "."))
SERVICE = os.environ.get("EXAMPLE_SERVICE", "")

SEND, ENTITY, MEDIA, DB = 30 * PACE, 15 * PACE, 60 * PACE, 10 * PACE
GRACE = 30 * PACE


@loop("sync", every=2 * PACE, max_silence=SILENCE["sync"] * PACE, timeout=50 * PACE, grace=GRACE)
async def keep_in_step() -> None:
    """Ask the service who is there."""
    await with_timeout(ENTITY, "entity", ask_async(SERVICE, "entity 7"))
    if asked_to("die", "sync"):
        sys.exit("as asked")
    done("sync")


@loop("outbound", every=0.2, max_silence=SILENCE["outbound"] * PACE, grace=GRACE)
def send_what_waits(ping: Ping) -> None:
    """Send message after message, oldest first; one is taken out only when the service has it."""
    database = connection.default()
    while message := cast(bytes | None, with_timeout(DB, "db", database.lindex, OUTBOX, 0)):
        with_timeout(SEND, "send", ask, SERVICE, f"send {message.decode()}")
        with_timeout(DB, "db", database.lrem, OUTBOX, 1, message)
        ping()
    done("outbound")


@loop("history", every=2 * PACE, max_silence=SILENCE["history"] * PACE, timeout=80 * PACE, grace=GRACE)
def fetch_history() -> None:
    """Fetch a picture."""
    with_timeout(MEDIA, "media", ask, SERVICE, "media 7")
    if asked_to("hang", "history"):
        time.sleep(3600)
    done("history")


@loop("jobs", every=2 * PACE, max_silence=SILENCE["jobs"] * PACE, timeout=50 * PACE, grace=GRACE)
def hand_out_jobs() -> None:
    """Give this worker's other half something to do."""
    with_timeout(DB, "db", note.enqueue, "job")
    if asked_to("hog", "jobs"):
        re.match(r"(a+)+$", "a" * 64 + "!")  # takes years, and never lets go of the interpreter
    done("jobs")


@task
def note(what: str) -> None:
    """Write down that something is done, and when."""
    done(what)


def done(what: str) -> None:
    """One line in a file, because no Redis should have to be trusted with the account."""
    with open(FOLDER / "log", "a", encoding="utf-8") as log:
        log.write(json.dumps([what, time.time()]) + "\n")


def asked_to(fault: str, name: str) -> bool:
    """Is this loop to go wrong now? Each time it is asked, it does so once."""
    try:
        (FOLDER / f"{name}.{fault}").unlink()
    except FileNotFoundError:
        return False
    return True
