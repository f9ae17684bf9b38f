"""What keepers, children and clients do."""

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from jobs import keys, scripts
from jobs.scripts import NewJob, Outcome, Settlement, Value
from tests.model.base import Base, pick
from tests.model.model import Execution
from tests.model.state import (
    CHILDREN,
    IDS,
    LONG_AGO,
    OVER,
    QUEUES,
    SURVIVES,
    TASK,
    WORKER,
    State,
    lane_of,
    queue_of,
)

Wanted = tuple[str, bool, bool, int, int, bool]
"""A job, and is it delayed, at the front, how often it is tried again, after how long, is its result kept."""

numbers = st.integers(0, 63)
children = st.sampled_from(CHILDREN)
new_jobs = st.tuples(
    st.sampled_from(IDS),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
    st.sampled_from((0, 60)),
    st.booleans(),
)
outcomes = st.sampled_from(
    [
        ("finished", 0.0),
        ("failed", 0.0),
        ("failed", scripts.FINAL),
        ("stopped", 0.0),
        ("retried", 60.0),
        ("unknown", 60.0),
    ]
)


def tried_again(state: State, job: str, outcome: Outcome, after: float) -> bool:
    """Does a job that ends so go back for another attempt?"""
    left = bool(state.jobs.get(job)) and state.number(job, "retries_left") > 0
    return outcome == "retried" or (outcome == "failed" and left and after != scripts.FINAL)


class Work(Base):
    @initialize(wanted=st.lists(new_jobs, min_size=6, max_size=9), number=numbers)
    def begin(self, wanted: list[Wanted], number: int) -> None:
        """Some have work from the start, whatever happens or does not."""
        self._admit(wanted)
        self._claims(number, 2)

    @rule(wanted=st.lists(new_jobs, min_size=2, max_size=6), number=numbers, many=st.integers(0, 2))
    def admit(self, wanted: list[Wanted], number: int, many: int) -> None:
        self._admit(wanted)
        self._claims(number, many)

    def _claims(self, number: int, many: int) -> None:
        """Children take work: most things happen to what runs."""
        for again in range(many):
            self._claim(pick(self._live(), number + again), [*QUEUES], 2, 1 + number % 5)

    def _admit(self, wanted: list[Wanted]) -> None:
        batch, expected, left = [], [], self._queues()
        joined: dict[str, list[str]] = {}
        for job, delayed, front, retries, backoff, keep in wanted:
            lane = lane_of(job)
            fields: dict[str, Value] = {"data": b"[]", "timeout": 60, "result_ttl": 500 if keep else 0}
            fields |= {"retries_left": retries, "retry_intervals": json.dumps([backoff] * retries)} if retries else {}
            fields |= {"key": lane} if lane else {}
            fields |= {"policy": "halt"} if job in self.halting else {}
            batch.append(NewJob(job, queue_of(job), fields, lane, 3600.0 * delayed, front))
            new = job not in self.now.jobs and job not in [one.id for one in batch[:-1]]
            expected.append(new)
            if new and not delayed:
                free = not (lane and self.now.lanes[lane] + joined.get(lane, []))
                if lane:
                    joined.setdefault(lane, []).append(job)
                    self.model.joins(job)
                if free:
                    left[queue_of(job)].insert(0 if front else len(IDS) * 9, job)
        assert scripts.admit(self.client, batch) == expected
        self._step({job.id for job, new in zip(batch, expected, strict=True) if new}, joined)
        assert self.now.queues == left
        for (job, delayed, *_), new in zip(wanted, expected, strict=True):
            assert not new or self.now.status(job) in (["scheduled"] if delayed else ["queued", "deferred"])

    @rule(
        number=numbers,
        names=st.permutations(QUEUES),
        many=st.integers(1, 2),
        wanted=st.integers(1, 5),
        apart=st.booleans(),
    )
    def claim(self, number: int, names: list[str], many: int, wanted: int, apart: bool) -> None:
        """Of the suspects only while there are any, mostly."""
        apart = apart and (number % 8 == 0 or any(self.now.apart.values()))
        self._claim(pick([*CHILDREN, *3 * self._live()], number), names, many, wanted, apart)

    def _claim(self, child: str, names: list[str], many: int, wanted: int, apart: bool = False) -> None:
        open_ = [name for name in names[:many] if name not in self.now.all.get(keys.PAUSED, [])]
        source, lists = (keys.suspects, self.now.apart) if apart else (keys.queue, self.now.queues)
        found = scripts.claim(self.client, WORKER, child, names[:many], wanted, source)
        if float(self.now.leases.get(child, 0)) < LONG_AGO or keys.SUSPENDED in self.now.all:
            assert found == ([] if child in self.now.leases else None)
            self._unchanged()
            return
        given, joined, left, suspects = self.model.claimable(self.now, open_, wanted, apart)
        assert found is not None
        for one in found:
            self.model.starts(child, one)
        self._step({job for name in open_ for job in lists[name][:wanted]}, joined)
        assert [one.id for one in found] == given
        assert (self.now.queues, self.now.apart) == (left, suspects)
        assert all(self.now.status(job) == "started" for job in given)

    @precondition(lambda self: self.model.executions())
    @rule(number=numbers, many=st.integers(1, 3), outcome=outcomes)
    def settle(self, number: int, many: int, outcome: tuple[Outcome, float]) -> None:
        child, *_ = pick(self.model.executions(), number)
        ended = self.model.executions(child)[:many]
        self._settle(child, ended, outcome)

    def _settle(self, child: str, ended: list[Execution], outcome: tuple[Outcome, float]) -> None:
        value = TASK.encode() if outcome[0] == "unknown" else b""
        replies = scripts.settle(
            self.client,
            WORKER,
            child,
            [Settlement(job, token, outcome[0], value, 1, 2, outcome[1]) for _, job, token in ended],
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
        if outcome == "unknown":
            return ["scheduled"]
        if outcome == "retried":
            return ["scheduled" if after else "queued"]
        if tried_again(self.was, job, outcome, after):
            assert self.now.number(job, "retries_left") == left - 1
            return ["scheduled" if json.loads(delays)[0] else "queued"]
        return [outcome]

    def _fails(self, job: str, counter: str) -> bool:
        return self.now.status(job) == "started" and self.now.number(job, counter) + 1 > SURVIVES

    def _put_back(
        self,
        held: list[list[Execution]],
        failing: set[str],
        others: set[str] | None = None,
        joined: Any = None,
        out: set[str] | None = None,
    ) -> list[str]:
        """After jobs were taken from children, one after another: each is where it was, or failed. Those put
        back."""
        back = [one for executions in held for one in executions]
        own = [[one[1] for one in executions if one not in self.model.orphans] for executions in held]
        for one in back:
            self.model.ends(one)
        mine = {one[1] for one in back}
        self._step(mine | self._mates(mine) | (others or set()), joined, out)
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
