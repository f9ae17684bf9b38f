"""What a keeper does once a second, and what passes meanwhile: time, leases, pauses."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobs import keys, scripts
from tests.model.base import pick
from tests.model.model import Execution
from tests.model.state import ENDED, IDS, LANES, LONG_AGO, QUEUES, SURVIVES, TASK, WORKER, lane_of, queue_of
from tests.model.work import Work, children, numbers


class Keeper(Work):
    @rule(
        own=st.lists(children, max_size=3, unique=True), part=st.sampled_from(("recover", "promote", "advance", "", ""))
    )
    def tick(self, own: list[str], part: str) -> None:
        """What a keeper does once a second, or a part of it."""
        if part == "recover":
            self._recover()
        elif part == "promote":
            self._promote(QUEUES[len(own) % 2], 1 if len(own) > 2 else 500)
        elif part == "advance":
            self._advance([*LANES[: 1 + len(own) % 2]])
        else:
            self._tick(own)

    def _lapsed(self, but: list[str]) -> list[str]:
        lost = [child for child, until in self.now.leases.items() if float(until) < LONG_AGO and child not in but]
        return sorted(lost, key=lambda child: float(self.now.leases[child]))

    def _failing(self, held: list[list[Execution]]) -> set[str]:
        """The jobs that have lost a lease too often, of what each lost child held."""
        return {
            one[1]
            for found in held
            for one in found
            if len(found) == 1 and one not in self.model.orphans and self._fails(one[1], "lost_leases")
        }

    def _tick(self, own: list[str]) -> None:
        self.client.set(keys.TICKED, str(self.client.time()[0]))
        lost = self._lapsed(own)
        held = [self.model.executions(child) for child in lost]
        failing = self._failing(held)
        joined: dict[str, list[str]] = {}
        due = {job for queue in QUEUES for job in self.now.due(queue)}
        for key in self.now.all.get(keys.QUEUES, []):
            self._joins(self.now.due(key.rpartition(":")[2]), joined)
        expired = {job for queue in QUEUES for kind in ENDED for job in self.now.expired(kind, queue)}
        going = {job for job in expired if self.now.may_go(job)}
        found = scripts.tick(self.client, WORKER, own, lease=600, leader_lease=10, survives=SURVIVES, why=b"lost")
        assert found.gone == [child for child in own if child not in self.now.leases]
        self.model.granted -= set(lost)
        laned = {job for job in IDS if lane_of(job)}
        back = self._put_back(held, failing, due | laned | expired, joined, going)
        self._gone(going)
        assert {job for job in back if self.was.status(job) == "started"} <= set(found.recovered)
        for job in due:
            assert "scheduled" not in self.now.registries(job), f"{job} was due and is still scheduled"
            assert job in found.moved or self.was.status(job) != "scheduled"
        for lane in LANES:
            self._lane_goes_on(lane)

    def _recover(self) -> None:
        lost = self._lapsed([])
        held = [self.model.executions(child) for child in lost]
        failing = self._failing(held)
        scripts.recover(self.client, SURVIVES, b"lost")
        self.model.granted -= set(lost)
        self._put_back(held, failing)

    def _advance(self, lanes: list[str]) -> None:
        scripts.advance(self.client, lanes)
        self._step({job for job in IDS if lane_of(job) in lanes})
        self._queues_grow({}, [])
        for lane in lanes:
            self._lane_goes_on(lane)

    def _scheduled(self) -> list[str]:
        return sorted(job for queue in QUEUES for job in self.now.registry("scheduled", queue))

    @precondition(lambda self: self._scheduled())
    @rule(number=numbers)
    def time_passes(self, number: int) -> None:
        """A scheduled job is due."""
        job = pick(self._scheduled(), number)
        self.clock += 1
        self.client.zadd(keys.registry("scheduled", queue_of(job)), {job: self.clock})
        self._step(set())

    @precondition(lambda self: self.now.parked())
    @rule(queue=st.sampled_from(("", *QUEUES)), known=st.booleans(), most=st.sampled_from((1, 99)))
    def recall(self, queue: str, known: bool, most: int) -> None:
        """A worker comes that serves queues, and that may know the task for which jobs wait."""
        serves = [queue] if queue else [*QUEUES]
        self.client.sadd(keys.task_names("knows"), TASK)
        looked_at = self.now.parked()[:most] if known else []
        going = [job for job in looked_at if queue_of(job) in serves and self.now.is_parked(job)]
        joined: dict[str, list[str]] = {}
        self._joins(going, joined)
        assert scripts.recall(self.client, "knows" if known else "another", serves, most) == going
        self._step({*going}, joined)
        self._queues_grow({}, going)
        for job in going:
            assert self.now.status(job) in ("queued", "deferred"), f"{job} is {self.now.status(job)}"
            assert not self.now.is_parked(job)

    def _promote(self, queue: str, limit: int) -> None:
        due = self.now.due(queue)[:limit]
        joined: dict[str, list[str]] = {}
        self._joins(due, joined)
        moved = scripts.promote(self.client, queue, limit)
        assert moved == sum(self.now.status(job) == "scheduled" for job in due)
        self._step(set(due), joined)
        assert not set(due) & set(self.now.registry("scheduled", queue)), (
            "a job that was handed over is still scheduled"
        )
        self._queues_grow({}, due)

    def _joins(self, due: list[str], joined: dict[str, list[str]]) -> None:
        for job in due:
            lane = lane_of(job)
            if not lane or self.now.status(job) != "scheduled":
                continue
            if job not in self.now.lanes[lane] + joined.get(lane, []):
                joined.setdefault(lane, []).append(job)

    def _lease(self, child: str, what: str) -> None:
        if what == "runs out":
            self.clock += 1
            self.client.zadd(keys.LEASES, {child: self.clock}, xx=True)
        elif what == "grant":
            scripts.grant(self.client, child, 600)
            self.model.granted.add(child)
        else:
            idle = not self.model.held[child]
            assert scripts.retire(self.client, child) is idle
            self.model.granted -= {child} if idle else set()
        self._step(set())

    def _pause(self, queue: str, on: bool) -> None:
        """One queue, or, as ``rq suspend`` does, everything."""
        if queue:
            (self.client.sadd if on else self.client.srem)(keys.PAUSED, queue)
        else:
            self.client.set(keys.SUSPENDED, 1) if on else self.client.delete(keys.SUSPENDED)
        self._step(set())
