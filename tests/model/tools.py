"""What stock RQ tools and operators do, and what goes wrong with children."""

import rq.job
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from rq.serializers import JSONSerializer

from jobs import keys, scripts
from jobs.scripts import Held, Outcome, Settlement
from tests.model.base import pick
from tests.model.keeper import Keeper
from tests.model.state import KINDS, QUEUES, REGISTRY, SURVIVES, WORKER, queue_of
from tests.model.work import children, numbers, outcomes


class Tools(Keeper):
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

    @precondition(lambda self: self.model.executions())
    @rule(number=numbers, anew=st.booleans())
    def lose(self, number: int, anew: bool) -> None:
        """A child that works is not let go; once it is silent for too long, what it has is taken back, and it may begin
        anew."""
        child, *_ = pick(self.model.executions(), number)
        self._lease(child, "retire")
        self._lease(child, "runs out")
        self._claim(child, [*QUEUES], 2, 2)
        self._recover()
        if anew:
            self._lease(child, "grant")
            self._claim(child, [*QUEUES], 2, 3)

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
    @rule(
        number=numbers,
        blames=st.lists(st.sampled_from((0, 1, 2)), min_size=2, max_size=4),
        suspects=st.booleans(),
        again=st.booleans(),
    )
    def release(self, number: int, blames: list[int], suspects: bool, again: bool) -> None:
        """A child gives some back, rather those that were interrupted before, and may be given them again."""
        own = [one for one in self.model.executions() if one not in self.model.orphans]
        worn = [one for one in own if self.now.number(one[1], "interruptions") >= SURVIVES]
        child, *_ = pick(worn or self.model.executions(), number)
        back = self.model.executions(child)[: len(blames)]
        failing = {
            one[1]
            for one, blame in zip(back, blames, strict=False)
            if blame == 1 and one not in self.model.orphans and self._fails(one[1], "interruptions")
        }
        held = [
            Held(job, token, blame == 1, b"why", suspect=blame == 2)
            for (_, job, token), blame in zip(back, blames, strict=False)
        ]
        expected = [one.id for one in held if suspects or ((one.charged or one.suspect) and self._was_blamed(one.id))]
        scripts.release(self.client, child, held, SURVIVES, suspects)
        self._put_back([back], failing)
        for _, job, _ in back:
            if self.was.status(job) == "started" and self.now.status(job) == "queued" and not self.was.suspects(job):
                assert bool(self.now.suspects(job)) is (job in expected), f"is {job} a suspect?"
        if again:
            self._claim(child, [*QUEUES], 2, 5)

    def _was_blamed(self, job: str) -> bool:
        return job in self.now.jobs and self.now.number(job, "shared") + self.now.number(job, "interruptions") > 0

    @rule(child=children, queue=st.sampled_from(("", *QUEUES)), number=st.integers(0, 7))
    def turn(self, child: str, queue: str, number: int) -> None:
        """Leases come and go, queues are closed and opened."""
        if number < 6:
            self._lease(child, ("runs out", "retire", "grant")[number % 3])
        else:
            self._pause(queue, number == 7)
