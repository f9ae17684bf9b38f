"""``jobs.health.snapshot.read``: one round trip, one moment, and what is junk takes nothing else along."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.connection import Connection
from redis.exceptions import ResponseError
from rq.command import PUBSUB_CHANNEL_TEMPLATE

from jobs import catalog, keys, scripts
from jobs.health import snapshot
from jobs.health.snapshot import Foreign, Lane, QueueView, Server
from jobs.health.tally import tallies
from tests.chaos.server import Server as OwnServer
from tests.support import wait_for

ROW: dict[str, Any] = {
    "id": "worker-1", "role": "worker", "status": "ready", "queues": ["default"], "serializer": "json", "tasks": 3,
    "code": "c", "commit": "c", "started_at": 1.0, "counters": {},
}  # fmt: skip


@pytest.fixture
def line(client: Redis) -> Redis:
    """A worker that is alive, and a queue with two jobs, the first of which has its hash."""
    publish(client, json.dumps(ROW))
    fill(client, "mail")
    return client


def publish(client: Redis, row: str, process: str = "worker-1") -> float:
    return scripts.publish(client, process, row, "marker").at


def fill(client: Redis, queue: str) -> None:
    client.sadd(keys.QUEUES, keys.queue(queue))
    client.rpush(keys.queue(queue), f"{keys.HEARTBEAT}1", f"{queue}-1", f"{queue}-2")
    client.hset(
        keys.job(f"{queue}-1"),
        mapping={"status": "queued", "origin": queue, "enqueued_at": "2026-11-22T15:00:00.000000Z", "data": b"[]"},
    )


def halt(client: Redis, key: str, *ids: str) -> None:
    with client.pipeline() as transaction:
        transaction.zadd(keys.HALTED, {key: 7})
        transaction.rpush(keys.lane(key), *ids)
        transaction.execute()


def look(client: Redis) -> snapshot.Snapshot:
    return snapshot.read(client, ("default",), 0)


def test_a_look_is_one_round_trip_however_much_there_is(line: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        fill(line, f"q{number}")
    halt(line, "k", "a")
    look(line)  # who is connected is asked for now, and then not for 5 s
    line.script_flush()
    sent: list[Any] = []
    send: Any = Connection.send_packed_command

    def count(self: Connection, *arguments: Any, **options: Any) -> None:
        sent.append(arguments)
        send(self, *arguments, **options)

    monkeypatch.setattr(Connection, "send_packed_command", count)
    assert len(look(line).queues) == 42
    assert len(sent) == 1


def test_a_look_is_of_one_moment(line: Redis, url: str) -> None:
    """A lane that halts and goes on as fast as it can is never seen half halted."""
    done, looks, halts = threading.Event(), 0, 0

    def halt_and_go_on() -> None:
        with closing(Redis.from_url(url)) as other:
            while not done.is_set():
                halt(other, "k", "a", "b")
                with other.pipeline() as transaction:
                    transaction.delete(keys.HALTED, keys.lane("k"))
                    transaction.execute()

    thread = threading.Thread(target=halt_and_go_on)
    thread.start()
    try:
        while min(halts, looks - halts) < 50:
            seen = look(line)
            assert (seen.halts, seen.halted) in ((0, ()), (1, (Lane("k", "a", 2, 7.0),)))
            looks, halts = looks + 1, halts + seen.halts
    finally:
        done.set()
        thread.join()


def test_the_queues_watched_come_first_and_each_comes_once(line: Redis) -> None:
    for name in ("mail", "default", "a", "ä"):
        fill(line, name)
    assert [queue.name for queue in look(line).queues] == ["default", "a", "mail", "ä"]


def test_a_queue_by_its_first_jobs_without_heartbeats(line: Redis) -> None:
    line.zadd(keys.registry("wip", "mail"), {"mail-0:token": 1, f"{keys.HEARTBEAT}0:token": 2})
    line.zadd(keys.registry("scheduled", "mail"), {"later": 9, "soon": 8})
    [_, mail] = look(line).queues
    assert (mail.waiting, mail.waiting_ids, mail.head_format) == (2, ("mail-1", "mail-2"), "json")
    assert (mail.active, mail.active_ids, mail.scheduled, mail.next_at) == (1, ("mail-0",), 2, 8.0)
    assert mail.oldest_at is not None


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_a_lane_whose_head_runs_has_its_depth(line: Redis, separators: tuple[str, str]) -> None:
    running = [{"id": name, "for": 5.0, "left": None, "still": 0} for name in ("a", "no-lane", "gone")]
    line.hset(keys.job("a"), "key", "k")
    line.hset(keys.job("no-lane"), "key", "")
    line.rpush(keys.lane("k"), "a", "b", "c")
    at = publish(line, json.dumps({**ROW, "type": "running", "running": running}, separators=separators))
    [lane] = look(line).held_up
    assert (lane.key, lane.head, lane.depth) == ("k", "a", 3)
    assert lane.since == pytest.approx(at - 5)


def test_workers_that_are_none_of_ours_are_foreign_while_they_have_a_hash(line: Redis) -> None:
    line.sadd(keys.WORKERS, *map(keys.worker, ("stock", "dead", "odd", "worker-host-1-0123abcd")))
    for name in ("stock", "worker-host-1-0123abcd"):
        line.hset(keys.worker(name), "queues", "default,low")
    line.set(keys.worker("odd"), "junk")
    assert look(line).foreign == ()  # it has been killed: nobody listens for its commands
    with line.pubsub() as ears:
        ears.subscribe(PUBSUB_CHANNEL_TEMPLATE % "stock")
        wait_for(lambda: ears.get_message(timeout=1), "it to listen")
        assert look(line).foreign == (Foreign("stock", ("default", "low")),)
        line.expire(keys.worker("stock"), 30)
        assert look(line).foreign == ()  # it has said nothing for a minute, of its 90 s


def test_junk_in_keys_of_one_queue_lane_or_job_takes_nothing_else_along(line: Redis) -> None:
    halt(line, "odd", "a")
    kinds = ("wip", "finished", "failed", "scheduled", "deferred")
    own = [keys.queue("odd"), keys.heartbeat("odd"), *(keys.registry(kind, "odd") for kind in kinds)]
    line.sadd(keys.QUEUES, keys.queue("odd"))
    line.zadd(keys.registry("failed", "mail"), {"odd": 1})
    publish(line, json.dumps({**ROW, "running": [{"id": "odd", "for": 1.0, "left": None, "still": 0}]}))
    for key in (*own, keys.lane("odd"), keys.job("odd"), keys.results("odd"), keys.job("mail-1")):
        line.delete(key)
        line.set(key, "junk")
    seen = look(line)
    assert seen.queues[0] == QueueView("default")
    assert (seen.queues[1].waiting_ids, seen.queues[1].failed) == (("mail-1", "mail-2"), 1)
    assert seen.queues[2] == QueueView("odd")
    assert (seen.halted, seen.held_up) == ((Lane("odd", "", 0, 7.0),), ())


@pytest.mark.parametrize("row", ["", "[", '"running": [{"id": "a"}]', '{"running": "x"}', "[" * 100_000, "\0"])
def test_a_row_that_is_junk_takes_nothing_else_along(line: Redis, row: str) -> None:
    publish(line, row, "odd")
    assert [process.id for process in look(line).processes] == ["worker-1"]


@pytest.mark.parametrize("key", [keys.PROCESSES, keys.SEEN, keys.QUEUES, keys.PAUSED, keys.HALTED, keys.WORKERS])
def test_junk_where_the_line_itself_is_kept_is_an_error(line: Redis, key: str) -> None:
    line.delete(key)
    line.set(key, "junk")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        look(line)


@pytest.fixture
def narrow(line: Redis, url: str) -> Iterator[Redis]:
    """A client that may not ask how the server is."""
    line.execute_command("ACL", "SETUSER", "narrow", "on", ">pw", "~*", "&*", "+@all", "-info", "-config")
    with closing(Redis.from_url(url.replace("redis://", "redis://narrow:pw@"))) as found:
        yield found
    line.execute_command("ACL", "DELUSER", "narrow")


def test_where_the_server_may_not_be_asked_about_itself_the_line_is_seen(narrow: Redis) -> None:
    seen = look(narrow)
    assert (seen.server, [process.id for process in seen.processes]) == (Server(), ["worker-1"])


@pytest.mark.parametrize("ill", [OwnServer.make_read_only, OwnServer.make_full])
def test_a_server_that_takes_no_writes_is_seen(tmp_path: Path, ill: Callable[[OwnServer], None]) -> None:
    server = OwnServer(tmp_path)
    server.start()
    with closing(server):
        fill(server.client, "mail")
        ill(server)
        seen = look(server.client)
        assert (seen.queues[1].waiting, bool(seen.server.replica_of or seen.server.limit)) == (2, True)
        assert [one.queued for one in tallies(server.client, seen)] == [0, 2]
        assert [job.id for job in catalog.page(server.client).jobs] == ["mail-1"]
