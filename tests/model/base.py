"""What every machine that drives the scripts has: the server, the model, and what is compared after each step."""

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from redis import Redis

from jobs import keys, scripts
from tests.model.model import Model
from tests.model.state import CHILDREN, IDS, LANES, LONG_AGO, LOOK, OVER, QUEUES, TASK, State, lane_of


def pick(found: list[Any], number: int) -> Any:
    return found[number % len(found)]


class Base(RuleBasedStateMachine):
    steps = 0
    halting: frozenset[str] = frozenset()
    """Jobs that halt their lane where they fail."""

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

    def _step(
        self, may_change: set[str], joined: dict[str, list[str]] | None = None, out: set[str] | None = None
    ) -> None:
        """Look at the server again: nothing else has changed, lanes are first in first out, and the model holds.

        Those who are ``out`` have left their lane wherever they were in it.
        """
        type(self).steps += 1
        self.was, self.now = self.now, State(self.client, self.look)
        self.model.orphans &= set(self.model.executions())
        for job in IDS:
            if job not in may_change:
                assert self.now.place(job) == self.was.place(job), f"{job} has changed"
        for lane in LANES:
            before = [job for job in self.was.lanes[lane] if job not in (out or ())]
            after, new = self.now.lanes[lane], (joined or {}).get(lane, [])
            gone = len(before) + len(new) - len(after)
            assert [*before, *new][gone:] == after, f"lane {lane} was {before}, {new} joined, and is {after}"
            for job in [*before, *new][:gone]:
                assert self.now.status(job) in OVER, f"{job} left lane {lane} and is {self.now.status(job)}"
        self.model.check(self.now)

    def _gone(self, jobs: set[str]) -> None:
        """Jobs that were over were removed, and nothing of them is left; their lanes go on."""
        for job in jobs:
            assert self.now.status(job) is None, f"{job} is still {self.now.status(job)}"
            noted = {keys.unknown(TASK)} if job in self.model.left else set()
            traces = set(self.now.traces(job)) - noted
            assert job in self.model.tampered or not traces, f"{job} left {traces}"
            if job in self.was.lanes.get(lane_of(job), []):
                self._lane_goes_on(lane_of(job))

    def _unchanged(self, refused: int = 0) -> None:
        """Nothing but the count of refused results, where there were such."""
        self._step(set())
        assert {**self.now.all, keys.METERS: {}} == {**self.was.all, keys.METERS: {}}
        counts = [int(one.all.get(keys.METERS, {}).get("refused", 0)) for one in (self.was, self.now)]
        assert counts[1] - counts[0] == refused

    def _mates(self, of: Any) -> set[str]:
        return {job for job in IDS if lane_of(job) and lane_of(job) in {lane_of(one) for one in of}}

    def _lane_goes_on(self, lane: str) -> None:
        if not lane:
            return
        head = "".join(self.now.lanes[lane][:1])
        halts, status = self.now.halts(head), self.now.status(head)
        assert not head or halts or status not in (*OVER, "deferred"), f"{lane} stands still: {head} is {status}"
        assert self.now.is_halted(lane) is halts, f"lane {lane} is {'' if halts else 'not '}halted by {head}"

    def _queues_grow(self, fronts: dict[str, list[str]], others: Any, before: Any = None) -> None:
        """Queues are as they were, or ``before``: ``fronts`` came before that, after it what may go or was let go."""
        for name in QUEUES:
            front = fronts.get(name, [])
            expected = front + (before or self.was.queues)[name]
            found = self.now.queues[name]
            assert found[: len(expected)] == expected, (
                f"{name} was {self.was.queues[name]}, is {found}, not {expected}…"
            )
            came = found[len(expected) :]
            for job in came:
                assert job in others or self.was.status(job) == "deferred", f"{job} came to {name}"

    def _live(self) -> list[str]:
        return [child for child in CHILDREN if float(self.now.leases.get(child, 0)) > LONG_AGO] or [*CHILDREN]

    def _later(self) -> int:
        """A time long ago, after all that were."""
        self.clock += 1
        return self.clock

    def _places(self, job: str, lanes: dict[str, list[str]], joined: dict[str, list[str]]) -> bool:
        """Does a job that may go go to its queue, or wait in its lane, which it joins if need be?"""
        lane = lanes.get(lane_of(job))
        if lane is None or lane[:1] == [job]:
            return True
        free = not lane
        if job not in lane:
            lane.append(job)
            joined.setdefault(lane_of(job), []).append(job)
        return free

    def _lanes(self) -> dict[str, list[str]]:
        return {lane: [*jobs] for lane, jobs in self.now.lanes.items()}

    def _queues(self) -> dict[str, list[str]]:
        return {name: [*queue] for name, queue in self.now.queues.items()}
