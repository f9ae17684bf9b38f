"""``@task``: what a user writes."""

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from jobs import queues, registry
from jobs.errors import InvalidOption
from jobs.queues import JobRef
from jobs.read import NAME
from jobs.registry import Policy, Task
from jobs.retry import MAX_BUSY, Retry
from jobs.scripts import NewJob
from jobs.timetable import Overlap, timetable

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Options:
    """A task with options for its jobs. Whatever ``enqueue`` and ``prepare`` are given here is for the task."""

    def __init__(self, task: Task, options: dict[str, Any]) -> None:
        if unknown := sorted(set(options) - registry.OPTIONS):
            raise InvalidOption(f"{unknown[0]!r} is not an option; options: {', '.join(sorted(registry.OPTIONS))}")
        self._task, self._options = task, options

    def enqueue(self, *args: Any, **kwargs: Any) -> JobRef:
        """Like ``jobs.enqueue(task, ...)``."""
        return queues.accept(self._task, args, kwargs, {**self._options})

    def prepare(self, *args: Any, **kwargs: Any) -> NewJob:
        """Like ``jobs.prepare(task, ...)``. Raises ``InvalidOption`` for ``durable``: ``enqueue_many`` takes that."""
        if "durable" in self._options:
            raise InvalidOption("durable is not an option of a single job of many; give it to enqueue_many")
        return queues.made(self._task, args, kwargs, **self._options)


class TaskFunction(Protocol[P, R_co]):
    """The function itself, called as ever, with ways to make a job of it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def enqueue(self, *args: Any, **kwargs: Any) -> JobRef:
        """Like ``jobs.enqueue(this, ...)``."""

    def prepare(self, *args: Any, **kwargs: Any) -> NewJob:
        """Like ``jobs.prepare(this, ...)``, for ``enqueue_many``."""

    def options(self, **options: Any) -> Options:
        """Options for jobs, apart from their arguments: a task that takes ``**fields`` is given them only so."""


@overload
def task(function: Callable[P, R_co], /) -> TaskFunction[P, R_co]: ...


@overload
def task(
    *,
    queue: str | None = None,
    timeout: float | None = None,
    attempts: int = 3,
    backoff: float = 2.0,
    retry: Retry | None = None,
    key: Callable[..., str] | None = None,
    policy: Policy | None = None,
    busy_on: Callable[[Exception], bool] | None = None,
    max_busy: float = MAX_BUSY,
    every: float | str | None = None,
    cron: str | None = None,
    tz: str | None = None,
    overlap: Overlap | None = None,
    label: str | Callable[..., str] | None = None,
    keep: int | None = None,
    keep_failed: int | None = None,
) -> Callable[[Callable[P, R_co]], TaskFunction[P, R_co]]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    queue: str | None = None,
    timeout: float | None = None,
    attempts: int = 3,
    backoff: float = 2.0,
    retry: Retry | None = None,
    key: Callable[..., str] | None = None,
    policy: Policy | None = None,
    busy_on: Callable[[Exception], bool] | None = None,
    max_busy: float = MAX_BUSY,
    every: float | str | None = None,
    cron: str | None = None,
    tz: str | None = None,
    overlap: Overlap | None = None,
    label: str | Callable[..., str] | None = None,
    keep: int | None = None,
    keep_failed: int | None = None,
) -> Any:
    """Allow a function to run as a job.

    The function stays a plain function and gains ``.enqueue(...)``, ``.prepare(...)`` and ``.options(...)``. It is
    named by its dotted path, so plain ``rq.Queue(...).enqueue(function)`` reaches it too. ``queue``, ``timeout``
    (seconds) and ``key`` (called with the arguments, gives the lane) are what its jobs get unless their
    enqueuer says otherwise. A job is tried ``attempts`` times, after ``backoff``, 2 × ``backoff``, … s;
    ``retry`` says more than these two and takes their place.

    ``policy`` says what a lane does when one of its jobs has failed for good: ``"continue"`` with the next,
    or ``"halt"`` until somebody resumes it. ``busy_on`` is called with what the task has raised: True says
    that a service is busy, and the job runs again after 2, 4, 8, 16, 32, 32, … s, for ``max_busy`` seconds at most,
    which spends no attempt.

    ``every`` (seconds, or ``"10m"``) or ``cron`` (five fields, by the clock of the zone ``tz``, default UTC) have
    it run by the clock, without arguments, while some worker or scheduler alive has it in its code. A tick
    that finds the last one's job waiting or running makes none; with ``overlap="allow"`` it does.

    ``label`` is what people call its jobs on pages and in lists: a text, or a function of the arguments that gives
    one, cut after 200 characters. It is shown and searched, so keep secrets out of it.

    ``keep`` is how many of its finished jobs are kept, and ``keep_failed`` how many of those that have failed for
    good: of each the last so many. None: any number, as far as ``JOBS_KEEP`` and ``JOBS_KEEP_LAST`` go.

    Raises ``InvalidTask`` for a function workers could not import by name, ``InvalidOption`` for an
    option that cannot be used, ``InvalidSchedule`` for a schedule that cannot be kept.
    """
    if queue is not None and not NAME.fullmatch(queue):
        raise InvalidOption(f"queue is {queue!r}: expected 1 to 128 letters, digits and _ . : -")
    if timeout is not None:
        queues.checked_seconds("timeout", timeout, 0.1)
    if policy not in (None, "continue", "halt"):
        raise InvalidOption(f"policy is {policy!r}: expected 'continue' or 'halt'")
    queues.checked_seconds("max_busy", max_busy, 0)
    if not (label is None or callable(label) or (isinstance(label, str) and label.strip())):
        raise InvalidOption(f"label is {label!r}: expected a text, or a function of the arguments")
    for name, most in (("keep", keep), ("keep_failed", keep_failed)):
        if most is not None and (not isinstance(most, int) or most < 0):
            raise InvalidOption(f"{name} is {most!r}: expected a whole number from 0 on, or None")
    times = timetable(every, cron, tz, overlap)
    tries = retry or Retry(attempts=attempts, backoff=backoff)

    def decorate(function: Callable[..., Any]) -> Any:
        if isinstance(function, staticmethod):
            return staticmethod(decorate(function.__func__))
        options = (queue, timeout, tries, key, policy, busy_on, max_busy, times, label, keep, keep_failed)
        made = registry.register(Task(function, *options))
        enriched = cast(Any, function)
        enriched.enqueue = lambda *args, **kwargs: queues.enqueue(made, *args, **kwargs)
        enriched.prepare = lambda *args, **kwargs: queues.prepare(made, *args, **kwargs)
        enriched.options = lambda **options: Options(made, options)
        return function

    return decorate if function is None else decorate(function)
