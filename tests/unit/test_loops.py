"""``@loop`` and what is refused, and the roll on which loops say how they are."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs import errors, loop
from jobs.supervise import loops
from jobs.supervise.interrupt import CycleTimeout, Interruptible
from jobs.supervise.ping import Ping, Superseded
from jobs.supervise.roll import ROWS, Roll


@pytest.fixture(autouse=True)
def _none_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_loops", {})


def cycle() -> None: ...


def pinging(ping: Ping) -> None: ...


async def slow() -> None: ...


def greedy(number: int) -> None: ...


class Connected:
    def __init__(self) -> None:
        self.cycles = 0

    async def __call__(self, ping: Ping) -> None:
        self.cycles += 1


def test_a_function_stays_what_it_is() -> None:
    assert loop("outbound", every=2.0, max_silence=60, timeout=50)(cycle) is cycle
    [made] = loops.declared()
    assert (made.name, made.every, made.max_silence, made.timeout, made.is_async) == ("outbound", 2.0, 60, 50, False)


@pytest.mark.parametrize(
    ("options", "target", "words"),
    [
        ({"timeout": 61}, cycle, "may take 61 s a cycle and be silent for 60 s"),
        ({"timeout": 61}, slow, "give it a parameter `ping`"),
        ({"max_silence": 0}, cycle, "max_silence is 0"),
        ({"every": -1}, cycle, "every is -1"),
        ({"every": float("nan")}, cycle, "every is nan"),
        ({"grace": True}, cycle, "grace is True"),
        ({"max_restarts": "5"}, cycle, "max_restarts is '5'"),
        ({}, greedy, "takes number: a cycle is given nothing but ping"),
    ],
)
def test_what_could_not_be_watched_is_refused(options: dict[str, Any], target: Callable[..., Any], words: str) -> None:
    with pytest.raises(errors.InvalidLoop, match=words):
        loop("outbound", **options)(target)
    assert loops.declared() == []


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidLoop, match="loop name is"):
        loop(name)


def test_a_cycle_that_pings_may_take_longer_than_the_silence() -> None:
    loop("history", timeout=600)(pinging)
    assert loops.declared()[0].pings


def test_a_name_is_declared_once_but_a_module_may_be_loaded_again() -> None:
    loop("outbound")(cycle)
    loop("outbound")(cycle)
    with pytest.raises(errors.InvalidLoop, match=r"declared twice, by .*cycle and .*pinging"):
        loop("outbound")(pinging)


def test_a_class_gives_each_start_an_instance_of_its_own() -> None:
    loop("inbound")(Connected)
    [made] = loops.declared()
    assert made.is_async
    assert made.pings
    assert made.make() is not made.make()


def test_a_worker_runs_the_loops_of_its_type_and_those_of_none() -> None:
    loop("any")(cycle)
    loop("in", type="inbound")(pinging)
    loop("out", type="outbound")(slow)
    assert [one.name for one in loops.declared("inbound")] == ["any", "in"]
    assert [one.name for one in loops.declared()] == ["any"]


@pytest.fixture
def roll() -> Iterator[Roll]:
    found = Roll.create()
    yield found
    found.close()


def test_the_roll_keeps_the_counts_of_a_loop_over_its_processes(roll: Roll) -> None:
    roll.start(roll.claim("first", 60, 30), 50.0)
    row = roll.claim("outbound", 60, 30)
    roll.start(row, 100.0)
    roll.fail(row)
    roll.end_all()
    other = Roll(roll.file)
    assert other.claim("outbound", 20, 10) == row
    other.start(row, 200.0)
    other.ping(row, 205.0)
    assert roll.get_status(206.5)["outbound"] == {
        "last_ping_ago": 1.5,
        "alive": True,
        "restarts": 1,
        "errors": 1,
        "max_silence": 20.0,
    }
    assert not roll.get_status(0.0)["first"]["alive"]


def test_a_worker_has_room_for_so_many_loops(roll: Roll) -> None:
    for number in range(ROWS):
        roll.claim(f"loop-{number}", 60, 30)
    with pytest.raises(errors.InvalidLoop, match="one too many"):
        roll.claim("another", 60, 30)


def test_a_superseded_ping_raises_and_says_nothing(roll: Roll) -> None:
    row = roll.claim("outbound", 60, 30)
    roll.start(row, 100.0)
    ping = Ping(roll, row)
    ping()
    said = roll.rows()[row].last_ping
    ping.supersede()
    for act in (ping, ping.check, lambda: ping.wait(60)):
        with pytest.raises(Superseded):
            act()
    assert roll.rows()[row].last_ping == said


def test_a_function_is_interrupted_while_it_is_called_and_never_after() -> None:
    called = Interruptible()
    inside = threading.Event()

    def spin() -> None:
        inside.set()
        while True:
            time.sleep(0.001)

    def expire() -> None:
        inside.wait()
        called.expire(time.monotonic())  # too early
        called.expire(time.monotonic() + 60)

    thread = threading.Thread(target=expire)
    thread.start()
    with pytest.raises(CycleTimeout):
        called.call(spin, {}, 10.0)
    thread.join()
    called.interrupt(Superseded)
    assert called.call(lambda: 7, {}, None) == 7
    called.expire(time.monotonic() + 60)
    assert sum(range(100_000)) == 4999950000  # long enough for what is pending to be raised
