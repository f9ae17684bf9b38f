"""What a child does with Redis: it claims, settles, and gives back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from redis import Redis
from redis.connection import ConnectionInterface
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from jobs import keys
from jobs.scripts import claimed
from jobs.scripts.call import Value, in_full, invocation, run, text
from jobs.scripts.claimed import Claimed, Waited, nobody

FINAL = -1.0
UNLIMITED: Mapping[str, int] = {}

Outcome = Literal["finished", "failed", "stopped", "retried", "exhausted", "snoozed", "unknown"]


class Report(NamedTuple):
    """How far a job says that it is."""

    id: str
    token: str
    number: int
    """Grows with everything that is said in a process: the highest of an execution is right."""
    share: float
    """From 0 to 1."""
    text: str


class Settlement(NamedTuple):
    """How one execution ended. Times are seconds since 1970 UTC."""

    id: str
    token: str
    outcome: Outcome
    value: bytes
    """``finished``: the result in base64, empty for None; ``unknown``: the task that its worker does not know; else the
    traceback, zlib and base64."""
    started: float
    ended: float
    after: float = 0.0
    """``failed``: ``FINAL`` when it is not to be tried again; ``retried``, ``snoozed``, ``unknown``:
    the seconds to wait."""
    report: Report | None = None
    """How far the job said last that it was, where that is not written yet."""
    queue: str = ""
    task: str = ""
    """Empty where nobody has read its name."""
    waited: Waited | None = None
    note: str = ""
    """Kept beside the ending: such as why a finished job has no result."""


class Held(NamedTuple):
    """An execution that is to be put back; ``charged`` when it was running and may be to blame."""

    id: str
    token: str
    charged: bool
    why: bytes = b""
    """How it was interrupted, for the record of its attempts: a traceback, zlib and base64; empty: not started."""
    suspect: bool = False
    """It was running, and so were others: it shares the blame, and runs alone if that happens again."""


def exchange(
    client: Redis,
    worker: str,
    child: str,
    queues: Sequence[str],
    settlements: Sequence[Settlement],
    wanted: int,
    limits: Mapping[str, int] = UNLIMITED,
    tell: Callable[[Waited], None] = nobody,
    source: Callable[[str], str] = keys.queue,
) -> tuple[list[int], list[Claimed] | None]:
    """Settle what a child has done and claim what it does next, in one round trip.

    ``limits`` says how many jobs of a queue may run at once, over all workers; ``tell`` is told how long those that
    were claimed had waited; ``source`` names the list of each queue that its jobs are taken from.

    Returns for each settlement 1 accepted, 2 accepted with follow-ups, 3 accepted and to be tried again, 0 refused
    because the child does not hold it; and what was claimed, or None when the child has no lease. Raises
    ``RedisError`` when nothing is known of either: the settlements may then be sent again, and what was claimed must
    be found by ``held``.
    """
    settle = invocation(
        "settle",
        [keys.held(child), keys.worker(worker), keys.OUTBOX, keys.METERS],
        _settle_arguments(worker, settlements),
    )
    claim = _claim_call(worker, child, queues, wanted, limits, source)
    calls = ([("settle", settle)] if settlements else []) + ([("claim", claim)] if wanted else [])
    reports = [one.report for one in settlements if one.report]
    with client.pipeline(transaction=False) as pipeline:
        for one in reports:
            pipeline.eval(*_report_call(one))
        for _, call in calls:
            pipeline.evalsha(*call)
        answers = pipeline.execute(raise_on_error=False)[len(reports) :]
        replies = dict(zip((name for name, _ in calls), answers, strict=True))
    for name, call in calls:
        if isinstance(replies[name], NoScriptError):
            replies[name] = client.eval(*in_full(name, call))
        if isinstance(replies[name], Exception):
            raise replies[name]
    return list(replies.get("settle", [])), claimed.read(replies.get("claim", []), tell)


def claim(
    client: Redis,
    worker: str,
    child: str,
    queues: Sequence[str],
    wanted: int,
    source: Callable[[str], str] = keys.queue,
) -> list[Claimed] | None:
    """``exchange`` that settles nothing."""
    return exchange(client, worker, child, queues, (), wanted, source=source)[1]


def settle(client: Redis, worker: str, child: str, settlements: Sequence[Settlement]) -> list[int]:
    """``exchange`` that claims nothing."""
    return exchange(client, worker, child, (), settlements, 0)[0]


def _settle_arguments(worker: str, settlements: Sequence[Settlement]) -> list[Value]:
    arguments: list[Value] = [keys.PREFIX, worker]
    for one in settlements:
        arguments += [one.id, one.token, one.outcome, one.value, one.started, one.ended, one.after, one.note]
    return arguments


def await_jobs(
    line: ConnectionInterface,
    worker: str,
    child: str,
    queues: Sequence[str],
    queue: str,
    wanted: int,
    seconds: int,
    limits: Mapping[str, int] = UNLIMITED,
    tell: Callable[[Waited], None] = nobody,
    source: Callable[[str], str] = keys.queue,
) -> tuple[str, list[Claimed] | None]:
    """Wait on a connection of one's own until ``queue`` holds something, at most so long, and claim then.

    Returns the id at its head, or '' when it stayed empty, and what ``claim`` returns. A server that is full lets
    nobody wait but does give, and answers at once. Raises ``RedisError`` as ``exchange`` does.
    """
    key = source(queue)
    call = _claim_call(worker, child, queues, wanted, limits, source)
    try:
        line.send_packed_command(
            line.pack_commands([("BLMOVE", key, key, "LEFT", "LEFT", seconds), ("EVALSHA", *call)])
        )
        seen, reply = _answer(line), _answer(line)
        if isinstance(reply, NoScriptError):
            line.send_command("EVAL", *in_full("claim", call))
            reply = _answer(line)
        if line.should_reconnect():
            line.disconnect()
    except BaseException:
        line.disconnect()
        raise
    if isinstance(reply, Exception):
        raise reply
    found = claimed.read(reply, tell)
    if isinstance(seen, Exception) and not isinstance(seen, OutOfMemoryError) and not found:
        raise seen
    return text(seen) if isinstance(seen, bytes) else "", found


def _answer(line: ConnectionInterface) -> Any:
    try:
        return line.read_response()
    except ResponseError as error:
        return error


def _claim_call(
    worker: str,
    child: str,
    queues: Sequence[str],
    wanted: int,
    limits: Mapping[str, int],
    source: Callable[[str], str],
) -> list[Any]:
    names = [keys.LEASES, keys.held(child), keys.EXECUTIONS, keys.SUSPENDED, keys.PAUSED, *map(source, queues)]
    caps = [limits.get(name, "") for name in queues]
    return invocation("claim", names, [keys.PREFIX, child, worker, wanted, *queues, *caps])


def report(client: Redis, reports: Sequence[Report]) -> list[bool]:
    """Write down how far jobs say they are; False for each that no longer runs so, which is left as it is."""
    with client.pipeline(transaction=False) as pipeline:
        for one in reports:
            pipeline.eval(*_report_call(one))
        return [bool(reply) for reply in pipeline.execute()]


def _report_call(one: Report) -> list[Any]:
    call = invocation("report", [keys.job(one.id)], [one.token, one.number, f"{one.share:.4g}", one.text])
    return in_full("report", call)


def release(
    client: Redis, child: str, executions: Sequence[Held], survives: int, suspects: bool = False
) -> tuple[int, int]:
    """Put what a child holds back at the front of its queues, first given first; how many, and how many failed.

    A job that was charged more than ``survives`` times fails instead. ``suspects``: each of them is to run alone.
    """
    arguments: list[Value] = [keys.PREFIX, child, survives, int(suspects)]
    for one in executions:
        arguments += [one.id, one.token, 1 if one.charged else 2 if one.suspect else 0, one.why]
    back, failed = run(client, "release", [keys.held(child)], arguments)
    return int(back), int(failed)


def held(client: Redis, child: str) -> list[tuple[str, str]]:
    """What a child holds, as id and token, first given first."""
    found = cast(dict[bytes, bytes], client.hgetall(keys.held(child)))
    tokens = {text(job_id): text(held).partition(":")[0] for job_id, held in found.items()}
    return sorted(tokens.items(), key=lambda one: int(one[1]))


def rename(client: Redis, child: str, raw: bytes, job_id: str) -> None:
    """Give what a child holds under an id that is no text another one."""
    run(client, "rename", [keys.held(child), keys.job(job_id)], [keys.PREFIX, raw, job_id])
