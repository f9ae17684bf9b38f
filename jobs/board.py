"""The board: how far running jobs are. Tasks say it; a thread of its own writes it, so that no job waits for Redis."""

import logging
import time
from contextvars import ContextVar
from itertools import count
from queue import SimpleQueue
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from jobs import logs, scripts, vital
from jobs.errors import InvalidProgress
from jobs.scripts import Report

log = logs.of("job")

PAUSE = 0.5
"""Seconds between two writes: two a second for each job, at most."""
MAX_TEXT = 200


def progress(share: float, text: str = "") -> None:
    """Say how far the running job is: ``share`` from 0 to 1, and in words what it does (200 characters are kept).

    Call it as often as you like: it costs microseconds, never waits for Redis and never fails because of it. At most
    two a second are written, and the last one before the job ends always is. It shows in ``GET /api/jobs/<id>`` and
    ``python -m jobs watch ID``. Outside a job it does nothing, so that a task stays a function that anybody may call.

    Raises ``InvalidProgress`` for a share that is no number from 0 to 1, and for a text that is none.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise InvalidProgress(f"share is {share!r}: expected a number from 0 to 1")
    if not isinstance(text, str):
        raise InvalidProgress(f"text is {text!r}: expected a text")
    if here := HERE.get():
        here.board.say(here.job_id, here.token, share, text)


class Board:
    """What the jobs of one process say of themselves.

    ``say`` may be interrupted anywhere by a job's deadline, so it takes no lock: each step of it is one step of C.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._latest: dict[str, Report] = {}
        """What each running job said last, written or not: its ending brings it once more, in case it is not."""
        self._written: dict[str, int] = {}
        """The number of what Redis knows of each."""
        self._numbers = count(1)
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._lost = False
        vital.start("board", self._run)

    def say(self, job_id: str, token: str, share: float, text: str) -> None:
        """Note it, in place of what the job said before."""
        said = text[:MAX_TEXT].encode(errors="replace").decode()
        self._latest[job_id] = Report(job_id, token, next(self._numbers), float(share), said)
        if self._bell.empty():
            self._bell.put(True)

    def last(self, job_id: str) -> Report | None:
        """What a job that has ended said last, to be handed in with its ending."""
        return self._latest.pop(job_id, None)

    def close(self) -> None:
        """End the thread."""
        self._bell.put(False)

    def _run(self) -> None:
        while self._bell.get():
            said = list(self._latest.values())
            try:
                self._write([one for one in said if self._written.get(one.id) != one.number])
                self._written = {one.id: one.number for one in said}
                self._lost = False
            except (RedisError, OSError) as error:
                if not self._lost:
                    self._lost = True
                    log.warning("progress is not written for now, and jobs go on: %s", error)
                self._bell.put(True)
            time.sleep(PAUSE)

    def _write(self, said: list[Report]) -> None:
        for one, written in zip(said, scripts.report(self._client, said), strict=True):
            if written:
                logs.say(log, logging.DEBUG, "job progress", job=one.id, share=round(one.share, 3), text=one.text)
            elif self._latest.get(one.id) is one:
                self._latest.pop(one.id, None)  # said after its end, or by an execution that has lost its job


class Place(NamedTuple):
    """Where a task says how far it is."""

    board: Board
    job_id: str
    token: str
    """Of its execution."""


def about() -> dict[str, str]:
    """What the lines that a task logs say besides: its job."""
    here = HERE.get()
    return {"job": here.job_id} if here else {}


HERE: ContextVar[Place | None] = ContextVar("place", default=None)
"""Set while a job runs; coroutines see it too."""
