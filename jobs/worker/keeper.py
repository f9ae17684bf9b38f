"""The keeper: the worker as RQ sees it. It never runs user code, so nothing a job does can stop its heart.

It renews its children's leases, takes back what the dead held, its own and anybody's, and hands over what is due.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rq.command
from redis import Redis
from redis.client import PubSub, PubSubWorkerThread
from redis.exceptions import RedisError, ResponseError, TimeoutError
from rq.worker import BaseWorker, WorkerStatus

from jobs import gates, keys, logs, reaper, retention, scripts
from jobs.aside import Aside
from jobs.job import Job, serializer
from jobs.refusals import kind, said
from jobs.schedule.clock import Clock
from jobs.schedule.leader import TTL as LEADER_TTL
from jobs.scripts import Ticked
from jobs.settings import Settings
from jobs.supervise import notify
from jobs.supervise.instance import HeldElsewhere, Instance
from jobs.worker.life import Life
from jobs.worker.looper import Looper
from jobs.worker.nursery import Nursery

log = logs.of("worker")

TICK = 1.0
RECALLED = 500
"""Jobs of a task that go to their queues at once, at most."""
LOOK = 0.1
BACKOFF_CAP = 2.0
LONG, SHOWN = 1.0, 100
"""Seconds that a job has been running when RQ's tools are shown it, and how many they are shown at most."""
DEAF = 2.0
"""Seconds between two tries to listen to commands."""


class Keeper(BaseWorker):
    """RQ's worker without its work: registration, commands and suspension are RQ's; the work is the children's."""

    job_class = Job

    def __init__(
        self,
        settings: Settings,
        name: str,
        client: Redis,
        nursery: Nursery,
        looper: Looper,
        stop: threading.Event,
        on_ready: Callable[[], None],
        instance: Instance | None = None,
        burst: bool = False,
    ) -> None:
        super().__init__(list(settings.queues), name=name, connection=client, serializer=serializer())
        self._settings = settings
        self._nursery = nursery
        self._looper = looper
        self._stop = stop
        self._on_ready = on_ready
        self._life = Life(client, name)
        self._clock = Clock(client, settings)
        self._owed = Aside("what follows jobs that have ended", lambda: reaper.repeat_old(client))
        self._instance = instance
        self._burst = burst
        self._label = f"[{settings.type}]" if settings.type else f"worker {name}"
        self._leads = False
        self._period = min(TICK, settings.lease / 3)
        self._next_tick = 0.0
        self._born = time.monotonic()
        self._next_beat = self._born + settings.heartbeat
        self._registered = self._known = False
        self._unheard = False
        """Redis has not answered in time: it may be frozen, and another one by now."""
        self.works: bool | None = None
        """Does it run jobs? Not while it stands by; None until it is known."""
        self._ticked: Ticked | None = None
        self._crowded: list[str] = []
        self._deaf = (float("-inf"), "")
        """When Redis last forbade to listen to commands, on the monotonic clock, and its words."""
        self._load: dict[str, Any] = {}

    def run(self) -> None:
        """Tick until ``stop`` is set, then drain. A Redis that is lost, full or read-only is waited for.

        Raises ``HeldElsewhere`` when another holds its type and it is not to stand by.
        """
        try:
            self._keep()
        finally:
            self._stop.set()
            self._drain()

    def _keep(self) -> None:
        delay = LOOK
        while not self._stop.is_set():
            try:
                self._step()
                delay = LOOK
            except RedisError as error:
                delay = min(delay * 2, BACKOFF_CAP, self._settings.lease / 2)
                self._registered = False
                self._unheard = isinstance(error, TimeoutError)
                log.warning("worker %s: %s; next try in %.1f s", self.name, error, delay)
            self._stop.wait(delay)

    def _step(self) -> None:
        if time.monotonic() >= self._next_tick:
            notify.turn()
        works = self._may_work()
        if works and not self._registered:
            self._register()
        if time.monotonic() >= self._next_tick:
            self._tick()
            self._next_tick = time.monotonic() + self._period
        else:
            self._trim()
        if works:
            self._nursery.tend()
        self._load = self._nursery.load
        if works != self.works and (self._nursery.inventory or not works or self._settings.runs == "loops"):
            self.works = works
            if works and self._nursery.inventory:
                self._clock.declare(self._nursery.inventory.schedules)
            self._on_ready()

    def _may_work(self) -> bool:
        """May this worker run jobs: does it hold its type, or need not? One that may not keeps the line as others do,
        and runs nothing."""
        if not self._instance:
            return True
        self._instance.attend()
        if self._instance.is_ours:
            return True
        if self._settings.if_held == "exit" and self._instance.is_held_elsewhere:
            raise HeldElsewhere(f"{self._settings.type} is held by {self._instance.holder}")
        self._nursery.end()
        if self._known:
            self._unregister()
            self.connection.delete(self.key)  # or the tick would keep what is left of it
        return False

    @property
    def state(self) -> dict[str, Any]:
        """What its identity says besides: what it runs, who holds its type, that it starts or stands by."""
        words = dict(self._load)
        if self.works is None:
            words["status"] = "starting"
        elif not self.works:
            words |= {"status": "standby", "queues": ()}
        at, why = self._deaf
        forbidden = f"listen to commands, so none to stop a job or the worker arrives: {why}"
        words["forbidden"] = forbidden if time.monotonic() - at < 2 * DEAF else ""
        if self._instance:
            words |= {"holder": self._instance.holder.worker, "token": self._instance.token}
            words["holder_stays"] = self._instance.never_ends
        return words

    @property
    def counters(self) -> dict[str, int]:
        """Jobs processed and failed, as of the last tick."""
        done, failed = (self._ticked.done, self._ticked.failed) if self._ticked else (0, 0)
        return {"processed": done + failed, "failed": failed}

    def _tick(self) -> None:
        ticked = self._renew()
        self._nursery.lose(ticked.gone)
        self._nursery.suspects = bool({*ticked.suspected} & {*self._settings.queues})
        if self._registered and not ticked.is_known:
            log.warning("%s is no longer registered in Redis; registering it again", self._label)
            self._registered = self._leads = False  # what the scheduler that leads keeps may be gone too
        if ticked.recovered:
            self._life.recovered(ticked.recovered, "what ran it is gone")
        if ticked.owed:
            self._owed.start()
        if ticked.unknown and self.works and (inventory := self._nursery.inventory):
            self._recall(inventory.code, ticked.at)
        if ticked.leads and not self._leads:
            log.info("scheduler: leading")
            self._clock.take_over()
        self._leads = ticked.leads
        self._crowded = ticked.crowded
        if ticked.leads:
            self._clock.tick(ticked)
        if self._burst and self.works:
            self._end_burst([queue for queue, (waiting, _) in ticked.depths.items() if waiting])

    def _end_burst(self, waiting: list[str]) -> None:
        """End where nothing waits that may be taken, and nothing runs or follows from what has ended."""
        paused = gates.closed(self.connection, waiting) if waiting else []
        if len(paused) < len(waiting) or self._nursery.holds_jobs() or self.connection.zcard(keys.OUTBOX):
            return
        if paused:
            left = ", ".join(paused)
            log.warning("%s: the burst is over; jobs are left in what is paused or suspended: %s", self._label, left)
        else:
            log.info("%s: its queues are empty, so the burst is over", self._label)
        self._stop.set()

    def _recall(self, code: str, now: float) -> None:
        """Have jobs go to their queues that waited for a worker that knows their task. One that may run anything cannot
        say what it knows: it tries what has waited for a while."""
        before = now - self._settings.heartbeat if self._settings.allow == "any" else 0.0
        scripts.recall(self.connection, code, self._settings.queues, RECALLED, before)

    def _trim(self) -> None:
        """Where more jobs end than ticks drop, go on in between, in steps as small."""
        keep_last, step = self._settings.keep_last, retention.STEP
        dropped = {queue: scripts.trim(self.connection, queue, keep_last, step) for queue in self._crowded}
        self._crowded = [queue for queue in self._crowded if dropped[queue] >= step]

    def _renew(self) -> Ticked:
        beats = time.monotonic() >= self._next_beat
        executions = self._nursery.executions
        self._ticked = scripts.tick(
            self.connection,
            self.name,
            self._nursery.ids,
            lease=self._settings.lease,
            leader_lease=LEADER_TTL,
            survives=reaper.LOST_LEASES,
            why=reaper.POISON,
            keep_last=self._settings.keep_last,
            count=self._settings.queues if beats or self._burst else (),
            busy=bool(executions),
            shown=[one for one in executions[:SHOWN] if one[2] >= LONG],
        )
        if beats:
            self._next_beat = time.monotonic() + self._settings.heartbeat
            self._say_heartbeat(self._ticked)
        return self._ticked

    def _say_heartbeat(self, ticked: Ticked) -> None:
        logs.say(
            log,
            logging.INFO,
            f"{self._label} heartbeat" + (", standing by" if self.works is False else ""),
            uptime=round(time.monotonic() - self._born),
            **self.counters,
            running=self._nursery.running,
            waiting={queue: waiting for queue, (waiting, _) in ticked.depths.items()},
            active={queue: active for queue, (_, active) in ticked.depths.items()},
        )

    def _register(self) -> None:
        self._known = True
        with suppress(ValueError):  # it is registered already, by a call whose reply was lost
            self.register_birth()
        if not self.pubsub_thread:
            self.subscribe()
        elif self._unheard and self.pubsub and self.pubsub.connection:
            self.pubsub.connection.disconnect()  # who only listens does not notice that nobody is there any more
        self._unheard = False
        self.set_state(WorkerStatus.STARTED)
        self._registered = True
        token = f" as {self.name}, token {self._instance.token}" if self._instance else ""
        log.info("%s registered%s", self._label, token)
        log.info("%s listening on %s", self._label, ", ".join(self.queue_names()))

    def _unregister(self) -> None:
        self.register_death()
        self.unsubscribe()
        self.pubsub_thread = None
        self._registered = self._known = False

    def _drain(self) -> None:
        """Let the children finish, renewing their leases, for the grace; then put back what is left and sign off."""
        self._nursery.ask_to_end()
        deadline = time.monotonic() + self._settings.grace * 0.8
        next_tick = 0.0
        while (self._nursery.is_busy() or self._looper.is_busy()) and time.monotonic() < deadline:
            if self._instance and self._instance.token:
                self._attempt(self._instance.attend, "the lock of its type was not renewed")
            if time.monotonic() >= next_tick:
                notify.turn()
                next_tick = time.monotonic() + self._period
                self._attempt(self._renew, "leases were not renewed")
            time.sleep(LOOK / 2)
        if self._attempt(self._nursery.end, "jobs were not put back; their leases run out by themselves"):
            self._attempt(self._sign_off, "the worker was not signed off")
        self._looper.end()
        if self._instance:
            self._attempt(self._instance.release, "the lock of its type was not given back; it runs out by itself")
        log.info("worker %s stops", self.name)

    def _attempt(self, step: Callable[[], object], otherwise: str) -> bool:
        try:
            step()
        except RedisError as error:
            log.warning("worker %s: %s (%s)", self.name, otherwise, error)
            return False
        return True

    def _sign_off(self) -> None:
        scripts.step_down(self.connection, self.name)
        if self._known:
            self._unregister()

    # What RQ's version of would be unsafe here.

    def _set_connection(self, connection: Redis) -> Redis:
        """Keep the factory's timeouts; RQ would raise them to minutes, for every user of the client."""
        return connection

    def _set_ip_address(self, connection: Redis) -> None:
        """Keep the factory's client name, by which other processes find us."""
        try:
            self.ip_address = str(connection.client_info()["addr"])
        except ResponseError:  # an ACL may forbid to ask
            self.ip_address = "unknown"

    def handle_payload(self, message: Any) -> None:
        """Commands of ``rq.command``. Stopping a job stops that job: RQ would kill the whole process."""
        payload = rq.command.parse_payload(message)
        command, job_id = payload.get("command"), str(payload.get("job_id", ""))
        if command == "shutdown":
            log.info("worker %s: asked to shut down", self.name)
            self._stop.set()
        elif command in ("stop-job", "stop-execution"):
            found = self._nursery.stop_job(job_id)
            log.info(
                "worker %s: asked to stop job %s%s", self.name, job_id, "" if found else ", which does not run here yet"
            )
        elif command == "kill-horse":
            log.info("worker %s: asked to kill its children", self.name)
            self._nursery.signal(signal.SIGKILL)

    def _pubsub_exception_handler(self, exc: Exception, pubsub: PubSub, pubsub_thread: PubSubWorkerThread) -> None:
        """Never end the thread: RQ's dies of a timeout or a read-only server, and the worker is deaf from then on."""
        log.warning("worker %s: commands: %s; listening again in %g s", self.name, exc, DEAF)
        forbidden = kind(exc) == "permission"
        if forbidden:
            self._deaf = (time.monotonic(), said(exc))
        self._stop.wait(DEAF)
        if forbidden:
            pubsub.on_connect(None)  # the connection is as it was: nothing else subscribes again
