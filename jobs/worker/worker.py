"""RQ's worker, made to stop between jobs only, and to come back when Redis does."""

import contextlib
import logging
import os
import signal
import threading

import rq
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import DequeueTimeout, StopRequested
from rq.queue import Queue
from rq.worker import WorkerStatus

from jobs import scripts
from jobs.job import Job, serializer
from jobs.supervise.process import die_with

log = logging.getLogger(__name__)

BLOCK = 2
"""Seconds for which an idle worker blocks on its queues before it looks whether it should stop."""


class Worker(rq.Worker):
    """One process that forks a child per job. Its name is new at each start, so a restart never meets itself."""

    job_class = Job
    log_job_description = False
    lost: RedisError | None = None
    """The error that ended ``work``, when Redis was the reason."""

    def __init__(self, queues: tuple[str, ...], name: str, client: Redis, stop: threading.Event) -> None:
        self._stop = stop
        super().__init__(list(queues), name=name, connection=client, serializer=serializer(), log_job_description=False)

    def _set_connection(self, connection: Redis) -> Redis:
        """Keep the factory's timeouts; RQ would raise them to minutes, for every user of the client."""
        return connection

    def _set_ip_address(self, connection: Redis) -> None:
        """Keep the factory's client name, by which other processes find us."""
        self.ip_address = str(connection.client_info()["addr"])

    @property
    def _stop_requested(self) -> bool:
        """RQ's flag, read between jobs; ours is set by a signal or by ``rq``'s shutdown command."""
        return self._stop.is_set()

    @_stop_requested.setter
    def _stop_requested(self, value: bool) -> None:
        if value:
            self._stop.set()

    def _install_signal_handlers(self) -> None:
        """Keep ours, which only set the flag: RQ's raise from anywhere, even with a job just taken."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[rq.job.Job, Queue] | None:
        """The next job; raises ``StopRequested`` when there is none and we should stop, or Redis is lost."""
        try:
            self.set_state(WorkerStatus.IDLE)
            while not self._stop_requested:
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()
                with contextlib.suppress(DequeueTimeout):
                    block = None if timeout is None else BLOCK
                    return self.queue_class.dequeue_any(
                        self._ordered_queues, block, self.connection, self.job_class, self.serializer
                    )
        except RedisError as error:
            self.lost = error
        raise StopRequested

    def execute_job(self, job: rq.job.Job, queue: Queue) -> None:
        super().execute_job(job, queue)
        if isinstance(job, Job) and job.key_of_lane:
            scripts.advance(self.connection, [job.key_of_lane])

    def setup_work_horse_signals(self) -> None:
        """As RQ's; and a child does not outlive a killed worker, or its job would run twice at once."""
        super().setup_work_horse_signals()
        logging.getLogger("jobs.connection").setLevel(logging.WARNING)
        die_with(os.getppid(), signal.SIGKILL)

    def teardown(self) -> None:
        try:
            super().teardown()
        except RedisError as error:
            log.warning("worker %s could not sign off: %s", self.name, error)
