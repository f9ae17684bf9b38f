"""What puts jobs in, has them run anew or now, and takes them out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

from jobs import keys
from jobs.errors import DurabilityUnconfirmed
from jobs.scripts.call import Value, digest, in_full, invocation, run, source, text

DAY = 86400
UNIQUE_FOR = 7 * DAY


class NewJob(NamedTuple):
    """A job that has passed every check and is ready to be admitted."""

    id: str
    queue: str
    fields: Mapping[str, Value]
    key: str = ""
    delay: float = 0.0
    at_front: bool = False
    unique: bool = False


def admit(client: Redis, jobs: Sequence[NewJob], wait_aof: int | None = None) -> list[bool]:
    """Save new jobs and hand them over, all in one step; True for each that was not there already.

    With ``wait_aof`` (milliseconds) the reply waits until the server has the jobs on disk, those too that were there
    already. Raises ``DurabilityUnconfirmed`` when it has not in time; the jobs are accepted all the same.
    """
    arguments: list[Value] = [keys.PREFIX, UNIQUE_FOR]
    for job in jobs:
        arguments += [job.id, job.queue, job.key, job.delay, int(job.at_front), int(job.unique), len(job.fields)]
        for name, value in job.fields.items():
            arguments += [name, value]
    if wait_aof is None:
        call = invocation("admit", [keys.QUEUES], arguments)
        try:
            replies = _run(client, call)
        except NoScriptError:
            replies = client.eval(*in_full("admit", call))
        return [reply == 1 for reply in replies]
    try:
        created, (local, _) = _run_and_wait(client, arguments, wait_aof)
    except NoScriptError:
        client.script_load(source("admit"))
        created, (local, _) = _run_and_wait(client, arguments, wait_aof)
    if not local:
        raise DurabilityUnconfirmed(f"accepted, but the server did not say within {wait_aof} ms that it is on disk")
    return [reply == 1 for reply in created]


def _run(client: Redis, call: Sequence[Value]) -> Any:
    """Ask on a connection of the client's pool, as the client would, and retry as it would.

    Its other layers take a process that was idle 100 of the 400 us of a call: they have left the processor's caches.
    """
    pool = client.connection_pool
    connection = pool.get_connection()

    def ask() -> Any:
        connection.send_command("EVALSHA", *call)
        return connection.read_response()

    try:
        return connection.retry.call_with_retry(ask, lambda error: connection.disconnect())
    except ResponseError:
        raise
    except BaseException:
        connection.disconnect()  # or its reply would be the next one's
        raise
    finally:
        pool.release(connection)


def _run_and_wait(client: Redis, arguments: Sequence[Value], milliseconds: int) -> Any:
    with client.pipeline(transaction=False) as pipeline:  # one connection: WAITAOF waits for its own writes
        pipeline.evalsha(digest("admit"), 1, keys.QUEUES, *arguments)
        pipeline.set(keys.SYNCED, 1, ex=DAY)  # a write of its own, after what another connection has accepted before
        pipeline.execute_command("WAITAOF", 1, 0, milliseconds)
        created, _, confirmed = pipeline.execute()
        return created, confirmed


def requeue(client: Redis, job_ids: Sequence[str]) -> list[bool]:
    """Have jobs run anew that failed, were stopped or were canceled; True for each that does."""
    names = [keys.QUEUES, keys.HALTED]
    return [reply == 1 for reply in run(client, "requeue", names, [keys.PREFIX, *job_ids])]


def cancel(client: Redis, job_ids: Sequence[str]) -> list[bool]:
    """Take jobs out that wait, wherever that is; False for each that is not there, or does not wait."""
    return [reply == 1 for reply in run(client, "cancel", [], [keys.PREFIX, *job_ids])]


def hasten(client: Redis, job_ids: Sequence[str]) -> list[bool]:
    """Have scheduled jobs go to their queues now, or to their lanes; False for each that is not scheduled."""
    return [reply == 1 for reply in run(client, "hasten", [keys.QUEUES], [keys.PREFIX, *job_ids])]


def delete(client: Redis, job_ids: Sequence[str]) -> list[bool | None]:
    """Remove jobs that are over; False for each that is not there or not over.

    None for one that has to stay: its follow-ups are owed, or it did not end well and others wait for it.
    """
    return [{1: True, 0: False}.get(reply) for reply in run(client, "delete", [], [keys.PREFIX, *job_ids])]


def trim(client: Redis, queue: str, last: int, most: int) -> int:
    """Drop what has expired, and all but the ``last`` finished jobs; looks at ``most`` of each kind. How many."""
    return int(run(client, "trim", [], [keys.PREFIX, queue, last, most]))


def purge(client: Redis, kind: str, queue: str, seconds: float, first: int, most: int) -> tuple[int, int]:
    """Remove jobs of a registry that ended longer ago; how many of ``most`` were there to look at, how many went."""
    looked, removed = run(client, "purge", [keys.registry(kind, queue)], [keys.PREFIX, seconds, first, most])
    return int(looked), int(removed)


def empty(client: Redis, key: str, before: str, first: int, most: int) -> tuple[int, int, str]:
    """Remove jobs of a queue, or of the list of its suspects, that were put there no later than ``before``, as RQ
    writes a time; '' for now.

    How many of ``most`` were there to look at, how many went, and the time that was meant.
    """
    looked, removed, when = run(client, "empty", [key], [keys.PREFIX, keys.HEARTBEAT, before, first, most])
    return int(looked), int(removed), text(when)
