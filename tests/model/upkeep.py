"""What people and keepers do to jobs: run anew, cancel, delete, and drop what is kept no longer."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobs import keys, scripts
from jobs.scripts import Outcome
from tests.model.base import pick
from tests.model.keeper import Keeper
from tests.model.state import ENDED, HALTING, IDS, LONG_AGO, QUEUES, lane_of, queue_of
from tests.model.work import numbers

some = st.lists(st.sampled_from(IDS), min_size=2, max_size=6, unique=True)
few = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)


class Upkeep(Keeper):
    halting = frozenset(HALTING)

    @precondition(lambda self: self.model.executions())
    @rule(
        number=numbers, outcome=st.sampled_from([("finished", 0.0), ("failed", 0.0), ("failed", 0.0), ("stopped", 0.0)])
    )
    def end_all(self, number: int, outcome: tuple[Outcome, float]) -> None:
        """All that a child runs comes to its end."""
        child, *_ = pick(self.model.executions(), number)
        self._settle(child, self.model.executions(child), outcome)

    @precondition(lambda self: self.now.jobs)
    @rule(jobs=some, number=numbers, many=st.integers(0, 2))
    def requeue(self, jobs: list[str], number: int, many: int) -> None:
        jobs = [*dict.fromkeys([*jobs, *(job for kind, _, job in self._over() if kind == "failed")])]
        anew = [job for job in jobs if self.now.status(job) in ("failed", "stopped", "canceled")]
        later = {job for job in anew if self.now.status(job) == "canceled" and self._due(job) > LONG_AGO}
        lanes, left, joined = self._lanes(), self._queues(), dict[str, list[str]]()
        for job in anew:
            if job not in later:
                lane = lanes.get(lane_of(job), [])
                heads, keeps_place = lane[:1] == [job], job in lane[1:]
                if self._places(job, lanes, joined):
                    left[queue_of(job)].append(job)
                if not keeps_place:  # as one does that RQ has canceled in the midst of its lane
                    self.model.joins(job, first=heads)
        assert scripts.requeue(self.client, jobs) == [job in anew for job in jobs]
        self._step({*anew}, joined)
        assert self.now.queues == left
        for job in anew:
            assert self.now.status(job) in (["scheduled"] if job in later else ["queued", "deferred"])
            attempts = len(json.loads(self.now.jobs[job].get("retry_intervals", "[]")))
            assert self.now.number(job, "retries_left") == attempts, f"{job} has not all its attempts"
            assert "ended_at" not in self.now.jobs[job]
            if self.now.lanes.get(lane_of(job), [])[:1] == [job]:
                assert not self.now.is_halted(lane_of(job)), f"{job} heads a lane that is still halted"
        self._claims(number, many)

    def _with_odd(self, jobs: list[str]) -> list[str]:
        """Those too that a child runs and some tool has taken for something else."""
        odd = [one[1] for one in self.model.executions() if self.now.status(one[1]) not in ("started", None)]
        return [*dict.fromkeys([*odd, *jobs])]

    def _due(self, job: str) -> float:
        return float(self.now.jobs[job].get("due", 0))

    @precondition(lambda self: self.now.jobs)
    @rule(jobs=few)
    def cancel(self, jobs: list[str]) -> None:
        jobs = self._with_odd(jobs)
        done = [job for job in jobs if self.now.status(job) in ("queued", "deferred", "scheduled")]
        done = [job for job in done if not self.model.holders(job)]
        left = self._queues()
        for job in done:
            self.model.goes(job)
            if self.now.status(job) == "queued" and job in (queue := left[queue_of(job)]):
                del queue[len(queue) - 1 - queue[::-1].index(job)]
        assert scripts.cancel(self.client, jobs) == [job in done for job in jobs]
        self._step({*done} | self._mates(done), out={*done})
        self._queues_grow({}, [], left)
        for job in done:
            assert self.now.status(job) == "canceled"
            self._lane_goes_on(lane_of(job))

    @precondition(lambda self: self.now.jobs)
    @rule(jobs=few, halting=st.booleans())
    def erase(self, jobs: list[str], halting: bool) -> None:
        heads = [lane[0] for lane in self.now.lanes.values() if lane and self.now.halts(lane[0])]
        jobs = self._with_odd([*dict.fromkeys([*heads * halting, *jobs])])
        going = [job for job in jobs if self.now.may_go(job)]
        assert scripts.delete(self.client, jobs) == [job in going for job in jobs]
        self._went({*going})

    def _went(self, going: set[str], others: set[str] | None = None) -> None:
        self.model.orphans |= {one for one in self.model.executions() if one[1] in going}
        self._step(going | self._mates(going) | (others or set()), out=going)
        self._queues_grow({}, [])
        self._gone(going)

    def _over(self) -> list[tuple[str, str, str]]:
        """Kind, queue, job."""
        return [(kind, name, job) for kind in ENDED for name in QUEUES for job in self.now.in_order(kind, name)]

    @precondition(lambda self: self._over())
    @rule(number=numbers, by_itself=st.booleans())
    def time_is_up(self, number: int, by_itself: bool) -> None:
        """A job is kept no longer; the server may have dropped it already."""
        kind, queue, job = pick(self._over(), number)
        self.client.zadd(keys.registry(kind, queue), {job: self._later()})
        if by_itself:
            self.client.delete(keys.job(job), keys.results(job))
            self.model.orphans |= {one for one in self.model.executions() if one[1] == job}
            self.model.touched(job)
        self._step({job} if by_itself else set())

    @precondition(lambda self: self._over())
    @rule(number=numbers, more=st.integers(0, 2), most=st.sampled_from((1, 99)))
    def trim(self, number: int, more: int, most: int) -> None:
        """There are so many more finished jobs than are to be kept."""
        _, queue, _ = pick(self._over(), number)
        last = max(len(self.now.registry("finished", queue)) - more, 0)
        dropped = [(kind, job) for kind in ENDED for job in self.now.expired(kind, queue)[:most]]
        finished = [job for job in self.now.in_order("finished", queue) if ("finished", job) not in dropped]
        dropped += [("finished", job) for job in finished[: min(max(len(finished) - last, 0), most)]]
        found = scripts.trim(self.client, queue, last, most)
        going = {job for _, job in dropped if self.now.may_go(job)}
        assert found == len(dropped) or self.model.tampered & {job for _, job in dropped}
        self._went(going, {job for _, job in dropped})
        for kind, job in dropped:
            assert job not in self.now.registry(kind, queue), f"{job} is still among the {kind}"

    @precondition(lambda self: self._over())
    @rule(number=numbers, ago=st.sampled_from((0, 1e6)), first=st.integers(0, 1))
    def purge(self, number: int, ago: float, first: int) -> None:
        kind, queue, _ = pick(self._over(), number)
        looked = self.now.in_order(kind, queue)[first : first + 2]
        going = {job for job in looked if not ago and self.now.may_go(job) and self.now.jobs[job].get("ended_at")}
        assert scripts.purge(self.client, kind, queue, ago, first, 2) == (len(looked), len(going))
        self._went(going)
