"""What a message becomes: a job, in the lane of its contact.

``process_message`` used to handle a message in place; it stores it now, and whoever calls it need not change.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict

from rq import get_current_job

from jobs import enqueue, enqueue_many, task
from jobs.examples.inbox import log
from jobs.examples.inbox.messages import Message
from jobs.queues import JobRef
from jobs.scripts import NewJob

QUEUE = "inbox"
AT_ONCE = 10
"""Contacts that are served at once, over all workers: ``JOBS_MAX_RUNNING=inbox=10``."""
ATTEMPTS = 3
SECONDS = "INBOX_SECONDS"
"""Variable: how long each message takes to handle."""


class ServiceRefused(Exception):
    """The service that answers messages has refused one, as it was made up to."""


def process_message(
    instance: str,
    client_id: str,
    message_id: str,
    contact_phone: str,
    contact_name: str = "",
    text: str = "",
    sent_at: str = "",
    fails: int = 0,
) -> JobRef:
    """Accept one message: when this returns it is on the server's disk, and the provider may be told so.

    A message that comes again makes no second job, for 7 days: ``created`` is False then. Raises
    ``DurabilityUnavailable`` where the server keeps no append-only file, and what ``enqueue`` raises.
    """
    found = Message(instance, client_id, message_id, contact_phone, contact_name, text, sent_at, fails)
    return enqueue(handle, durable=True, job_id=job_id(found), unique=True, **asdict(found))


def process_messages(messages: Iterable[Message]) -> list[JobRef]:
    """Accept many messages in bulk, each contact's in the order given; raises as ``process_message`` does."""
    return enqueue_many((_prepared(one) for one in messages), durable=True)


def _prepared(one: Message) -> NewJob:
    return handle.prepare(job_id=job_id(one), unique=True, **asdict(one))


def job_id(one: Message) -> str:
    """The id that makes a message the same whenever it comes: a hash, since a provider's ids hold any character."""
    name = json.dumps([one.instance, one.client_id, one.message_id]).encode()
    return f"message-{hashlib.sha256(name).hexdigest()[:32]}"


def contact(client_id: str, contact_phone: str, **_: object) -> str:
    """The lane of a message: one contact of one client, however the phone number is written."""
    return f"contact:{client_id}:{''.join(filter(str.isalnum, contact_phone))}"


@task(queue=QUEUE, attempts=ATTEMPTS, backoff=0, key=contact)
def handle(
    instance: str,
    client_id: str,
    message_id: str,
    contact_phone: str,
    contact_name: str = "",
    text: str = "",
    sent_at: str = "",
    fails: int = 0,
) -> str:
    """Answer a message. Raises ``ServiceRefused`` in as many attempts as it was made up to."""
    job = get_current_job()
    me = job.id if job else message_id
    lane = contact(client_id, contact_phone)
    log.write("start", me, lane)
    time.sleep(float(os.environ.get(SECONDS, "0.03")))
    if job and fails and ATTEMPTS - (job.retries_left or 0) <= fails:
        log.write("fail", me, lane)
        raise ServiceRefused(f"the service did not take {text!r}")
    answer = f"Thank you, {contact_name.split()[0] if contact_name.strip() else 'dear customer'}: we look into it."
    log.write("end", me, lane)
    return answer
