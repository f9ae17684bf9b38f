"""Locks, in one process and on a real server: who has one, for how long, and what ends it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from jobs import LockBusy, LockLost, active_run, holder, is_locked, keys, lock, scripts, wait_for_active_runs
from jobs.errors import InvalidOption
from jobs.scripts import Execution, Held, Settlement
from jobs.supervise import lease as leases
from jobs.supervise.lease import Lease
from tests import tasks as t
from tests.support import wait_for

pytestmark = pytest.mark.usefixtures("tasks", "url")

NAME, WORKER, CHILD = "thread:abc", "worker-a", "worker-a.1"


@pytest.fixture
def execution(client: Redis) -> Iterator[Execution]:
    """This test is a job, as a child runs it."""
    scripts.grant(client, CHILD, 60)
    t.add.enqueue(1, 2)
    [one] = scripts.claim(client, WORKER, CHILD, ("default",), 1) or []
    here = Execution(CHILD, one.id, one.token)
    before = leases.execution.set(here)
    yield here
    leases.execution.reset(before)


@contextmanager
def lost_lock(**options: Any) -> Iterator[Lease]:
    """A lock that is lost within its block, which its end says."""
    with pytest.raises(LockLost, match=f"lock '{NAME}' .* is not ours any more"), lock(NAME, **options) as lease:
        yield lease


def settle(client: Redis, one: Execution, outcome: Any = "finished") -> list[int]:
    return scripts.settle(client, WORKER, CHILD, [Settlement(one.id, one.token, outcome, b"", 1.0, 2.0)])


def recover(client: Redis) -> list[str]:
    """Take back what this child holds, as if its lease had run out with somebody else ticking all along."""
    client.zadd(keys.LEASES, {CHILD: 1})
    return scripts.recover(client, 10, b"")


class TestHolding:
    def test_a_lock_is_had_for_the_length_of_the_block(self, client: Redis) -> None:
        with lock(NAME, ttl=60) as lease:
            found = holder(NAME)
            assert found
            assert (found.job, found.token, found.note) == (None, lease.token, {})
            assert 0 < client.pttl(keys.lock(NAME)) <= 60_000
            assert not lease.lost
        assert (is_locked(NAME), holder(NAME)) == (False, None)

    def test_its_token_grows_although_the_server_has_lost_its_data(self, client: Redis) -> None:
        tokens = []
        for number in range(4):
            with lock(NAME if number % 2 else "another") as lease:
                tokens.append(lease.token)
            if number == 1:
                client.flushdb()
        assert tokens == sorted(set(tokens))

    def test_its_token_grows_although_the_clock_goes_back(self, client: Redis) -> None:
        ahead = 2 * 10**15
        client.set(keys.FENCE, ahead)
        with lock(NAME) as lease:
            assert lease.token == ahead + 1

    def test_one_that_is_busy_names_its_holder_and_is_not_waited_for_in_a_job(self, execution: Execution) -> None:
        said = f"held by job {execution.id} on {CHILD}, since 20.*; waited 0 s"
        with lock(NAME), pytest.raises(LockBusy, match=said), lock(NAME):
            raise AssertionError("two have it")

    def test_waiting_ends_when_it_is_free(self) -> None:
        tokens: list[int] = []

        def later() -> None:
            with lock(NAME, retry_delay=0.1) as lease:
                tokens.append(lease.token)

        waiting = threading.Thread(target=later)
        with lock(NAME) as lease:
            waiting.start()
            assert tokens == []
        waiting.join(10)
        assert tokens[0] > lease.token

    def test_waiting_ends_after_its_time(self) -> None:
        began = time.monotonic()
        with lock(NAME), pytest.raises(LockBusy, match=r"waited 0\.3 s"), lock(NAME, wait=0.3, retry_delay=0.1):
            raise AssertionError("two have it")
        assert 0.3 <= time.monotonic() - began < 5

    def test_it_is_renewed_beyond_its_ttl(self) -> None:
        with lock(NAME, ttl=0.5) as lease:
            deadline = time.monotonic() + 1.5

            def still_ours() -> bool:
                assert is_locked(NAME)
                return time.monotonic() > deadline

            wait_for(still_ours, "three times its ttl to pass")
            lease.check()
            assert not lease.lost

    @pytest.mark.parametrize(
        "options",
        [
            *({"ttl": value} for value in (0, "1", True, 10**9)),
            *({"wait": value} for value in (-1, float("nan"))),
            {"retry_delay": 0},
            *({"name": value} for value in ("", "x" * 513, "\ud800", 7)),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, client: Redis, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidOption, match=next(iter(options))), lock(**{"name": NAME, **options}):
            raise AssertionError("taken")
        assert client.dbsize() == 0


class TestNotes:
    def test_others_read_the_run_that_is_active(self) -> None:
        with lock(NAME) as lease:
            assert active_run(NAME) is None
            lease.note(run_id="run-1", step=2)
            found = holder(NAME)
            assert found
            assert (active_run(NAME), found.note) == ("run-1", {"run_id": "run-1", "step": 2})
        assert active_run(NAME) is None

    def test_active_runs_are_waited_for(self) -> None:
        assert wait_for_active_runs(NAME, 0)
        ended: list[bool] = []
        waiting = threading.Thread(target=lambda: ended.append(wait_for_active_runs(NAME, 20)))
        with lock(NAME) as lease:
            lease.note(run_id="run-1")
            assert not wait_for_active_runs(NAME, 0.1)
            waiting.start()
        waiting.join(10)
        assert ended == [True]

    def test_a_note_is_plain_json_and_the_holders(self, client: Redis) -> None:
        with lost_lock() as lease:
            with pytest.raises(InvalidOption, match="plain JSON"):
                lease.note(run_id=object())
            client.delete(keys.lock(NAME))
            lease.note(run_id="run-1")
        assert not is_locked(NAME)


class TestLosing:
    def test_the_next_holder_keeps_a_lock_that_the_last_one_has_lost(self, client: Redis) -> None:
        with lost_lock(ttl=0.5) as lost:
            client.delete(keys.lock(NAME))
            with lock(NAME) as ours:
                wait_for(lambda: lost.lost, "the renewal to find out")
                with pytest.raises(LockLost):
                    lost.check()
                with pytest.raises(LockLost):
                    lost.end()
                ours.check()
                assert ours.token > lost.token

    def test_what_the_block_raised_comes_first(self, client: Redis) -> None:
        def lose_and_raise() -> None:
            with lock(NAME):
                client.delete(keys.lock(NAME))
                scripts.lock(client, NAME, "another", 60, "there", None)
                raise ValueError("as asked")

        with pytest.raises(ValueError, match="as asked") as caught:
            lose_and_raise()
        assert "is not ours any more" in caught.value.__notes__[0]

    def test_one_that_cannot_be_renewed_is_lost_after_its_ttl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> None:
            raise NoConnection("as asked")

        with lost_lock(ttl=0.3) as lease:
            monkeypatch.setattr(scripts, "renew", fail)
            wait_for(lambda: lease.lost and not is_locked(NAME), "its end")

    def test_asking_again_after_a_lost_reply_changes_nothing(self, client: Redis, execution: Execution) -> None:
        first, again = (scripts.lock(client, NAME, "me", 60, "here", execution) for _ in range(2))
        assert first == again
        assert [scripts.unlock(client, NAME, "me", execution) for _ in range(2)] == [True, None]
        with lock(NAME) as lease:
            lease.end()  # the block's end is the second one


class TestExecution:
    """A lock taken in a job ends with the job's execution, in the same step."""

    @pytest.mark.parametrize("outcome", ["finished", "failed", "stopped", "retried", "exhausted", "snoozed"])
    def test_its_end_frees_its_locks(self, client: Redis, execution: Execution, outcome: str) -> None:
        names = [NAME, "1", 'quo"te\n', "ümlaut", "x" * 512]
        for name in names:
            scripts.lock(client, name, "me", 60, "here", execution)
        assert settle(client, execution, outcome) == [{"failed": 3, "retried": 3}.get(outcome, 1)]
        assert [name for name in names if is_locked(name)] == []

    @pytest.mark.parametrize("how", ["recover", "release", "put back", "deleted", "claimed anew"])
    def test_losing_it_frees_its_locks(self, client: Redis, execution: Execution, how: str) -> None:
        with lost_lock() as lease:
            if how == "recover":
                assert recover(client) == [execution.id]
            elif how in ("release", "put back"):
                held = Held(execution.id, execution.token, charged=how == "release")
                assert scripts.release(client, CHILD, [held], 3) == (1, 0)
            else:
                client.delete(keys.job(execution.id))
                if how == "claimed anew":
                    t.add.enqueue(1, 2, job_id=execution.id)
                    assert scripts.claim(client, WORKER, CHILD, ("default",), 1)
                else:
                    settle(client, execution)
            assert not is_locked(NAME)
            with pytest.raises(LockLost):
                lease.check()

    def test_a_lock_that_is_anothers_by_now_stays(self, client: Redis, execution: Execution) -> None:
        scripts.lock(client, NAME, "me", 60, "here", execution)
        client.delete(keys.lock(NAME))
        scripts.lock(client, NAME, "another", 60, "there", None)
        settle(client, execution)
        assert is_locked(NAME)

    def test_one_that_is_over_takes_no_lock(self, client: Redis, execution: Execution) -> None:
        recover(client)
        with pytest.raises(LockLost, match="another worker's"), lock(NAME):
            raise AssertionError("taken")
        assert not is_locked(NAME)

    def test_what_was_given_back_leaves_no_trace(self, client: Redis, execution: Execution) -> None:
        before = client.hgetall(keys.held(CHILD))
        with lock("one"), lock("two"):
            assert scripts.held(client, CHILD) == [(execution.id, execution.token)]
        assert client.hgetall(keys.held(CHILD)) == before
