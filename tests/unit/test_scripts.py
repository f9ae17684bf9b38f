"""``jobs.scripts`` and ``jobs/lua``: what each file says of itself, and what admit, advance and promote do.

The scripts run in fakeredis; ``tests/integration`` runs them in a real server.
"""

import inspect
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from fakeredis import FakeRedis, FakeServer
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis
from rq.utils import utcformat

from jobs import keys, lanes, scripts
from jobs.scripts import NewJob, call
from jobs.scripts.call import FOLDER
from jobs.scripts.intake import UNIQUE_FOR

FILES = sorted(FOLDER.glob("*.lua"))
LIBRARY = sorted((FOLDER / "lib").glob("*.lua"))
INCLUDE = re.compile(r"^-- @include (\w+)$", re.M)
SHEBANG = re.compile(r"\A#!lua(?: flags=(.+))?\n")
FAKE = FakeRedis(server=FakeServer())


class WithoutShebang(FakeRedis):
    """fakeredis hands the line ``#!lua flags=…`` to plain Lua, which cannot read it."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        return super().eval(SHEBANG.sub("\n", script), numkeys, *keys_and_args)


@pytest.fixture
def client() -> Redis:
    return cast(Redis, WithoutShebang(server=FakeServer()))


def job(job_id: str, **options: Any) -> NewJob:
    lane = {"key": options["key"]} if "key" in options else {}
    return NewJob(job_id, options.pop("queue", "default"), {"data": b"[]", "timeout": 180, **lane}, **options)


def status(client: Redis, job_id: str) -> str | None:
    found = cast(bytes | None, client.hget(keys.job(job_id), "status"))
    return found.decode() if found else None


def waiting(client: Redis, queue: str = "default") -> list[str]:
    return [job_id.decode() for job_id in cast(list[bytes], client.lrange(keys.queue(queue), 0, -1))]


def registered(client: Redis, kind: str, queue: str = "default") -> list[str]:
    return [job_id.decode() for job_id in cast(list[bytes], client.zrange(keys.registry(kind, queue), 0, -1))]


def lane(client: Redis, key: str) -> list[str]:
    return [job_id.decode() for job_id in cast(list[bytes], client.lrange(keys.lane(key), 0, -1))]


def end(client: Redis, job_id: str, how: str = "finished", queue: str = "default") -> None:
    """What RQ does with a job that is over."""
    client.lrem(keys.queue(queue), 1, job_id)
    client.hset(keys.job(job_id), "status", how)


def make_due(client: Redis, *job_ids: str, queue: str = "default") -> None:
    client.zadd(keys.registry("scheduled", queue), {job_id: at for at, job_id in enumerate(job_ids, 1)})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
class TestFile:
    def test_says_what_it_is_takes_and_returns(self, file: Path) -> None:
        header = SHEBANG.sub("", file.read_text().split("\n\n")[0])
        assert all(line.startswith("-- ") or line == "--" for line in header.splitlines())
        assert header.startswith(f"-- {file.stem}: ")
        for word in ("KEYS", "ARGV", "returns"):
            assert re.search(rf"^-- {word}  \S", header, re.M)

    def test_names_every_key_and_argument_it_uses(self, file: Path) -> None:
        header, _, body = file.read_text().partition("\n\n")
        for table in ("KEYS", "ARGV"):
            said = re.search(rf"^-- {table}  (.*?)^-- (?:[A-Z]|returns)", header, re.M | re.S)
            assert said
            used = set(re.findall(rf"{table}\[(\d+)\]", body))
            assert used <= set(re.findall(r"\d+", said[1]))

    def test_has_one_typed_function(self, file: Path) -> None:
        function = getattr(scripts, file.stem)
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty
        assert f'"{file.stem}"' in inspect.getsource(inspect.getmodule(function) or scripts)

    def test_has_only_includes_that_exist_and_are_used(self, file: Path) -> None:
        text, whole = file.read_text(), call.source(file.stem)
        for name in INCLUDE.findall(text):
            library = (FOLDER / "lib" / f"{name}.lua").read_text()
            defined = re.findall(r"^local (?:function )?([a-z_]+)", library, re.M)
            assert any(re.search(rf"\b{word}\b", whole.replace(library, "")) for word in defined)
        assert "@include" not in INCLUDE.sub("", text)
        assert "@include" not in whole


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: file.stem)
def test_each_library_says_what_it_defines_and_somebody_includes_it(file: Path) -> None:
    text = file.read_text()
    if "local function" in text:
        assert text.startswith(f"-- {file.stem}(")
        assert f"local function {file.stem}(" in text
    assert text.startswith("-- ")
    assert any(file.stem in INCLUDE.findall(script.read_text()) for script in FILES)


def flagged(flag: str) -> set[str]:
    found = ((file.stem, SHEBANG.match(file.read_text())) for file in FILES)
    return {name for name, shebang in found if ((shebang[1] if shebang else "") or "") == flag}


def test_only_scripts_that_end_work_may_run_when_memory_is_full() -> None:
    assert flagged("") == {"admit", "declare", "fire", "ring", "tell", "write"}


def test_what_people_look_at_may_be_read_on_a_replica_too() -> None:
    assert flagged("no-writes") == {"awaited", "peek", "queued", "snapshot"}


def test_no_script_has_another_flag() -> None:
    assert flagged("") | flagged("no-writes") | flagged("allow-oom") == {file.stem for file in FILES}


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)))
@example(datetime(2024, 2, 29, 23, 59, 59, 999999))
@example(datetime(2100, 2, 28))
@example(datetime(2100, 3, 1))
def test_iso_writes_the_time_as_rq_does(when: datetime) -> None:
    seconds = int((when - datetime(1970, 1, 1)).total_seconds())
    script = call.part("iso") + "return iso(tonumber(ARGV[1]), tonumber(ARGV[2]))"
    found = FAKE.eval(script, 0, str(seconds), str(when.microsecond))
    assert found == utcformat(when.replace(tzinfo=UTC)).encode()


def test_admit_saves_a_job_as_rq_keeps_it_and_queues_it(client: Redis) -> None:
    assert scripts.admit(client, [job("a")]) == [True]
    saved = cast(dict[bytes, bytes], client.hgetall(keys.job("a")))
    assert saved[b"created_at"] == saved[b"enqueued_at"]
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", saved.pop(b"created_at"))
    saved.pop(b"enqueued_at")
    assert saved == {b"status": b"queued", b"origin": b"default", b"data": b"[]", b"timeout": b"180"}
    assert waiting(client) == ["a"]
    assert client.smembers(keys.QUEUES) == {b"rq:queue:default"}


def test_admit_leaves_a_job_that_exists_as_it_is(client: Redis) -> None:
    scripts.admit(client, [job("a")])
    client.hset(keys.job("a"), "status", "started")
    assert scripts.admit(client, [job("a", queue="other"), job("b")]) == [False, True]
    assert status(client, "a") == "started"
    assert (waiting(client), waiting(client, "other")) == (["a", "b"], [])


def test_admit_takes_an_id_again_once_its_job_is_gone(client: Redis) -> None:
    scripts.admit(client, [job("a")])
    client.delete(keys.job("a"))
    assert scripts.admit(client, [job("a")]) == [True]


def test_admit_refuses_a_unique_id_even_when_its_job_is_gone(client: Redis) -> None:
    assert scripts.admit(client, [job("a", unique=True)]) == [True]
    client.delete(keys.job("a"))
    assert scripts.admit(client, [job("a", unique=True)]) == [False]
    assert status(client, "a") is None
    assert 0 < client.ttl(f"{keys.OURS}:unique:a") <= UNIQUE_FOR


def test_admit_keeps_a_delayed_job_for_its_time(client: Redis) -> None:
    scripts.admit(client, [job("a", delay=60.5, key="k")])
    [(_, due)] = cast(
        list[tuple[bytes, float]], client.zrange(keys.registry("scheduled", "default"), 0, -1, withscores=True)
    )
    seconds, micro = client.time()
    assert due == pytest.approx(seconds + micro / 1e6 + 60.5, abs=5)
    assert status(client, "a") == "scheduled"
    assert (waiting(client), lane(client, "k")) == ([], [])


def test_admit_keeps_the_order_given_and_puts_the_urgent_in_front(client: Redis) -> None:
    scripts.admit(client, [job("a"), job("b"), job("c", at_front=True), job("d", queue="other")])
    assert waiting(client) == ["c", "a", "b"]
    assert waiting(client, "other") == ["d"]


def test_admit_lets_only_the_head_of_a_lane_go(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k"), job("b", key="k"), job("c"), job("d", key="l"), job("e", key="k")])
    assert waiting(client) == ["a", "c", "d"]
    assert lane(client, "k") == ["a", "b", "e"]
    assert [status(client, job_id) for job_id in "abe"] == ["queued", "deferred", "deferred"]
    assert sorted(registered(client, "deferred")) == ["b", "e"]
    assert sorted(cast(list[bytes], client.zrange(keys.LANES, 0, -1))) == [b"k", b"l"]


def test_advance_leaves_a_head_that_is_not_over(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k"), job("b", key="k")])
    for unfinished in ("queued", "started", "scheduled"):
        end(client, "a", unfinished)
        assert scripts.advance(client, ["k"]) == []
        assert lane(client, "k") == ["a", "b"]


@pytest.mark.parametrize("how", ["finished", "failed", "stopped", "canceled"])
def test_advance_lets_the_next_job_go_once_and_no_more(client: Redis, how: str) -> None:
    scripts.admit(client, [job("a", key="k"), job("b", key="k"), job("c", key="k")])
    end(client, "a", how)
    assert scripts.advance(client, ["k"]) == ["b"]
    before = (waiting(client), lane(client, "k"), registered(client, "deferred"))
    assert before == (["b"], ["b", "c"], ["c"])
    assert scripts.advance(client, ["k"]) == []
    assert (waiting(client), lane(client, "k"), registered(client, "deferred")) == before
    assert (status(client, "b"), status(client, "c")) == ("queued", "deferred")


def test_advance_passes_over_jobs_that_are_gone(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k"), job("b", key="k"), job("c", key="k", queue="other")])
    client.delete(keys.job("a"), keys.job("b"))
    assert scripts.advance(client, ["k"]) == ["c"]
    assert waiting(client, "other") == ["c"]


def test_advance_forgets_a_lane_that_is_empty(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k")])
    end(client, "a")
    assert scripts.advance(client, ["k"]) == []
    assert not client.exists(keys.LANES, keys.lane("k"))


def test_a_sweep_advances_every_lane(client: Redis) -> None:
    scripts.admit(client, [job(f"{key}{at}", key=key) for key in "klm" for at in range(2)])
    end(client, "k0")
    end(client, "m0", "failed")
    assert sorted(lanes.sweep(client)) == ["k1", "m1"]
    assert lanes.sweep(client) == []


def test_promote_moves_only_the_jobs_that_are_due_oldest_first(client: Redis) -> None:
    scripts.admit(
        client, [job("a", delay=60), job("b", delay=60), job("c", delay=60), job("d", delay=60, queue="other")]
    )
    make_due(client, "c", "a")
    make_due(client, "d", queue="other")
    assert scripts.promote(client, "default") == 2
    assert waiting(client) == ["c", "a"]
    assert registered(client, "scheduled") == ["b"]
    assert [status(client, job_id) for job_id in "abcd"] == ["queued", "scheduled", "queued", "scheduled"]
    assert scripts.promote(client, "default") == 0


def test_promote_moves_no_more_than_its_limit(client: Redis) -> None:
    scripts.admit(client, [job(job_id, delay=60) for job_id in "abc"])
    make_due(client, "a", "b", "c")
    assert scripts.promote(client, "default", limit=2) == 2
    assert scripts.promote(client, "default", limit=2) == 1


def test_promote_drops_a_job_that_is_gone_or_no_longer_scheduled(client: Redis) -> None:
    scripts.admit(client, [job("a", delay=60), job("b", delay=60)])
    make_due(client, "a", "b")
    client.delete(keys.job("a"))
    client.hset(keys.job("b"), "status", "canceled")
    assert scripts.promote(client, "default") == 0
    assert (registered(client, "scheduled"), waiting(client)) == ([], [])


def test_promote_has_jobs_with_a_rate_limit_wait_for_a_slot(client: Redis) -> None:
    scripts.admit(client, [job("a", delay=60), job("b", delay=60)])
    for name in ("a", "b"):
        client.hset(keys.job(name), mapping={"rate_limit_key": "limit", "rate_limit_concurrency": 1})
        make_due(client, name)
    assert scripts.promote(client, "default") == 2
    assert registered(client, "scheduled") == []
    assert (waiting(client), status(client, "b")) == (["a"], "rate_limited")
    scripts.cancel(client, ["a"])
    assert (waiting(client), status(client, "b")) == (["b"], "queued")


def test_promote_puts_to_the_front_what_is_to_go_there(client: Redis) -> None:
    scripts.admit(client, [job("a"), job("b", delay=60), job("c", delay=60)])
    client.hset(keys.job("b"), "enqueue_at_front", 1)
    for name in ("b", "c"):
        make_due(client, name)
    assert scripts.promote(client, "default") == 2
    assert waiting(client) == ["b", "a", "c"]


def test_promote_sends_a_delayed_job_to_the_tail_of_its_lane(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k", delay=60), job("b", key="k")])
    make_due(client, "a")
    assert scripts.promote(client, "default") == 1
    assert lane(client, "k") == ["b", "a"]
    assert (status(client, "a"), waiting(client)) == ("deferred", ["b"])


def test_promote_lets_the_retried_head_of_a_lane_keep_its_place(client: Redis) -> None:
    scripts.admit(client, [job("a", key="k"), job("b", key="k")])
    end(client, "a", "scheduled")
    make_due(client, "a")
    assert scripts.promote(client, "default") == 1
    assert lane(client, "k") == ["a", "b"]
    assert waiting(client) == ["a"]


def test_publish_keeps_the_first_marker_and_the_latest_row(client: Redis) -> None:
    assert scripts.publish(client, "web-1", "{}", "first").marker == "first"
    assert scripts.publish(client, "web-1", '{"new": 1}', "second").marker == "first"
    assert client.hgetall(keys.PROCESSES) == {b"web-1": b'{"new": 1}'}


def test_publish_keeps_the_dead_for_7_days_and_64_rows_but_never_drops_the_living(client: Redis) -> None:
    for number in range(70):
        scripts.publish(client, f"web-{number}", "{}", "m")
    assert client.hlen(keys.PROCESSES) == 70
    now = client.time()[0]
    client.zadd(keys.SEEN, {f"web-{number}": now - 1000 + number for number in range(20)})
    client.zadd(keys.SEEN, {"web-0": 1})
    scripts.publish(client, "web-70", "{}", "m")
    rows = {name.decode() for name in cast(list[bytes], client.hkeys(keys.PROCESSES))}
    assert rows == {f"web-{number}" for number in range(7, 71)}
    assert client.zcard(keys.SEEN) == 64


def test_apps_that_come_and_go_push_out_no_other_row(client: Redis) -> None:
    scripts.publish(client, "worker-1", "{}", "m")
    client.zadd(keys.SEEN, {"worker-1": client.time()[0] - 86400})
    for number in range(70):
        scripts.publish(client, f"app-{number}", "{}", "m", memory=scripts.APPS)
    now = client.time()[0]
    client.zadd(keys.APPS, {f"app-{number}": now - 1000 + number for number in range(20)})
    client.zadd(keys.APPS, {"app-0": now - 3601})
    scripts.publish(client, "app-70", "{}", "m", memory=scripts.APPS)
    rows = {name.decode() for name in cast(list[bytes], client.hkeys(keys.PROCESSES))}
    assert rows == {"worker-1", *(f"app-{number}" for number in range(7, 71))}


def test_the_names_of_tasks_are_told_once_and_kept_by_who_has_them(client: Redis) -> None:
    assert scripts.publish(client, "worker-1", "{}", "m", code="c0de").named is False
    scripts.name_tasks(client, "c0de", ["shop.send"])
    client.expire(keys.task_names("c0de"), 60)
    assert scripts.publish(client, "worker-1", "{}", "m", code="c0de").named is True
    assert client.ttl(keys.task_names("c0de")) > 80000
    assert client.smembers(keys.task_names("c0de")) == {b"shop.send"}


def test_ring_sends_a_heartbeat_to_the_front(client: Redis) -> None:
    scripts.admit(client, [job("a")])
    assert scripts.ring(client, job("beat-1"), 60) is True
    assert waiting(client) == ["beat-1", "a"]
    assert status(client, "beat-1") == "queued"
    assert client.smembers(keys.QUEUES) == {b"rq:queue:default"}


def test_ring_adds_no_heartbeat_while_one_waits(client: Redis) -> None:
    scripts.ring(client, job("beat-1"), 60)
    assert scripts.ring(client, job("beat-2"), 60) is False
    assert waiting(client) == ["beat-1"]
    assert status(client, "beat-2") is None


@pytest.mark.parametrize("how", ["started", "finished", "failed"])
def test_ring_sends_another_once_the_last_is_taken(client: Redis, how: str) -> None:
    scripts.ring(client, job("beat-1"), 60)
    end(client, "beat-1", how)
    assert scripts.ring(client, job("beat-2"), 60) is True
    assert waiting(client) == ["beat-2"]
    assert status(client, "beat-1") == how


def test_ring_sends_another_when_the_queue_was_emptied(client: Redis) -> None:
    scripts.ring(client, job("beat-1"), 60)
    client.delete(keys.queue("default"))
    assert scripts.ring(client, job("beat-2"), 60) is True
    assert waiting(client) == ["beat-2"]


def test_a_heartbeat_that_nobody_takes_expires_and_leaves_no_pile_of_ids(client: Redis) -> None:
    scripts.admit(client, [job("a")])
    scripts.ring(client, job("beat-1"), 60)
    assert 0 < client.ttl(keys.job("beat-1")) <= 60
    client.delete(keys.job("beat-1"))  # as its time does
    assert scripts.ring(client, job("beat-2"), 60) is True
    assert waiting(client) == ["beat-2", "a"]


def test_echo_writes_down_the_last_heartbeat_only(client: Redis) -> None:
    for beat in ("beat-1", "beat-2"):
        scripts.ring(client, job(beat), 60)
        end(client, beat, "started")
    assert scripts.echo(client, "default", "beat-1", "worker-1", "inbound") is False
    assert client.hget(keys.heartbeat("default"), "back_at") is None
    assert scripts.echo(client, "default", "beat-2", "worker-1", "inbound") is True
    row = cast(dict[bytes, bytes], client.hgetall(keys.heartbeat("default")))
    assert (row[b"back_id"], row[b"back_by"], row[b"back:inbound"]) == (b"beat-2", b"worker-1", row[b"back_at"])
    assert float(row[b"back_at"]) - float(row[b"sent_at"]) == pytest.approx(float(row[b"took"]), abs=0.001)
