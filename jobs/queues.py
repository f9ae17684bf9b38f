"""Putting work in. Everything is checked before anything is written."""

import json
import logging
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import random
from secrets import token_hex
from typing import Any, Literal

import rq
from redis import Redis
from redis.exceptions import ResponseError

from jobs import connection, introduction, keys, logs, plain, registry, scripts
from jobs.errors import (
    DurabilityUnavailable,
    InvalidArguments,
    InvalidJobId,
    InvalidOption,
    PayloadTooLarge,
)
from jobs.job import Job, serializer
from jobs.read import NAME
from jobs.registry import Policy, Task
from jobs.retry import Retry
from jobs.scripts import NewJob, Value
from jobs.settings import Settings, current

log = logs.of("job")

MAX_PAYLOAD = 256 * 1024
MAX_KEY = 512
MAX_LABEL = 200
MAX_SECONDS = 366 * 86400
FAILURE_TTL = 365 * 86400
"""As RQ's own, so that the failures of both are in one order."""
COMPRESS_FROM = 1024
CHUNK, CHUNK_BYTES = 500, 8 * 1024 * 1024
WAIT_AOF = 5000
SPREADS = 64

OF_A_JOB = registry.OPTIONS - {"durable"}
"""The options that ``prepare`` takes; the other is how a call is made."""

Durable = bool | Literal["best"]


@dataclass(frozen=True)
class JobRef:
    """An accepted job: enough to find it again."""

    id: str
    queue: str
    created: bool
    """False when a job with this id was there already, or a unique id has been seen before."""

    def fetch(self) -> Job:
        """The job as it is now. Raises ``rq.exceptions.NoSuchJobError`` once it is gone."""
        return Job.fetch(self.id, connection.default())


def enqueue(task: str | Callable[..., Any] | Task, /, *args: Any, **kwargs: Any) -> JobRef:
    """Accept one job: when this returns, Redis has it. Takes what ``prepare`` takes, and ``durable``.

    ``durable=True`` returns only when the server has it on disk (``WAITAOF``, Redis ≥ 7.2) and raises
    ``DurabilityUnavailable``, with nothing written, where the server cannot promise that, and
    ``DurabilityUnconfirmed`` where it has not done so within 5 s;
    ``durable="best"`` does what it can.

    Raises ``RedisUnavailable`` when Redis has not answered within 5 s, unless ``durable``, which waits for longer. The
    job may be accepted then; sent again with the same ``job_id`` it is accepted once.
    """
    found = _task(task)
    return accept(found, args, kwargs, _taken(found, kwargs))


def accept(task: Task, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]) -> JobRef:
    """``enqueue`` with the options apart from the arguments."""
    durable = options.pop("durable", False)
    return submit(_client(durable), [made(task, args, kwargs, **options)], durable)[0]


def enqueue_many(jobs: Iterable[NewJob], durable: Durable = False) -> list[JobRef]:
    """Accept many jobs made by ``prepare``, in their order, 500 a call."""
    return submit(_client(durable), jobs, durable)


def _client(durable: Durable) -> Redis:
    return connection.patient() if durable else connection.default()


def submit(client: Redis, jobs: Iterable[NewJob], durable: Durable = False) -> list[JobRef]:
    """``enqueue_many`` through a client of your own."""
    accepted: list[JobRef] = []
    for chunk in _chunks(jobs):
        accepted += _submit(client, chunk, durable)
    return accepted


def _chunks(jobs: Iterable[NewJob]) -> Iterator[list[NewJob]]:
    """What is sent at once: few enough, and small enough to be sent within one try."""
    chunk: list[NewJob] = []
    size = 0
    for job in jobs:
        data = job.fields.get("data")
        weight = len(data) if isinstance(data, bytes | str) else 0
        if chunk and (len(chunk) == CHUNK or size + weight > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(job)
        size += weight
    if chunk:
        yield chunk


def _submit(client: Redis, jobs: list[NewJob], durable: Durable) -> list[JobRef]:
    created = scripts.admit(client, jobs, WAIT_AOF if durable and _confirms_disk(client, durable) else None)
    introduction.app.accepted(client, jobs)
    if log.isEnabledFor(logging.INFO):
        for job, new in zip(jobs, created, strict=True):
            tell_enqueued(job, None if new else "it was there")
    return [JobRef(job.id, job.queue, new) for job, new in zip(jobs, created, strict=True)]


def tell_enqueued(job: NewJob, note: str | None = None, schedule: str | None = None) -> None:
    """Say that a job has been accepted."""
    task = str(job.fields["description"]).removesuffix("()")
    logs.say(
        log,
        logging.INFO,
        "job enqueued",
        job=job.id,
        task=task,
        queue=job.queue,
        key=job.key,
        delay=job.delay or None,
        schedule=schedule,
        note=note,
    )


def _confirms_disk(client: Redis, durable: Durable) -> bool:
    try:
        info = client.info()
        version = tuple(int(part) for part in info["redis_version"].split(".")[:2])
        if info["aof_enabled"] and version >= (7, 2):
            return True
        reason = "the server has no append-only file (appendonly yes), or is older than Redis 7.2"
    except ResponseError as error:
        reason = f"the server does not say whether it has an append-only file ({error})"
    if durable == "best":
        return False
    raise DurabilityUnavailable(f"durable=True: {reason}")


def prepare(task: str | Callable[..., Any] | Task, /, *args: Any, **kwargs: Any) -> NewJob:
    """Check one job and make it ready for ``enqueue_many``; writes nothing.

    ``task`` is a registered task or its dotted name, ``args`` and ``kwargs`` are what it is called with, but for the
    options among ``kwargs``. ``queue`` and ``timeout`` (seconds), ``key`` (its lane: jobs of one key run one at a time,
    in order), ``retry`` and ``policy`` (what the lane does once it has failed for good: ``"continue"`` or ``"halt"``)
    default to what the task says. ``delay`` is in seconds. With ``job_id`` the job is
    accepted once, however often it is sent; with ``unique`` too its id stays refused for 7 days.

    Raises ``UnknownTask``, ``InvalidArguments``, ``PayloadTooLarge``, ``InvalidJobId`` or ``InvalidOption``.
    """
    found = _task(task)
    return made(found, args, kwargs, **_taken(found, kwargs, OF_A_JOB)) if kwargs else made(found, args, kwargs)


def _taken(task: Task, kwargs: dict[str, Any], options: frozenset[str] = registry.OPTIONS) -> dict[str, Any]:
    """Take those options out of ``kwargs``.

    Raises ``InvalidArguments`` where the task takes any keyword, so that nobody can say which of the two is meant.
    """
    if task.takes_any is None:
        return {name: kwargs.pop(name) for name in [*kwargs] if name in options}
    if names := sorted(registry.OPTIONS.intersection(kwargs)):
        raise InvalidArguments(
            f"{task.name}{task.signature} may mean {names[0]!r} as a part of **{task.takes_any}, and enqueue as an "
            f"option: give options apart, as in {task.function.__name__}.options({names[0]}=...).enqueue(...)"
        )
    return {}


def made(
    task: str | Callable[..., Any] | Task,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    queue: str | None = None,
    key: str | None = None,
    delay: float = 0.0,
    job_id: str | None = None,
    unique: bool = False,
    timeout: float | None = None,
    retry: Retry | rq.Retry | None = None,
    policy: Policy | None = None,
) -> NewJob:
    """``prepare`` with the options apart from the arguments."""
    settings = current()
    found = _task(task)
    _check_arguments(found, args, kwargs)
    lane = _lane(found, args, kwargs) if key is None else key
    if not isinstance(unique, bool):
        raise InvalidOption(f"unique is {unique!r}: expected True or False")
    if unique and job_id is None:
        raise InvalidOption("unique=True needs a job_id: it is what makes the job the same")
    limit = checked_seconds("timeout", timeout if timeout is not None else found.timeout or settings.timeout, 0.1)
    where = _checked_queue(queue) if queue is not None else found.queue or settings.queues[0]
    fields = {
        "data": _payload(settings, found.name, args, kwargs),
        **_common(found, limit, settings.keep),
        **_retries(found.retry if retry is None else retry, found.retry),
    }
    if found.label is not None and (label := _label(found, args, kwargs)):
        fields["label"] = label
    if lane is not None:
        fields["key"] = checked_text("key", lane)
        if _policy(settings, found, policy, where) == "halt":
            fields["policy"] = "halt"
    return NewJob(
        id=checked_id(job_id) if job_id is not None else token_hex(16),
        queue=where,
        key=lane or "",
        delay=checked_seconds("delay", delay, 0),
        unique=unique,
        fields=fields,
    )


def _task(task: str | Callable[..., Any] | Task) -> Task:
    if isinstance(task, Task):
        return task
    return registry.find(task) if isinstance(task, str) else registry.of(task)


def _check_arguments(task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not kwargs and len(args) in task.arity:
        return
    try:
        task.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArguments(
            f"{task.name}{task.signature} cannot be called so: {error}. (The options of enqueue are queue, key, "
            "delay, job_id, unique, timeout, retry and durable.)"
        ) from None


def _lane(task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    try:
        made: str | None = task.key_of(args, kwargs)
    except Exception as error:
        raise InvalidArguments(f"the key of {task.name} cannot be made from these arguments: {error!r}") from error
    return made


def _label(task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    try:
        made = task.label_of(args, kwargs)
    except Exception as error:
        raise InvalidArguments(f"the label of {task.name} cannot be made from these arguments: {error!r}") from error
    if not isinstance(made, str) or not _is_text(made):
        raise InvalidArguments(f"the label of {task.name} is {made!r} with these arguments: expected a text")
    return shown(made)


def shown(label: str) -> str:
    """A label as it is kept: in one line, and of no more than ``MAX_LABEL`` characters."""
    return " ".join(label.split())[:MAX_LABEL]


def _policy(settings: Settings, task: Task, policy: Policy | None, queue: str) -> Policy:
    if policy not in (None, "continue", "halt"):
        raise InvalidOption(f"policy is {policy!r}: expected 'continue' or 'halt'")
    return policy or task.policy or ("halt" if queue in settings.halt else "continue")


_plain_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def _payload(settings: Settings, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """RQ's payload: function name, instance, positional and keyword arguments; compressed from 1 KiB on."""
    if settings.serializer == "json":
        try:
            data = _plain_json((name, None, args, kwargs)).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArguments(f"the arguments of {name} are not plain JSON: {error}") from None
    else:
        data = serializer().dumps((name, None, args, kwargs))
    if len(data) > MAX_PAYLOAD:
        raise PayloadTooLarge(
            f"the arguments of {name} take {len(data):,} bytes; at most {MAX_PAYLOAD:,} are accepted. "
            "Store the data elsewhere and pass where it is"
        )
    if settings.serializer == "json" and (odd := plain.changed(args, "args") or plain.changed(kwargs, "kwargs")):
        raise InvalidArguments(f"the arguments of {name} are not plain JSON, which would change {odd}")
    return zlib.compress(data) if len(data) >= COMPRESS_FROM else data


@lru_cache(1024)
def _common(task: Task, timeout: float, keep: float) -> dict[str, Value]:
    """What every job of a task has in its hash, as ``rq.job.Job.to_dict`` writes it; it holds no arguments."""
    return {
        "description": f"{task.name}()",
        "timeout": math.ceil(timeout),
        "result_ttl": math.ceil(keep),
        "failure_ttl": FAILURE_TTL,
        **task.kept,
    }


def _retries(retry: Retry | rq.Retry, own: Retry) -> dict[str, Value]:
    if isinstance(retry, Retry):
        if (retry.retry_on, retry.never_on) != (own.retry_on, own.never_on) and retry.classes_given:
            raise InvalidOption("retry_on and never_on belong to the task: a job carries no exception classes")
        return _spread(retry, int(random() * SPREADS))
    if not isinstance(retry, rq.Retry):
        raise InvalidOption(f"retry is {retry!r}: expected jobs.Retry(...) or rq.Retry(...)")
    fields: dict[str, Value] = {"retries_left": retry.max, "retry_intervals": json.dumps(retry.intervals)}
    return fields | {"enqueue_at_front_on_retry": 1} if retry.enqueue_at_front else fields


@lru_cache(1024)
def _spread(retry: Retry, luck: int) -> dict[str, Value]:
    """A policy's fields, with one of ``SPREADS`` shares of its jitter: made once, not for each job."""
    if retry.attempts == 1:
        return {}
    return {"retries_left": retry.attempts - 1, "retry_intervals": json.dumps(retry.intervals(luck / SPREADS))}


def checked_id(job_id: str) -> str:
    if not isinstance(job_id, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", job_id):
        raise InvalidJobId(f"job_id is {job_id!r}: expected 1 to 200 letters, digits, _ and -")
    if job_id.startswith(keys.HEARTBEAT):
        raise InvalidJobId(f"job_id is {job_id!r}: {keys.HEARTBEAT}… is kept for heartbeat jobs")
    return job_id


def _checked_queue(queue: str) -> str:
    if not isinstance(queue, str) or not NAME.fullmatch(queue):
        raise InvalidOption(f"queue is {queue!r}: expected 1 to 128 letters, digits and _ . : -")
    return queue


def checked_text(option: str, value: str) -> str:
    if not isinstance(value, str) or not 0 < len(value.encode(errors="replace")) <= MAX_KEY or not _is_text(value):
        raise InvalidOption(f"{option} is {value!r}: expected a text of 1 to {MAX_KEY} bytes")
    return value


def _is_text(key: str) -> bool:
    """False for half a character (a lone surrogate), which JSON can carry and Redis cannot."""
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in key)


def checked_seconds(name: str, value: float, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= MAX_SECONDS:
        raise InvalidOption(f"{name} is {value!r}: expected seconds from {least:g} to {MAX_SECONDS} (one year)")
    return float(value)
