"""The engine's scripts, driven at random on a real server (``tests/model``), and planted bugs.

Each of them must be found, by the part of the machine that drives what it is planted in, or the machine proves nothing.
"""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import Phase
from redis import Redis

from jobs.scripts import call
from tests.model.base import Base
from tests.model.machine import EXAMPLES, Care, Clockwork, Engine, Machine, drive


def test_every_step_keeps_what_must_hold(client: Redis) -> None:
    Machine.steps = 0
    drive(client, Machine, EXAMPLES, phases=[Phase.generate, Phase.shrink])
    assert Machine.steps >= 10_000


# Planted bugs, each as what is replaced by what in the scripts.

Mutation = tuple[tuple[str, str], ...]
PUSH = "redis.call('LPUSH', prefix .. ':queue:' .. queue, id)\n  return hash"
ENGINE: dict[str, Mutation] = {
    "admit lets every job of a lane go": (("'lane:' .. lane, id) == 1", "'lane:' .. lane, id) >= 1"),),
    "claim does not check the lease": (("tonumber(lease) <= now", "false"),),
    "claim does not check the status": (("sound, why = job[1] == 'queued', true", "sound, why = job[1], true"),),
    "claim does not check who holds it": (("return holder and redis", "return false and redis"),),
    "claim does not check the head of the lane": (("lane, 0) == id then return true", "lane, 0) then return true"),),
    "claim does not check what is paused": (("and redis.call('SISMEMBER', KEYS[5], queue) == 0", ""),),
    "claim does not count": (("redis.call('INCRBY', KEYS[3], #ids)", "#ids"),),
    "settle does not check the token": (("if token_held == token and", "if token_held and"),),
    "settle leaves the job in wip": (("later(running, queue, id .. ':' .. token)", ""),),
    "settle does not let the lane go on": (
        ("advance(prefix, lane, now, stamp) end\n  if registry then", "end if registry then"),
    ),
    "put_back puts at the end": ((PUSH, PUSH.replace("LPUSH", "RPUSH")),),
    "put_back does not check the status": (("if status ~= 'started' or execution ~= token then return nil end", ""),),
    "put_back does not check the token": (
        ("if token_held ~= token then return nil end", "if not queue then return nil end"),
    ),
    "release turns the order round": (("for at = #ARGV - 3, 5, -4 do", "for at = 5, #ARGV - 3, 4 do"),),
    "release suspects at the first death": (
        ("if all or before and (before[1] or before[2]) then", "if all or before then"),
    ),
    "release suspects nobody": (("if all or before and (before[1] or before[2]) then", "if all then"),),
    "release suspects not all": (("if all or before and", "if before and"),),
    "recover turns the order round": (("tonumber(a[2]) > tonumber(b[2])", "tonumber(a[2]) < tonumber(b[2])"),),
    "recover does not delete what was held": (("redis.call('HDEL', held, id)", ""), ("redis.call('DEL', key)", "")),
    "recover fails who was not alone": (("lost > limit and alone", "lost > limit"),),
    "claim gives a suspect company": (("if may and job[7] and KEYS[at] ~=", "if false and KEYS[at] ~="),),
    "claim loses a suspect": (("redis.call(job[7] == 'near' and 'LPUSH' or 'RPUSH', suspects(queue), id)", ""),),
    "recover leaves the lease": (("redis.call('ZREM', leases, child)", ""),),
    "poison leaves the job in its queue": (("redis.call('LREM', prefix .. ':queue:' .. queue, 1, id)", ""),),
    "advance pops a head that runs": (("if status and queue and not OVER[status] then", "if false then"),),
    "advance leaves the job deferred": (("redis.call('ZREM', prefix .. ':deferred:' .. queue, id)", ""),),
    "place has a job join twice": (("if not head or not redis.call('LPOS', list, id) then", "if true then"),),
    "hand_over does not remove what is due": (("redis.call('ZREM', prefix .. ':scheduled:' .. queue, id)", ""),),
    "hand_over takes what is not scheduled": (("if status ~= 'scheduled' then return false end", ""),),
    "hand_over leaves the job parked": (("unpark(prefix, id, unknown)\n  local front", "local front"),),
    "settle does not note who waits for a task": (("redis.call('ZADD', parked .. ':' .. task, now, id)", ""),),
    "settle does not note what is waited for": (("redis.call('ZADD', parked, 'NX', now, task)", ""),),
    "recall takes what the worker does not serve": (("elseif serves[queue] and", "elseif"),),
    "recall takes what the worker does not know": (("(known or tonumber(", "(true or tonumber("),),
    "retire does not ask": (("if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end", ""),),
}
CARE: dict[str, Mutation] = {
    "requeue forgets the lane": (("elseif place(prefix, id, queue, lane,", "elseif place(prefix, id, queue, '',"),),
    "requeue leaves the lane halted": (("lane ~= '' then\n    redis.call('ZREM', KEYS[2], lane)", "lane ~= '' then"),),
    "revive takes what has finished": (("not (status == 'failed'", "not (status == 'finished' or status == 'failed'"),),
    "revive leaves the job among the failed": (("ipairs({ 'failed', 'canceled' })", "ipairs({ 'canceled' })"),),
    "revive gives back no attempts": (("if retries then redis.call('HSET', hash, 'retries_left', retries) end", ""),),
    "cancel leaves the job in its lane": (("redis.call('LREM', prefix .. ':signalbox:lane:' .. lane, 0, id)", ""),),
    "cancel leaves the job parked": (
        ("unpark(prefix, id, unknown)\n  redis.call('ZREM', scheduled", "redis.call('ZREM', scheduled"),
    ),
    "cancel does not let the lane go on": (("for lane in pairs(lanes) do advance(prefix, lane, now, stamp) end", ""),),
    "erase does not check the status": (("if not ENDED[status] or not queue", "if not queue"),),
    "erase leaves the attempts": ((", depends, prefix .. ':results:' .. id)", ", depends)"),),
    "erase leaves the job in its registry": (("ipairs({ 'finished', 'failed', 'canceled' })", "ipairs({})"),),
    "erase does not let the lane go on": (
        (", id) > 0 then advance(prefix, lane, now, stamp) end", ", id) > 0 then end"),
    ),
    "trim takes one too many": (("ZCARD', finished) - last", "ZCARD', finished) + 1 - last"),),
    "trim leaves the entry of what is gone": (("redis.call('ZREM', registry, id) -- it may", "-- it may"),),
    "purge does not look when it ended": (("and ended <= before", ""),),
}
CLOCKWORK: dict[str, Mutation] = {
    "fire does not compare the slot": (("if not seen or tonumber(seen) ~= slot then", "if not seen then"),),
    "fire does not look whether it has happened": (("(ticked and slot <= tonumber(ticked)) or", ""),),
    "fire does not move the schedule on": (("redis.call('ZADD', KEYS[1], ARGV[4], schedule)", ""),),
    "fire writes over a job": (("or redis.call('EXISTS', hash) == 1", ""),),
    "fire lets jobs overlap": (("if ARGV[6] == '0' and", "if false and"),),
    "fire does not say what has happened": (
        ("redis.call('HSET', KEYS[2], 'ticked', ARGV[3], 'tick_job'", "redis.call('HSET', KEYS[2], 'tick_job'"),
    ),
    "declare moves a slot that is kept": (
        ("if same and redis.call('ZSCORE', KEYS[2], schedule) then return 0 end", ""),
    ),
    "declare forgets where an orphan stopped": (("same and orphaned or slot", "slot"),),
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


@pytest.mark.parametrize(
    ("machine", "mutation"),
    [
        pytest.param(machine, mutation, id=name)
        for machine, mutants in ((Engine, ENGINE), (Care, CARE), (Clockwork, CLOCKWORK))
        for name, mutation in mutants.items()
    ],
)
def test_a_planted_bug_is_found(
    client: Redis, mutate: Callable[[Mutation], None], machine: type[Base], mutation: Mutation
) -> None:
    """By those who drive what it is planted in, who stop at the first that they find."""
    mutate(mutation)
    with pytest.raises(AssertionError):
        drive(client, machine, 2 * EXAMPLES, phases=[Phase.generate])
