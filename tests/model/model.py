"""What must hold, without a server."""

from dataclasses import dataclass, field

from jobs import keys
from jobs.scripts import Claimed
from tests.model.state import CHILDREN, IDS, KINDS, LANES, QUEUES, TASK, State, lane_of, queue_of

Execution = tuple[str, str, str]
"""Child, job, token."""


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
    left: set[str] = field(default_factory=set)
    """Jobs that a tool has touched while it was noted that they wait for a worker that knows their task."""
    token: int = 0
    fired: set[tuple[str, float]] = field(default_factory=set)
    """Slots of schedules that have happened."""

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
        self.left.add(job)
        self.goes(job)

    def joins(self, job: str, first: bool = False) -> None:
        """It is to run after all that waits in its lane, or before."""
        if lane_of(job) and job not in self.tampered:
            waiting = self.waiting[lane_of(job)]
            waiting.insert(0 if first else len(waiting), job)

    def goes(self, job: str) -> None:
        """It is not to run any more."""
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
        self, state: State, names: list[str], wanted: int, apart: bool
    ) -> tuple[list[str], dict[str, list[str]], dict[str, list[str]], dict[str, list[str]]]:
        """What a claim must give, of the suspects where it is for what runs ``apart``; who joins which lane; and what
        is left in the queues, and of their suspects."""
        given: list[str] = []
        joined: dict[str, list[str]] = {}
        deferred: list[str] = []
        lanes, left = {lane: [*state.lanes[lane]] for lane in LANES}, dict(state.queues)
        suspects = {name: [*state.apart[name]] for name in QUEUES}
        lists = suspects if apart else left
        for name in names:
            popped, lists[name] = lists[name][: wanted - len(given)], lists[name][wanted - len(given) :]
            for job in popped:
                if state.status(job) != "queued" or job in given + deferred or self.holders(job):
                    continue
                lane = lanes.get(lane_of(job), [job])
                if lane[:1] == [job]:
                    if state.suspects(job) and not apart:
                        suspects[name].insert(0 if state.suspects(job) == "near" else len(IDS) * 9, job)
                    else:
                        given.append(job)
                    continue
                if job not in lane:
                    lane.append(job)
                    joined.setdefault(lane_of(job), []).append(job)
                if lane[0] == job:
                    left[name] = [*left[name], job]
                else:
                    deferred.append(job)
        return given, joined, left, suspects

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
            head = "".join(state.lanes[lane][:1])
            assert head in self.tampered or not state.halts(head) or state.is_halted(lane), (
                f"{head} halts {lane} unsaid"
            )
            running = [one for one in self.executions() if lane_of(one[1]) == lane]
            running = [one for one in running if one not in self.orphans | self.canceled]
            assert len(running) < 2, f"{running} of lane {lane} run at once"
        noted, parked = set(state.parked()), {job for job in IDS if state.is_parked(job)}
        assert parked <= noted | self.left, f"nobody would find {parked - noted} before their time is up"
        self.left &= noted - parked
        assert noted - parked <= self.left, f"{noted - parked} are noted as waiting and do not"
        assert not noted or TASK in state.all.get(keys.UNKNOWN, {}), "nobody would look for what waits"
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
        assert not status or "data" in state.jobs[job], f"of {job} there is only {state.jobs[job]}"
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
