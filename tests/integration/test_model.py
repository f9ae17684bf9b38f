"""The engine's scripts, driven at random on a real server, against what must always hold.

``Model`` knows what a reader of ARCHITECTURE.md would: which jobs were accepted, in what order, and which child holds
what. ``Machine`` acts, as keepers, children and stock RQ tools do, and compares after each step. ``MUTANTS`` are
planted bugs: the machine must find each of them, or it proves nothing.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import rq.job
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis import Redis
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
)
from rq.serializers import JSONSerializer

from jobs import keys, scripts
from jobs.scripts import Claimed, Held, NewJob, Outcome, Settlement, Value, call

EXAMPLES, STEPS = 110, 100
WORKER, CHILDREN, QUEUES, LANES = "w", ("w.1", "w.2", "w.3"), ("high", "low"), ("a", "b")
IDS = [f"{lane}{number}" for number in range(4) for lane in (*LANES, "x")]
SURVIVES = 1
REGISTRY: dict[str, type[BaseRegistry]] = {
    "deferred": DeferredJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "finished": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "canceled": CanceledJobRegistry,
}
KINDS = {status: status for status in REGISTRY} | {"stopped": "failed"}
"""In which of RQ's registries a job of each status is."""
OVER = ("finished", "failed", "stopped", "canceled", None)
LOOK = """
local read = { list = { 'LRANGE', 0, -1 }, zset = { 'ZRANGE', 0, -1, 'WITHSCORES' }, hash = { 'HGETALL' },
  set = { 'SMEMBERS' }, stream = { 'XLEN' }, string = { 'GET' } }
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  found[key] = { kind, redis.call(read[kind][1], key, unpack(read[kind], 2)) }
end
return cjson.encode(found)
"""

Wanted = tuple[str, bool, bool, int, int, bool]
"""A job, and is it delayed, at the front, how often it is tried again, after how long, is its result kept."""
Execution = tuple[str, str, str]
"""Child, job, token."""


def lane_of(job: str) -> str:
    return job[0] if job[0] in LANES else ""


def queue_of(job: str) -> str:
    return QUEUES[int(job[1]) % 2]


class State:
    """All that the server has."""

    def __init__(self, client: Redis, look: str) -> None:
        raw = json.loads(cast(bytes, client.evalsha(look, 0)).decode("latin-1"))
        self.all: dict[str, Any] = {
            key: dict(zip(value[::2], value[1::2], strict=True)) if kind in ("hash", "zset") else value
            for key, (kind, value) in raw.items()
        }
        self.jobs = {job: self.all[keys.job(job)] for job in IDS if keys.job(job) in self.all}
        self.queues: dict[str, list[str]] = {name: self.all.get(keys.queue(name), []) for name in QUEUES}
        self.lanes: dict[str, list[str]] = {name: self.all.get(keys.lane(name), []) for name in LANES}
        self.held: dict[str, dict[str, str]] = {
            child: {job: held.partition(":")[0] for job, held in self.all.get(keys.held(child), {}).items()}
            for child in CHILDREN
        }
        self.leases: dict[str, str] = self.all.get(keys.LEASES, {})

    def status(self, job: str) -> str | None:
        return self.jobs[job]["status"] if job in self.jobs else None

    def number(self, job: str, name: str) -> int:
        return int(self.jobs[job].get(name) or 0)

    def suspects(self, job: str) -> bool:
        return "suspect" in self.jobs.get(job, {})

    def registry(self, kind: str, queue: str) -> dict[str, str]:
        return cast(dict[str, str], self.all.get(keys.registry(kind, queue), {}))

    def registries(self, job: str) -> set[str]:
        return {kind for kind in REGISTRY for queue in QUEUES if job in self.registry(kind, queue)}

    def waits(self, job: str) -> int:
        return sum(queue.count(job) for queue in self.queues.values())

    def place(self, job: str) -> tuple[object, ...]:
        holders = tuple(held.get(job) for held in self.held.values())
        return self.status(job), self.registries(job), self.waits(job) > 0, holders

    def due(self, queue: str) -> list[str]:
        """The scheduled jobs that are due, oldest first."""
        scheduled = self.registry("scheduled", queue)
        return sorted((job for job in scheduled if float(scheduled[job]) < 1e6), key=lambda job: float(scheduled[job]))


@dataclass
class Model:
    """What must hold, without a server."""

    held: dict[str, dict[str, str]] = field(default_factory=lambda: {child: {} for child in CHILDREN})
    granted: set[str] = field(default_factory=set)
    past: list[Execution] = field(default_factory=list)
    orphans: set[Execution] = field(default_factory=set)
    """Executions whose job was deleted; its id may be another job's by now."""
    canceled: set[Execution] = field(default_factory=set)
    """Executions whose job was canceled: RQ does not stop them, and the lane goes on beside them."""
    tampered: set[str] = field(default_factory=set)
    """Jobs that a tool has touched, until they are again as if it had not."""
    waiting: dict[str, list[str]] = field(default_factory=lambda: {lane: [] for lane in LANES})
    """Jobs of a lane that were accepted for now, no tool has touched, and have not started, in that order."""
    token: int = 0

    def executions(self, child: str = "") -> list[Execution]:
        """What children hold, first given first."""
        found = [(one, *pair) for one in CHILDREN if child in ("", one) for pair in self.held[one].items()]
        return sorted(found, key=lambda one: int(one[2]))

    def holders(self, job: str) -> list[str]:
        return [one[0] for one in self.executions() if one[1] == job and one not in self.orphans]

    def ends(self, one: Execution) -> None:
        del self.held[one[0]][one[1]]
        self.past.append(one)

    def touched(self, job: str) -> None:
        self.tampered.add(job)
        if job in self.waiting.get(lane_of(job), ()):
            self.waiting[lane_of(job)].remove(job)

    def starts(self, child: str, one: Claimed) -> None:
        assert int(one.token) > self.token, f"token {one.token} of {one.id} is not after {self.token}"
        assert not self.holders(one.id), f"{one.id} is given to {child} and {self.holders(one.id)} hold it"
        self.token = int(one.token)
        if one.id in self.held[child]:
            self.ends((child, one.id, self.held[child][one.id]))
        if one.id in (waiting := self.waiting.get(lane_of(one.id), [])):
            assert waiting[0] == one.id, f"{one.id} starts before {waiting[0]}, which was accepted before it"
            waiting.pop(0)
        self.held[child][one.id] = one.token

    def claimable(
        self, state: State, child: str, names: list[str], wanted: int
    ) -> tuple[list[str], dict[str, list[str]], dict[str, list[str]]]:
        """What a claim must give; who joins which lane; and what is left in the queues."""
        given: list[str] = []
        joined: dict[str, list[str]] = {}
        deferred: list[str] = []
        lanes, left = {lane: [*state.lanes[lane]] for lane in LANES}, dict(state.queues)
        busy = list(self.held[child])
        full = len(busy) == 1 and state.suspects(busy[0])
        for name in names:
            if full:
                break
            popped, left[name] = left[name][: wanted - len(given)], left[name][wanted - len(given) :]
            for at, job in enumerate(popped):
                if state.status(job) != "queued" or job in given + deferred or self.holders(job):
                    continue
                lane = lanes.get(lane_of(job), [job])
                if lane[:1] == [job]:
                    full = state.suspects(job)
                    fits = not (full and busy + given)
                    given += [job] * fits
                    if full:
                        left[name] = [*popped[at + fits :], *left[name]]
                        break
                    continue
                if job not in lane:
                    lane.append(job)
                    joined.setdefault(lane_of(job), []).append(job)
                if lane[0] == job:
                    left[name] = [*left[name], job]
                else:
                    deferred.append(job)
        return given, joined, left

    def check(self, state: State) -> None:
        """The invariants."""
        assert state.held == self.held, "the server and the children differ about who holds what"
        assert set(state.leases) == self.granted, "leases are not those of granted children"
        for child in CHILDREN:
            assert not self.held[child] or child in self.granted, f"{child} holds jobs that nobody would recover"
        for queue in QUEUES:
            wip = {f"{job}:{token}" for _, job, token in self.executions() if queue_of(job) == queue}
            assert set(state.registry("wip", queue)) == wip, "wip is not what children hold"
        for lane in LANES:
            assert not state.lanes[lane] or lane in state.all[keys.LANES], f"no sweep would find lane {lane}"
            running = [one for one in self.executions() if lane_of(one[1]) == lane]
            running = [one for one in running if one not in self.orphans | self.canceled]
            assert len(running) < 2, f"{running} of lane {lane} run at once"
        for job in IDS:
            self.check_weakly(state, job)
            if why := self.oddity(state, job):
                assert job in self.tampered, f"{job}, which no tool has touched: {why}"
            else:
                self.tampered.discard(job)

    def check_weakly(self, state: State, job: str) -> None:
        """What holds of a job whatever tools have done to it: it is not lost, and not held twice."""
        status, holders = state.status(job), self.holders(job)
        assert len(holders) < 2, f"{job} is held by {holders}"
        assert status != "started" or holders, f"{job} is started and nobody holds it"
        assert status != "queued" or holders or state.waits(job), f"{job} is queued, in no queue and held by nobody"
        if status in ("scheduled", "deferred"):
            assert status in state.registries(job), f"{job} is {status} and not in that registry"
        if status == "deferred":
            assert job in state.lanes[lane_of(job)], f"{job} is deferred and not in its lane"

    def oddity(self, state: State, job: str) -> str:
        """In what a job differs from one that only the scripts have touched."""
        status, lane = state.status(job), state.lanes.get(lane_of(job))
        kinds = {KINDS[status]} if status in KINDS else set()
        if state.registries(job) != kinds:
            return f"{status}, and in {state.registries(job)}"
        if state.waits(job) != (status == "queued"):
            return f"{status}, and {state.waits(job)} times in queues"
        if bool(self.holders(job)) != (status == "started") or any(one[1] == job for one in self.orphans):
            return f"{status}, and held by {self.holders(job)}"
        if lane is None:
            return ""
        goes = status in ("queued", "started") or (status == "scheduled" and state.jobs[job].get("ended_at"))
        if lane.count(job) > 1 or (goes and lane[:1] != [job]):
            return f"{status}, and so in its lane {lane}"
        return f"{status}, and in its lane {lane}" if status is None and job in lane else ""


def pick(found: list[Any], number: int) -> Any:
    return found[number % len(found)]


numbers = st.integers(0, 63)
children = st.sampled_from(CHILDREN)
new_jobs = st.tuples(
    st.sampled_from(IDS), st.booleans(), st.booleans(), st.integers(0, 2), st.sampled_from((0, 60)), st.booleans()
)
outcomes = st.sampled_from(
    [("finished", 0.0), ("failed", 0.0), ("failed", scripts.FINAL), ("stopped", 0.0), ("retried", 60.0)]
)


def tried_again(state: State, job: str, outcome: Outcome, after: float) -> bool:
    """Does a job that ends so go back for another attempt?"""
    left = bool(state.jobs.get(job)) and state.number(job, "retries_left") > 0
    return outcome == "retried" or (outcome == "failed" and left and after != scripts.FINAL)


class Machine(RuleBasedStateMachine):
    steps = 0

    def __init__(self, client: Redis) -> None:
        super().__init__()
        self.client = client
        client.flushdb()
        self.look = client.script_load(LOOK)
        self.model = Model()
        self.clock = 0
        self.was = self.now = State(client, self.look)
        for child in CHILDREN[:2]:
            scripts.grant(client, child, 600)
            self.model.granted.add(child)
        self.now = State(client, self.look)

    # What keepers, children and clients do.

    @rule(wanted=st.lists(new_jobs, min_size=2, max_size=6), number=numbers, many=st.integers(0, 2))
    def admit(self, wanted: list[Wanted], number: int, many: int) -> None:
        self._admit(wanted)
        self._claims(number, many)

    def _claims(self, number: int, many: int) -> None:
        """Children take work: most things happen to what runs."""
        for again in range(many):
            self._claim(pick(self._live(), number + again), [*QUEUES], 2, 1 + number % 5)

    def _live(self) -> list[str]:
        return [child for child in CHILDREN if float(self.now.leases.get(child, 0)) > 1e6] or [*CHILDREN]

    def _admit(self, wanted: list[Wanted]) -> None:
        batch, expected, left = [], [], {name: [*queue] for name, queue in self.now.queues.items()}
        joined: dict[str, list[str]] = {}
        for job, delayed, front, retries, backoff, keep in wanted:
            lane = lane_of(job)
            fields: dict[str, Value] = {"data": b"[]", "timeout": 60, "result_ttl": 500 if keep else 0}
            fields |= {"retries_left": retries, "retry_intervals": json.dumps([backoff] * retries)} if retries else {}
            fields |= {"key": lane} if lane else {}
            batch.append(NewJob(job, queue_of(job), fields, lane, 3600.0 * delayed, front))
            new = job not in self.now.jobs and job not in [one.id for one in batch[:-1]]
            expected.append(new)
            if new and not delayed:
                free = not (lane and self.now.lanes[lane] + joined.get(lane, []))
                if lane:
                    joined.setdefault(lane, []).append(job)
                    if job not in self.model.tampered:
                        self.model.waiting[lane].append(job)
                if free:
                    left[queue_of(job)].insert(0 if front else len(IDS) * 9, job)
        assert scripts.admit(self.client, batch) == expected
        self._step({job.id for job, new in zip(batch, expected, strict=True) if new}, joined)
        assert self.now.queues == left
        for (job, delayed, *_), new in zip(wanted, expected, strict=True):
            assert not new or self.now.status(job) in (["scheduled"] if delayed else ["queued", "deferred"])

    @rule(number=numbers, names=st.permutations(QUEUES), many=st.integers(1, 2), wanted=st.integers(1, 5))
    def claim(self, number: int, names: list[str], many: int, wanted: int) -> None:
        self._claim(pick([*CHILDREN, *3 * self._live()], number), names, many, wanted)

    def _claim(self, child: str, names: list[str], many: int, wanted: int) -> None:
        open_ = [name for name in names[:many] if name not in self.now.all.get(keys.PAUSED, [])]
        found = scripts.claim(self.client, WORKER, child, names[:many], wanted)
        if float(self.now.leases.get(child, 0)) < 1e6 or keys.SUSPENDED in self.now.all:
            assert found == ([] if child in self.now.leases else None)
            self._unchanged()
            return
        given, joined, left = self.model.claimable(self.now, child, open_, wanted)
        assert found is not None
        for one in found:
            self.model.starts(child, one)
        self._step({job for name in open_ for job in self.now.queues[name][:wanted]}, joined)
        assert [one.id for one in found] == given
        assert self.now.queues == left
        assert all(self.now.status(job) == "started" for job in given)

    @precondition(lambda self: self.model.executions())
    @rule(number=numbers, many=st.integers(1, 3), outcome=outcomes)
    def settle(self, number: int, many: int, outcome: tuple[Outcome, float]) -> None:
        child, *_ = pick(self.model.executions(), number)
        ended = self.model.executions(child)[:many]
        self._settle(child, ended, outcome)

    def _settle(self, child: str, ended: list[Execution], outcome: tuple[Outcome, float]) -> None:
        replies = scripts.settle(
            self.client,
            WORKER,
            child,
            [Settlement(job, token, outcome[0], b"", 1, 2, outcome[1]) for _, job, token in ended],
        )
        for one, reply in zip(ended, replies, strict=True):
            assert one in self.model.orphans or reply == (3 if tried_again(self.now, one[1], *outcome) else 1)
        own = [one[1] for one in ended if one not in self.model.orphans]
        for one in ended:
            self.model.ends(one)
        self._step({one[1] for one in ended} | self._mates(own))
        for job in own:
            assert self.now.status(job) in self._endings(job, *outcome)
            if self.was.status(job) == "started" and self.now.status(job) in OVER:
                self._lane_goes_on(lane_of(job))
        self._queues_grow({}, own)
        for _, job, _ in ended:
            if job not in own + list(self._mates(own)):
                assert self.now.place(job)[:3] == self.was.place(job)[:3], f"{job} is another job by now"

    def _endings(self, job: str, outcome: Outcome, after: float) -> list[str | None]:
        """What may become of a job; a mate that ends in the same call may have let it go already."""
        left, delays = self.was.number(job, "retries_left"), self.was.jobs[job].get("retry_intervals")
        if outcome == "finished":
            return ["finished" if self.was.number(job, "result_ttl") else None]
        if outcome == "retried":
            return ["scheduled" if after else "queued"]
        if tried_again(self.was, job, outcome, after):
            assert self.now.number(job, "retries_left") == left - 1
            return ["scheduled" if json.loads(delays)[0] else "queued"]
        return [outcome]

    @precondition(lambda self: self.model.past or self.model.executions())
    @rule(number=numbers, outcome=outcomes, other=children, settles=st.booleans())
    def act_with_a_stale_token(self, number: int, outcome: tuple[Outcome, float], other: str, settles: bool) -> None:
        current = self.model.executions()
        stolen = [(other, job, token) for _, job, token in current if (other, job, token) not in current]
        again = [one for one in self.model.past if one[1] in self.model.held[one[0]]]
        if not (found := again or self.model.past[-8:] + stolen):
            return
        child, job, token = pick(found, number)
        if settles:
            assert scripts.settle(self.client, WORKER, child, [Settlement(job, token, outcome[0], b"", 1, 2)]) == [0]
        else:
            assert scripts.release(self.client, child, [Held(job, token, True, b"why")], SURVIVES) == (0, 0)
        self._unchanged(refused=int(settles))

    @precondition(lambda self: self.model.executions())
    @rule(number=numbers, charged=st.lists(st.booleans(), min_size=1, max_size=4))
    def release(self, number: int, charged: list[bool]) -> None:
        child, *_ = pick(self.model.executions(), number)
        back = self.model.executions(child)[: len(charged)]
        failing = {
            one[1]
            for one, blamed in zip(back, charged, strict=False)
            if blamed and one not in self.model.orphans and self._fails(one[1], "interruptions")
        }
        held = [Held(job, token, blamed, b"why") for (_, job, token), blamed in zip(back, charged, strict=False)]
        scripts.release(self.client, child, held, SURVIVES)
        self._put_back([back], failing)

    def _fails(self, job: str, counter: str) -> bool:
        return self.now.status(job) == "started" and self.now.number(job, counter) + 1 > SURVIVES

    def _put_back(
        self, held: list[list[Execution]], failing: set[str], others: set[str] | None = None, joined: Any = None
    ) -> list[str]:
        """After jobs were taken from children, one after another: each is where it was, or failed. Those put back."""
        back = [one for executions in held for one in executions]
        own = [[one[1] for one in executions if one not in self.model.orphans] for executions in held]
        for one in back:
            self.model.ends(one)
        mine = {one[1] for one in back}
        self._step(mine | self._mates(mine) | (others or set()), joined)
        fronts: dict[str, list[str]] = {name: [] for name in QUEUES}
        for jobs in own:
            for job in reversed(jobs):
                if job in failing:
                    assert self.now.status(job) == "failed"
                    self._lane_goes_on(lane_of(job))
                elif self.was.status(job) == "started" or (
                    self.was.status(job) == "queued" and not self.was.waits(job)
                ):
                    fronts[queue_of(job)].insert(0, job)
                    assert self.now.status(job) == "queued" or others
                elif self.was.status(job) != "queued":
                    assert self.now.status(job) == self.was.status(job)
        self._queues_grow(fronts, others or set())
        own_jobs = {job for jobs in own for job in jobs}
        for job in mine - own_jobs - self._mates(own_jobs) - (others or set()):
            assert self.now.place(job)[:3] == self.was.place(job)[:3], f"{job} is another job by now"
        return [job for front in fronts.values() for job in front]

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
        lost = [child for child, until in self.now.leases.items() if float(until) < 1e6 and child not in but]
        return sorted(lost, key=lambda child: float(self.now.leases[child]))

    def _tick(self, own: list[str]) -> None:
        self.client.set(keys.TICKED, str(self.client.time()[0]))
        lost = self._lapsed(own)
        held = [self.model.executions(child) for child in lost]
        failing = {
            one[1]
            for found in held
            for one in found
            if len(found) == 1 and one not in self.model.orphans and self._fails(one[1], "lost_leases")
        }
        joined: dict[str, list[str]] = {}
        due = {job for queue in QUEUES for job in self.now.due(queue)}
        for key in self.now.all.get(keys.QUEUES, []):
            self._joins(self.now.due(key.rpartition(":")[2]), joined)
        found = scripts.tick(self.client, WORKER, own, lease=600, leader_lease=10, survives=SURVIVES, why=b"lost")
        assert found.gone == [child for child in own if child not in self.now.leases]
        self.model.granted -= set(lost)
        laned = {job for job in IDS if lane_of(job)}
        back = self._put_back(held, failing, due | laned, joined)
        assert {job for job in back if self.was.status(job) == "started"} <= set(found.recovered)
        for job in due:
            assert "scheduled" not in self.now.registries(job), f"{job} was due and is still scheduled"
            assert job in found.moved or self.was.status(job) != "scheduled"
        for lane in LANES:
            self._lane_goes_on(lane)

    def _recover(self) -> None:
        lost = self._lapsed([])
        held = [self.model.executions(child) for child in lost]
        failing = {
            one[1]
            for found in held
            for one in found
            if len(found) == 1 and one not in self.model.orphans and self._fails(one[1], "lost_leases")
        }
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

    def _promote(self, queue: str, limit: int) -> None:
        due = self.now.due(queue)[:limit]
        joined: dict[str, list[str]] = {}
        self._joins(due, joined)
        moved = scripts.promote(self.client, queue, limit)
        assert moved.moved == sum(self.now.status(job) == "scheduled" for job in due)
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

    # What stock RQ tools and operators do.

    @precondition(lambda self: self._at_rest())
    @rule(number=numbers, front=st.booleans(), many=st.integers(0, 2))
    def requeue_by_rq(self, number: int, front: bool, many: int) -> None:
        job = pick(self._at_rest(), number)
        kind = REGISTRY[KINDS[self.now.status(job) or ""]]
        kind(queue_of(job), self.client, serializer=JSONSerializer).requeue(job, at_front=front)
        self._touched(job)
        self._claims(number, many)

    def _at_rest(self) -> list[str]:
        return [job for job in self.now.jobs if KINDS.get(self.now.status(job) or "") in self.now.registries(job)]

    @precondition(lambda self: self.model.executions())
    @rule(number=numbers, front=st.booleans(), many=st.integers(0, 2))
    def push_what_runs(self, number: int, front: bool, many: int) -> None:
        _, job, _ = pick(self.model.executions(), number)
        if job not in self.now.jobs:
            return
        self.client.hset(keys.job(job), "status", "queued")
        (self.client.lpush if front else self.client.rpush)(keys.queue(queue_of(job)), job)
        self._touched(job)
        self._claims(number, many)

    @precondition(lambda self: self.now.jobs)
    @rule(number=numbers)
    def cancel_by_rq(self, number: int) -> None:
        job = pick(sorted(self.now.jobs), number)
        if self.now.status(job) != "canceled":
            self._fetch(job).cancel()
            self.model.canceled |= {one for one in self.model.executions() if one[1] == job}
            self._touched(job)

    @precondition(lambda self: self.now.jobs)
    @rule(number=numbers, by_rq=st.booleans(), runs=st.booleans(), again=st.booleans(), many=st.integers(0, 2))
    def delete(self, number: int, by_rq: bool, runs: bool, again: bool, many: int) -> None:
        """A job goes, perhaps while it runs, and perhaps its id is used again."""
        running = [job for job in sorted(self.now.jobs) if runs and self.model.holders(job)]
        job = pick(running or sorted(self.now.jobs), number)
        if by_rq:
            self._fetch(job).delete()
        else:
            self.client.delete(keys.job(job))
        self.model.orphans |= {one for one in self.model.executions() if one[1] == job}
        self._touched(job)
        if again:
            self._admit([(job, False, False, 0, 0, True)])
        self._claims(number, many)

    def _fetch(self, job: str) -> rq.job.Job:
        return rq.job.Job.fetch(job, self.client, JSONSerializer)

    def _touched(self, job: str) -> None:
        self.model.touched(job)
        self._step({job})

    @rule(child=children, queue=st.sampled_from(("", *QUEUES)), number=st.integers(0, 7))
    def turn(self, child: str, queue: str, number: int) -> None:
        """Leases come and go, queues are closed and opened."""
        if number < 6:
            self._lease(child, ("runs out", "retire", "grant")[number % 3])
        else:
            self._pause(queue, number == 7)

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

    # What is compared.

    def _step(self, may_change: set[str], joined: dict[str, list[str]] | None = None) -> None:
        """Look at the server again: nothing else has changed, lanes are first in first out, and the model holds."""
        type(self).steps += 1
        self.was, self.now = self.now, State(self.client, self.look)
        self.model.orphans &= set(self.model.executions())
        for job in IDS:
            if job not in may_change:
                assert self.now.place(job) == self.was.place(job), f"{job} has changed"
        for lane in LANES:
            before, after, new = self.was.lanes[lane], self.now.lanes[lane], (joined or {}).get(lane, [])
            gone = len(before) + len(new) - len(after)
            assert [*before, *new][gone:] == after, f"lane {lane} was {before}, {new} joined, and is {after}"
            for job in [*before, *new][:gone]:
                assert self.now.status(job) in OVER, f"{job} left lane {lane} and is {self.now.status(job)}"
        self.model.check(self.now)

    def _unchanged(self, refused: int = 0) -> None:
        """Nothing but the count of refused results, where there were such."""
        self._step(set())
        assert {**self.now.all, keys.METERS: {}} == {**self.was.all, keys.METERS: {}}
        counts = [int(one.all.get(keys.METERS, {}).get("refused", 0)) for one in (self.was, self.now)]
        assert counts[1] - counts[0] == refused

    def _mates(self, of: Any) -> set[str]:
        return {job for job in IDS if lane_of(job) and lane_of(job) in {lane_of(one) for one in of}}

    def _lane_goes_on(self, lane: str) -> None:
        if lane and self.now.lanes[lane]:
            status = self.now.status(self.now.lanes[lane][0])
            assert status not in (*OVER, "deferred"), f"lane {lane} stands still: its head is {status}"

    def _queues_grow(self, fronts: dict[str, list[str]], others: Any) -> None:
        """Queues are as before, with ``fronts`` before that, and after it what may go or was let go."""
        for name in QUEUES:
            front = fronts.get(name, [])
            expected = front + self.was.queues[name]
            found = self.now.queues[name]
            assert found[: len(expected)] == expected, (
                f"{name} was {self.was.queues[name]}, is {found}, not {expected}…"
            )
            for job in found[len(expected) :]:
                assert job in others or self.was.status(job) == "deferred", f"{job} came to {name}"

    def teardown(self) -> None:
        """Nothing is stuck: when everybody does his part, every job comes to its end."""
        if sys.exc_info()[0]:
            return
        for queue in ("", *QUEUES):
            self._pause(queue, False)
        for child in CHILDREN:
            self._lease(child, "grant")
        for _ in range(2 * len(IDS)):
            for child in CHILDREN:
                if ended := self.model.executions(child):
                    self._settle(child, ended, ("finished", 0.0))
            for number, _ in enumerate(self._scheduled()):
                self.time_passes(number)
            self._tick([*CHILDREN])
            self._claim(CHILDREN[0], [*QUEUES], 2, 5)
            if not any(self.now.queues.values()) and not self.model.executions():
                break
        stuck = {job: self.now.status(job) for job in IDS if self.now.status(job) not in OVER}
        assert not stuck, f"never over: {stuck}"


def drive(client: Redis, examples: int, **options: Any) -> None:
    run_state_machine_as_test(
        cast(Any, lambda: Machine(client)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


def test_every_step_keeps_what_must_hold(client: Redis) -> None:
    Machine.steps = 0
    drive(client, EXAMPLES, phases=[Phase.generate, Phase.shrink])
    assert Machine.steps >= 10_000


# What the model has found.


def given(client: Redis, child: str, job: str = "x0") -> Claimed:
    """A job, accepted if need be, and run by a child."""
    scripts.grant(client, child, 60)
    scripts.admit(client, [NewJob(job, queue_of(job), {"data": b"[]", "timeout": 60})])
    found = scripts.claim(client, WORKER, child, [queue_of(job)], 1)
    assert found
    return found[0]


def settled(client: Redis, child: str, one: Claimed) -> None:
    scripts.settle(client, WORKER, child, [Settlement(one.id, one.token, "finished", b"", 1, 2)])


def test_a_job_that_was_pushed_while_it_ran_is_not_lost_with_its_child(client: Redis) -> None:
    one = given(client, "w.1")
    client.hset(keys.job("x0"), "status", "queued")
    client.rpush(keys.queue("high"), "x0")
    assert scripts.claim(client, WORKER, "w.1", ["high"], 1) == []
    scripts.release(client, "w.1", [Held("x0", one.token, False)], SURVIVES)
    assert client.lrange(keys.queue("high"), 0, -1) == [b"x0"]


@pytest.mark.parametrize("end", ["settle", "release", "recover"])
def test_a_job_that_was_deleted_while_it_ran_leaves_nothing_in_wip(client: Redis, end: str) -> None:
    one = given(client, "w.1")
    client.delete(keys.job("x0"))
    if end == "settle":
        settled(client, "w.1", one)
    elif end == "release":
        scripts.release(client, "w.1", [Held("x0", one.token, False)], SURVIVES)
    else:
        client.zadd(keys.LEASES, {"w.1": 1})
        scripts.recover(client, SURVIVES, b"lost")
    assert client.zrange(keys.registry("wip", "high"), 0, -1) == []


def test_an_execution_whose_job_was_deleted_does_not_end_the_next_job_of_that_id(client: Redis) -> None:
    old = given(client, "w.1")
    client.delete(keys.job("x0"))
    new = given(client, "w.2")
    settled(client, "w.1", old)
    assert client.hget(keys.job("x0"), "status") == b"started"
    settled(client, "w.2", new)
    assert client.hget(keys.job("x0"), "status") == b"finished"


def test_an_execution_whose_job_was_deleted_does_not_take_the_next_job_of_that_id_back(client: Redis) -> None:
    old = given(client, "w.1")
    client.delete(keys.job("x0"))
    given(client, "w.2")
    scripts.release(client, "w.1", [Held("x0", old.token, False)], SURVIVES)
    assert client.hget(keys.job("x0"), "status") == b"started"
    assert client.lrange(keys.queue("high"), 0, -1) == []


# Planted bugs, each as what is replaced by what in the scripts.

Mutation = tuple[tuple[str, str], ...]
PUSH = "redis.call('LPUSH', prefix .. ':queue:' .. queue, id)\n  return hash"
MUTANTS: dict[str, Mutation] = {
    "admit lets every job of a lane go": (("'lane:' .. lane, id) == 1", "'lane:' .. lane, id) >= 1"),),
    "claim does not check the lease": (("tonumber(lease) <= now", "false"),),
    "claim does not check the status": (("if status ~= 'queued'", "if not status"),),
    "claim does not check who holds it": (("return holder and redis", "return false and redis"),),
    "claim does not check the head of the lane": (("lane, 0) == id then return true", "lane, 0) then return true"),),
    "claim does not check what is paused": (("and redis.call('SISMEMBER', KEYS[5], queue) == 0", ""),),
    "claim does not count": (("redis.call('INCRBY', KEYS[3], #ids)", "#ids"),),
    "settle does not check the token": (("if token_held == token and", "if token_held and"),),
    "settle leaves the job in wip": (("later(running, queue, id .. ':' .. token)", ""),),
    "settle does not let the lane go on": (
        ("advance(prefix, lane, now, stamp) end\n  return followed", "end return followed"),
    ),
    "put_back puts at the end": ((PUSH, PUSH.replace("LPUSH", "RPUSH")),),
    "put_back does not check the status": (("if status ~= 'started' or execution ~= token then return nil end", ""),),
    "put_back does not check the token": (
        ("if token_held ~= token then return nil end", "if not queue then return nil end"),
    ),
    "release turns the order round": (("for at = #ARGV - 3, 4, -4 do", "for at = 4, #ARGV - 3, 4 do"),),
    "recover turns the order round": (("tonumber(a[2]) > tonumber(b[2])", "tonumber(a[2]) < tonumber(b[2])"),),
    "recover does not delete what was held": (("redis.call('HDEL', held, id)", ""), ("redis.call('DEL', key)", "")),
    "recover fails who was not alone": (("lost > limit and #executions == 1", "lost > limit"),),
    "claim gives a suspect company": (("if job[7] and busy + #holds > 0 then", "if false then"),),
    "recover leaves the lease": (("redis.call('ZREM', leases, child)", ""),),
    "poison leaves the job in its queue": (("redis.call('LREM', prefix .. ':queue:' .. queue, 1, id)", ""),),
    "advance pops a head that runs": (("if status and queue and not OVER[status] then return false end", ""),),
    "advance leaves the job deferred": (("redis.call('ZREM', prefix .. ':deferred:' .. queue, id)", ""),),
    "place has a job join twice": (("if not head or not redis.call('LPOS', list, id) then", "if true then"),),
    "hand_over does not remove what is due": (("redis.call('ZREM', prefix .. ':scheduled:' .. queue, id)", ""),),
    "hand_over takes what is not scheduled": (("if status ~= 'scheduled' then return false end", ""),),
    "retire does not ask": (("if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end", ""),),
}


@pytest.fixture
def mutate() -> Iterator[Callable[[Mutation], None]]:
    """Has the scripts run as mutated, for the length of the test."""
    source = call.source

    def apply(mutation: Mutation) -> None:
        for old, _ in mutation:
            assert any(old in source(file.stem) for file in call.FOLDER.glob("*.lua")), f"nowhere: {old}"

        def mutated(script: str) -> str:
            text = source(script)
            for old, new in mutation:
                text = text.replace(old, new)
            return text

        patch.setattr(call, "source", mutated)
        call.digest.cache_clear()

    with pytest.MonkeyPatch.context() as patch:
        yield apply
    call.digest.cache_clear()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_found(client: Redis, mutate: Callable[[Mutation], None], name: str) -> None:
    mutate(MUTANTS[name])
    with pytest.raises(AssertionError):
        drive(client, EXAMPLES // 2, phases=[Phase.generate])
