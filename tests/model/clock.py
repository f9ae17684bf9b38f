"""What the scheduler that leads does: it keeps the book of schedules, and lets their slots happen."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobs import keys, scripts
from jobs.scripts import NewJob, Slot, Value
from tests.model.base import pick
from tests.model.keeper import Keeper
from tests.model.state import IDS, OVER, lane_of, queue_of
from tests.model.work import numbers

names = st.sampled_from(("hourly", "nightly"))


class Clock(Keeper):
    def _slots(self, key: str = keys.SLOTS) -> dict[str, float]:
        return {name: float(at) for name, at in self.now.all.get(key, {}).items()}

    @rule(name=names, spec=st.sampled_from(("1", "2")), again=st.booleans())
    def declare(self, name: str, spec: str, again: bool) -> None:
        """A clock may have gone back, and with it the next slot to the one that has happened."""
        last = self.now.all.get(keys.schedule(name), {}).get("ticked", 0)
        slot = float(last if again else self._later())
        slots, orphans = self._slots(), self._slots(keys.ORPHANS)
        same = self.now.all.get(keys.SCHEDULES, {}).get(name) == spec
        if not (same and name in slots):
            slots[name] = orphans.pop(name, slot) if same else slot
            orphans.pop(name, None)
        assert scripts.declare(self.client, name, spec, slot) is not same
        self._step(set())
        assert (self._slots(), self._slots(keys.ORPHANS)) == (slots, orphans)
        assert self.now.all[keys.SCHEDULES][name] == spec

    @precondition(lambda self: self._slots())
    @rule()
    def orphan(self) -> None:
        """No living code has a schedule any more."""
        name, at = min(self._slots().items())
        self.client.zadd(keys.ORPHANS, {name: at})
        self.client.zrem(keys.SLOTS, name)
        self._step(set())

    @precondition(lambda self: self._slots())
    @rule(number=numbers, late=st.integers(0, 2), overlap=st.booleans(), front=st.booleans(), last=st.integers(0, 9))
    def fire(self, number: int, late: int, overlap: bool, front: bool, last: int) -> None:
        """A slot is due, and is seen twice; or it was seen by one who came late."""
        name, at = pick(sorted(self._slots().items()), number)
        job = pick([job for job in IDS if number % 8 == 0 or job not in self.now.jobs] or IDS, number)
        for _ in range(2):
            self._fire(Slot(name, at - max(late - 1, 0), float(self._later()), last == 0, overlap), job, front)

    def _fire(self, slot: Slot, job: str, front: bool) -> None:
        name, slots, own = slot.schedule, self._slots(), self.now.all.get(keys.schedule(slot.schedule), {})
        under_way = self.now.status(own.get("tick_job", "")) not in OVER
        there, over = slots.get(name) == slot.at, slot.at <= float(own.get("ticked", "-inf"))
        goes = there and not over and job not in self.now.jobs and (slot.overlap or not under_way)
        lanes, left, joined = self._lanes(), self._queues(), dict[str, list[str]]()
        if goes:
            assert (name, slot.at) not in self.model.fired, f"{slot} has happened"
            self.model.fired.add((name, slot.at))
            self.model.joins(job)
            if self._places(job, lanes, joined):
                left[queue_of(job)].insert(0 if front else len(IDS) * 9, job)
        assert scripts.fire(self.client, keys.SLOTS, keys.schedule(name), slot, self._job(job, front)) is goes
        if not there:
            self._unchanged()
            return
        self._step({job} if goes else set(), joined)
        assert self.now.queues == left
        if goes and slot.last:
            slots.pop(name)
            self.model.fired = {one for one in self.model.fired if one[0] != name}
        else:
            slots[name] = slot.following
        assert self._slots() == slots
        if goes:
            kept = self.now.all.get(keys.schedule(name), {})
            assert slot.last or (float(kept.get("ticked", 0)), kept.get("tick_job")) == (slot.at, job)
            assert self.now.status(job) in ("queued", "deferred")

    def _job(self, job: str, front: bool) -> NewJob:
        lane = lane_of(job)
        fields: dict[str, Value] = {"data": b"[]", "timeout": 60, "result_ttl": 0}
        fields |= {"key": lane} if lane else {}
        return NewJob(job, queue_of(job), fields, lane, at_front=front)
