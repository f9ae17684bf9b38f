"""The allowlist: what may run. A worker runs nothing that is not registered here."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Literal, NamedTuple

from jobs import binding
from jobs.errors import InvalidSchedule, InvalidTask, SettingsError, UnknownTask
from jobs.retry import MAX_BUSY, Retry
from jobs.timetable import Timetable

Policy = Literal["continue", "halt"]

OPTIONS = frozenset(("queue", "key", "delay", "job_id", "unique", "timeout", "retry", "policy", "durable"))
"""What ``enqueue`` takes for itself; the rest is for the task."""

RESERVED = "heartbeat."
"""Job ids that begin so, as ids are written, are those of heartbeats."""


@dataclass(frozen=True, eq=False)
class Task:
    """A function that may run as a job, and how it runs unless its enqueuer says otherwise."""

    function: Callable[..., Any]
    queue: str | None = None
    """None: the first of ``JOBS_QUEUES``."""
    timeout: float | None = None
    retry: Retry = field(default_factory=Retry)
    key: Callable[..., str] | None = None
    """Called with the job's arguments; gives the key of its lane."""
    policy: Policy | None = None
    """What its lane does when it has failed for good; None: what ``JOBS_HALT`` says of its queue."""
    busy_on: Callable[[Exception], bool] | None = None
    """Does this error say that what the task needs is busy? Then the job waits and spends no attempt."""
    max_busy: float = MAX_BUSY
    """Seconds that it waits so at most."""
    timetable: Timetable | None = None
    """When it is due by the clock; it is then called without arguments."""
    label: str | Callable[..., str] | None = None
    """What a person calls its jobs: a text, or a function of a job's arguments."""
    keep: int | None = None
    """How many of its finished jobs are kept; None: any number."""
    keep_failed: int | None = None
    """How many of those that failed for good."""

    @cached_property
    def name(self) -> str:
        """Its dotted path, which is also how RQ names a function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @cached_property
    def kept(self) -> dict[str, str]:
        """How many of its jobs are kept, as each says it in Redis (see ``lua/lib/keep_last.lua``)."""
        if self.keep is None and self.keep_failed is None:
            return {}
        most = ("" if one is None else str(one) for one in (self.keep, self.keep_failed))
        return {"keep": ",".join((*most, self.name))}

    def finds_busy(self, error: Exception) -> bool:
        """Does what the task needs refuse it only for now?"""
        return self.busy_on is not None and bool(self.busy_on(error))

    def key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The key of a job with these arguments, as the task's function gives it; None: it has none."""
        return self._key(args, kwargs) if self._key else None

    def label_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The label of a job with these arguments, as the task's function gives it; None: it has none."""
        return self._label(args, kwargs) if self._label else self.label

    def check(self) -> None:
        """Raises ``InvalidTask`` where its key or its label cannot be made from its arguments."""
        _ = self._key, self._label

    @cached_property
    def _key(self) -> binding.Called | None:
        return self._bound("key", self.key)

    @cached_property
    def _label(self) -> binding.Called | None:
        return self._bound("label", self.label)

    def _bound(self, what: str, function: object) -> binding.Called | None:
        try:
            return binding.of(self.signature, function) if callable(function) else None
        except TypeError as error:
            raise InvalidTask(f"the {what} of {self.name} cannot be made from its arguments: {error}") from None

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def arity(self) -> range:
        """How many positional arguments make a call complete; empty when it also needs keywords."""
        parameters = self.signature.parameters.values()
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            return range(0)
        ordered = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        most = sys.maxsize if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(ordered)
        return range(sum(p.default is p.empty for p in ordered), most + 1 if most < sys.maxsize else most)

    @cached_property
    def takes_any(self) -> str | None:
        """The parameter that takes keywords of any name (``**fields``), if it has one."""
        return next((p.name for p in self.signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)


_tasks: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task. Registering the same name again replaces it, so that modules can be reloaded.

    Raises ``InvalidTask`` for a function that a worker could not import by name or run as a job, or that has a
    parameter named like an option of ``enqueue``, and for a key or label that cannot be made from its arguments;
    ``InvalidSchedule`` for one with a timetable that cannot be called without arguments.
    """
    _check_function(task.function)
    module, name = task.function.__module__, task.name
    if module == "__main__":
        raise InvalidTask(f"{name} is in a file that is run as a script; move it to a module that workers can import")
    if "<" in name:
        raise InvalidTask(f"{name} is defined inside a function; move it to the top of its module")
    if taken := sorted(OPTIONS & set(task.signature.parameters)):
        raise InvalidTask(f"{name} has a parameter {taken[0]!r}, which is an option of enqueue; give it another name")
    task.check()
    if task.timetable:
        _check_schedule(task)
    _tasks[name] = task
    return task


def _check_function(function: Callable[..., Any]) -> None:
    name = getattr(function, "__qualname__", None)
    if name is None or isinstance(function, type) or inspect.isbuiltin(function):
        raise InvalidTask(f"{function!r} is not a function; a task is one made with def, which may call it")
    is_bound = isinstance(function, classmethod) or inspect.ismethod(function)
    if is_bound or ("." in name and _first(function) in ("self", "cls")):
        raise InvalidTask(f"{name} is a method, and a job carries no object to call it on; make a task of a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidTask(f"{name} is a generator function, and calling it runs nothing; return a list, without yield")


def _first(function: Callable[..., Any]) -> str | None:
    return next(iter(inspect.signature(function).parameters), None)


def _check_found() -> None:
    """Raises ``InvalidTask`` where a task is under another decorator, which would not run in a job."""
    for task in _tasks.values():
        found: Any = sys.modules.get(task.function.__module__)
        for part in task.function.__qualname__.split("."):
            found = getattr(found, part, task.function)
        if found is not task.function and callable(found):
            raise InvalidTask(f"{task.name} has a decorator above @task, which no job would run; put @task on top")


def find(name: str) -> Task:
    """The task of that name. Raises ``UnknownTask``, naming what is registered."""
    try:
        return _tasks[name]
    except KeyError:
        known = ", ".join(sorted(_tasks)) or "none"
        words = f"{name!r} is not a registered task (is its module in JOBS_TASKS?); known: {known}"
        raise UnknownTask(words, name) from None


def known(name: str) -> Task | None:
    """The task of that name, if it is registered."""
    return _tasks.get(name)


def of(function: Callable[..., Any]) -> Task:
    """The task that a function was registered as. Raises ``UnknownTask`` when it was not."""
    return find(f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}")


def load(modules: tuple[str, ...]) -> None:
    """Import the modules that hold tasks, which registers them.

    Raises ``SettingsError`` naming the module that cannot be imported, and why.
    """
    for module in modules:
        try:
            import_module(module)
            _check_found()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a script that was not meant to be imported
            how = f"failed: {type(error).__name__}: {error}"
            if isinstance(error, SystemExit):
                how = f"ended with sys.exit({error.code!r})"
            raise SettingsError("JOBS_TASKS", module, f"importing it {how}") from error


def names() -> list[str]:
    return sorted(_tasks)


def _shape(signature: inspect.Signature) -> str:
    """Names and kinds only: the repr of a default may hold an address, which differs between processes."""
    return ",".join(
        f"{p.kind.name} {p.name}{'' if p.default is p.empty else '='}" for p in signature.parameters.values()
    )


class Inventory(NamedTuple):
    """What a process can run, in a form that can be compared and sent."""

    tasks: int
    code: str
    """See ``digest``."""
    schedules: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed
    """See ``schedules``."""
    names: Sequence[str] = ()
    """See ``names``."""


def inventory() -> Inventory:
    return Inventory(len(_tasks), digest(), schedules(), names())


def schedules() -> dict[str, dict[str, Any]]:
    """What the tasks with a timetable declare, by the name of the task, as JSON can carry it.

    Only what is declared: the rest is up to the settings of whoever makes the job.
    """
    return {
        name: {
            **asdict(task.timetable),
            "queue": task.queue,
            "timeout": task.timeout,
            "retries": task.retry.intervals(),
            "key": task.key_of((), {}),
            "policy": task.policy,
            **({"label": task.label_of((), {})} if task.label else {}),
            **task.kept,
        }
        for name, task in sorted(_tasks.items())
        if task.timetable
    }


def _check_schedule(task: Task) -> None:
    if 0 not in task.arity:
        raise InvalidSchedule(f"{task.name}{task.signature} has a schedule, so it must be callable without arguments")
    if not task.name.isascii() or task.name.startswith(RESERVED):
        raise InvalidSchedule(f"{task.name} has a schedule, so it cannot be named so: its jobs are named after it")
    try:
        key = task.key_of((), {}) if task.key else "key"
    except Exception as error:
        raise InvalidSchedule(f"the key of {task.name} cannot be made without arguments: {error!r}") from error
    try:
        label = task.label_of((), {})
    except Exception as error:
        raise InvalidSchedule(f"the label of {task.name} cannot be made without arguments: {error!r}") from error
    if task.label and not isinstance(label, str):
        raise InvalidSchedule(f"the label of {task.name} is {label!r}: expected a text")
    if not isinstance(key, str) or not key:
        raise InvalidSchedule(f"the key of {task.name} is {key!r}: expected a text")


def digest() -> str:
    """12 hex digits of all names and signatures: processes that differ run different code."""
    text = "\n".join(f"{name}({_shape(_tasks[name].signature)})" for name in names())
    return hashlib.sha256(text.encode()).hexdigest()[:12]
