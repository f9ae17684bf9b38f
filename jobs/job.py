"""RQ's job as Signalbox runs it: the payload is read with our serializer, and only registered tasks run."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple, cast

import rq.job
from redis import Redis
from rq.serializers import DefaultSerializer, JSONSerializer, Serializer, resolve_serializer
from rq.utils import import_attribute

from jobs import registry, rq_timeout
from jobs.errors import NotAllowed, UnknownTask
from jobs.settings import current


def serializer() -> Serializer:
    """The serializer of ``JOBS_SERIALIZER``, as RQ knows it; with ``JOBS_READ_PICKLE`` one that reads pickles too."""
    if current().read_pickle and current().serializer == "json":
        return Moving
    return resolve_serializer(current().serializer)


class Moving:
    """JSON that is written, and JSON or a pickle that is read."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        return cast(bytes, JSONSerializer.dumps(value))

    @staticmethod
    def loads(data: bytes) -> Any:
        return (DefaultSerializer if data.startswith(PICKLED) else JSONSerializer).loads(data)


_serializer = serializer
"""In ``Job`` that is a parameter's name."""
PICKLED = b"\x80"
"""What a pickle begins with."""


def function_of(name: str, instance: Any) -> Callable[..., Any]:
    """What a job may call. With ``JOBS_ALLOW=any`` that is whatever it names, as in RQ.

    Raises ``UnknownTask`` or ``NotAllowed``.
    """
    if current().allow == "any":
        if instance is not None:
            return cast(Callable[..., Any], getattr(instance, name))
        try:
            return import_attribute(name)
        except ValueError as error:  # there is no such module, or nothing of that name in it
            raise UnknownTask(f"{name!r} cannot be imported here: {error}", name) from error
    if instance is not None:
        raise NotAllowed(f"{name} is a method of an object; only plain functions that are registered tasks run")
    return registry.find(name).function


class Progress(NamedTuple):
    """How far a job has said that it is."""

    share: float
    """From 0 to 1."""
    text: str
    at: str
    """When Redis was told: UTC, as RQ writes it."""


class Job(rq.job.Job):
    """``rq.job.Job`` with the allowlist: what it runs is looked up by name, never imported."""

    key_of_lane: str = ""
    progress: Progress | None = None
    """What its latest execution has said; None when that was nothing."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Any = None) -> None:
        super().__init__(id, connection, serializer or _serializer())

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> "Job":
        """The job of that id. Raises ``rq.exceptions.NoSuchJobError``."""
        return cast(Job, super().fetch(id, connection, serializer))

    def restore(self, raw_data: Any) -> Any:
        """Take over what a job's hash says; RQ itself cannot read each timeout that it writes."""
        raw_data = {**raw_data, b"timeout": _timeout(raw_data.get(b"timeout", b""))}
        self.key_of_lane = raw_data.get(b"key", b"").decode(errors="replace")
        self.progress = progress_of(raw_data)
        return super().restore(raw_data)

    @property
    def func(self) -> Callable[..., Any]:
        """The registered function. Raises ``UnknownTask`` or ``NotAllowed``."""
        return function_of(self.func_name or "", self.instance)

    def _callback(self, name: str | None) -> Any:
        return function_of(name, None) if name else None

    @property
    def success_callback(self) -> Any:
        return self._callback(self._success_callback_name)

    @property
    def failure_callback(self) -> Any:
        return self._callback(self._failure_callback_name)

    @property
    def stopped_callback(self) -> Any:
        return self._callback(self._stopped_callback_name)


def progress_of(raw: Mapping[bytes, bytes]) -> Progress | None:
    """What a job's hash says, unless an earlier execution said it."""
    token, _, _ = raw.get(b"progress_by", b"").partition(b":")
    if not token or token != raw.get(b"execution"):
        return None
    try:
        return Progress(float(raw[b"progress"]), raw[b"progress_text"].decode(), raw[b"progress_at"].decode())
    except (KeyError, ValueError):
        return None


def _timeout(text: bytes) -> bytes:
    try:
        return b"%d" % ceil(rq_timeout.seconds(text)) if text else b""
    except ValueError:
        return b""
