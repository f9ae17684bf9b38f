"""Every error a user of Signalbox may want to catch."""

from collections.abc import Sequence


class SignalboxError(Exception):
    """The root of them all."""


class SettingsError(SignalboxError):
    """A setting that cannot be used: names the variable, what was given and what is accepted."""

    def __init__(self, variable: str, given: str | None, accepted: str) -> None:
        shown = "is not set" if given is None else f"is {given!r}"
        super().__init__(f"{variable} {shown}: {accepted}")
        self.variable = variable


class ServerError(SignalboxError):
    """The local Redis server could not be started; the message holds its last words."""


class NotAllowed(SignalboxError):
    """A job names something that is not a registered task, or carries an object of its own."""


class EnqueueError(SignalboxError, ValueError):
    """A job that was refused before anything was written."""


class UnknownTask(EnqueueError):
    """The task is not registered in this process; ``task`` is its name, as far as it can be one."""

    def __init__(self, message: str, task: str = "") -> None:
        super().__init__(message)
        self.task = task if len(task) <= 500 and task.isprintable() else ""


class InvalidTask(EnqueueError):
    """The function cannot be a task: workers could not find it by its name."""


class InvalidArguments(EnqueueError):
    """The arguments do not fit the task, or are not plain JSON."""


class PayloadTooLarge(EnqueueError):
    """The arguments take more than 256 KiB as JSON."""


class InvalidOption(EnqueueError):
    """An option of enqueue has a value that cannot be used."""


class InvalidQuery(SignalboxError, ValueError):
    """A filter or a cursor that cannot be used."""


class InvalidSchedule(InvalidOption):
    """A schedule that cannot be kept: no such zone or day, not five fields, a task that needs arguments."""


class InvalidJobId(InvalidOption):
    """A job id with other characters than letters, digits, ``_`` and ``-``."""


class DurabilityUnavailable(EnqueueError):
    """``durable=True`` was asked of a server that cannot confirm a write to disk."""


class InvalidProgress(SignalboxError, ValueError):
    """``progress`` was given a share that is no number from 0 to 1, or a text that is none."""


class DurabilityUnconfirmed(SignalboxError, TimeoutError):
    """``durable=True``: the job is accepted, and the server has not said in time that it is on disk."""


class UnknownSchedule(SignalboxError):
    """There is no schedule of that name."""


class JobAwaited(SignalboxError):
    """A job that is over and is not deleted, because others depend on it and would wait for ever."""

    def __init__(self, job_id: str, state: str, waiting: Sequence[str]) -> None:
        shown, more = ", ".join(waiting[:3]), f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        wait, them = ("1 job waits", "that one") if len(waiting) == 1 else (f"{len(waiting)} jobs wait", "these")
        super().__init__(
            f"job {job_id!r} is {state}, and {wait} for it: {shown}{more}; cancel {them} first, or retry this one"
        )
        self.job_id = job_id
        self.waiting = waiting


class LockBusy(SignalboxError):
    """Somebody else has the lock. Uncaught in a job, it snoozes the job and spends no attempt."""


class LockLost(SignalboxError):
    """The lock, or the job that took it, is somebody else's by now: what it protected may have been done twice."""


class InvalidLoop(SignalboxError, ValueError):
    """A loop that cannot be run or watched as it is declared."""


class OperationTimeout(SignalboxError, TimeoutError):
    """A call did not end in time: names the operation and the seconds that it was given."""

    def __init__(self, operation: str, seconds: float, why: str = "") -> None:
        super().__init__(f"{operation!r} {why or f'did not end within {seconds:g} s'}")
        self.operation = operation
        self.seconds = seconds


class TooManyHanging(OperationTimeout):
    """As many calls hang in this process as may; no other is begun until one of them ends."""
