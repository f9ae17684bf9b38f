"""One worker of a type works, the others stand by: real processes, real signals."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import psutil
import pytest
from redis import Redis
from rq import Worker

from jobs import keys, lock, prepare, queues, scripts
from jobs.health import snapshot
from jobs.health.diagnosis import Limits, diagnose
from jobs.launcher.server import start
from jobs.supervise import instance
from jobs.supervise.instance import HELD, Holder, Instance
from tests import tasks as t
from tests.support import Process, Processes, free_port, get, is_alive, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

TTL = 2.0
SOON = 0.5
"""Seconds in which a process that was frozen ends itself once it runs again."""
SLACK = 2.0
"""Seconds past the ttl in which another is at work."""
Start = Callable[..., Process]


@pytest.fixture
def single(processes: Processes, tasks: None) -> Start:
    """Starts a single worker of a type, with a short ttl."""

    def begin(kind: str, *arguments: str, **environ: str) -> Process:
        environ = {"JOBS_LEASE": str(TTL), **environ}
        return processes.start("-m", "jobs", "worker", "--type", kind, "--single", *arguments, **environ)

    return begin


class Trace(NamedTuple):
    text: str
    token: int
    pid: int
    at: float


def traces(path: Path) -> list[Trace]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [Trace(text, int(token), int(pid), float(at)) for text, token, pid, at in map(str.split, lines)]


def submit(client: Redis, kind: str, path: Path, text: str, seconds: float = 0.01) -> None:
    queues.submit(client, [prepare(t.trace, str(path), text, seconds, queue=kind)])


def runs(path: Path, text: str, within: float = 20.0, other_than: int = 0) -> Trace:
    """The first that a job says, once it runs; not in this process."""
    return wait_for(
        lambda: next((one for one in traces(path) if one.text == text and one.pid != other_than), None), text, within
    )


def holder(client: Redis, kind: str) -> Holder | None:
    return next((lock.holder for lock in instance.locks(client) if lock.type == kind), None)


def wait_for_holder(client: Redis, kind: str, process: Process, within: float = 20.0) -> Holder:
    def look() -> Holder | None:
        found = holder(client, kind)
        return found if found and found.pid == process.popen.pid else None

    return wait_for(look, f"{process.popen.pid} to hold {kind}", within)


def row(client: Redis, process: Process) -> dict[str, object]:
    """What a process says of itself."""
    rows = cast(dict[bytes, bytes], client.hgetall(keys.PROCESSES))
    return next((found for text in rows.values() if (found := json.loads(text))["pid"] == process.popen.pid), {})


def stop(pids: list[int]) -> None:
    """Stop processes, and wait until the last of their threads has: it may run on for some milliseconds."""
    for pid in pids:
        psutil.Process(pid).suspend()
    threads = [stat for pid in pids for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    wait_for(lambda: all(stat.read_text().rpartition(") ")[2][0] == "T" for stat in threads), "all to stand still")


def test_three_types_start_together_and_all_run(client: Redis, single: Start, tmp_path: Path) -> None:
    kinds = ("inbound", "outbound", "reports")
    workers = {kind: single(kind) for kind in kinds}
    log = tmp_path / "log"
    for kind in kinds:
        submit(client, kind, log, kind)
    for kind in kinds:
        runs(log, kind)
        workers[kind].says(f"[{kind}] registered")
        workers[kind].says(f"[{kind}] listening on {kind}")
    assert {key.decode() for key in client.keys("worker:instance:lock:*")} == {
        f"worker:instance:lock:{kind}" for kind in kinds
    }


def test_a_type_serves_the_queues_of_the_map(client: Redis, single: Start, tmp_path: Path) -> None:
    worker = single("inbound", JOBS_TYPES="inbound=inbox,default;outbound=mail")
    worker.says("[inbound] listening on inbox, default")
    for queue in ("inbox", "default"):
        submit(client, queue, tmp_path / "log", queue)
        runs(tmp_path / "log", queue)


class TestTheSameTypeTwice:
    @pytest.fixture
    def pair(self, client: Redis, single: Start) -> tuple[Process, Process, int]:
        first, port = single("inbound"), free_port()
        first.says("is ready")
        second = single("inbound", JOBS_WORKER_PORT=str(port))
        second.says("[inbound] stands by")
        return first, second, port

    def test_one_works(self, pair: tuple[Process, Process, int], client: Redis, tmp_path: Path) -> None:
        first, second, _ = pair
        for number in range(20):
            submit(client, "inbound", tmp_path / "log", f"job-{number}")
        for number in range(20):
            runs(tmp_path / "log", f"job-{number}")
        [child] = first.tree()[1:]
        assert {one.pid for one in traces(tmp_path / "log")} == {child.pid}
        assert second.tree()[1:] == []

    def test_the_other_is_ready_and_names_the_holder(self, pair: tuple[Process, Process, int], client: Redis) -> None:
        first, second, port = pair
        held = wait_for_holder(client, "inbound", first)
        assert held.worker in second.says("[inbound] stands by: held by")
        wait_for(lambda: get(port, "/readyz")[0] == 200, "the standby to be ready")
        said = {"type": "inbound", "state": "standby", "holder": held.worker}
        assert get(port, "/readyz")[1]["instance"] == said
        assert get(port, "/health")[1]["instance"] == said
        mine = row(client, second)
        assert (mine["status"], mine["type"], mine["holder"], mine["queues"]) == ("standby", "inbound", held.worker, [])
        theirs = row(client, first)
        assert (theirs["status"], theirs["holder"], theirs["token"]) == ("ready", held.worker, held.token)

    def test_the_other_is_registered_only_when_it_takes_over(
        self, pair: tuple[Process, Process, int], client: Redis
    ) -> None:
        first, second, _ = pair

        def registered() -> set[int]:
            return {int(name.split("-")[-2]) for name in (worker.name for worker in Worker.all(client))}

        assert registered() == {first.popen.pid}
        first.signal(signal.SIGTERM)
        second.says("[inbound] registered")
        assert registered() == {second.popen.pid}

    def test_health_counts_the_one_that_works(self, pair: tuple[Process, Process, int], client: Redis) -> None:
        seen = snapshot.read(client, ("inbound",), 0)
        assert [process.row["pid"] for process in seen.alive("worker")] == [pair[0].popen.pid]

    def test_the_other_works_soon_after_the_holder_is_killed(
        self, pair: tuple[Process, Process, int], client: Redis, tmp_path: Path
    ) -> None:
        first, second, _ = pair
        log = tmp_path / "log"
        submit(client, "inbound", log, "before")
        before = runs(log, "before")
        killed = time.monotonic()
        first.signal_all(signal.SIGKILL)
        submit(client, "inbound", log, "after")
        after = runs(log, "after")
        assert after.at - killed <= TTL + SLACK
        assert after.token > before.token > 0
        wait_for(lambda: row(client, second)["status"] == "ready", "it to say so")

    def test_a_graceful_stop_gives_the_lock_back_at_once_after_the_children_have_ended(
        self, client: Redis, single: Start, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        first, second = (single("outbound", "--concurrency", "1", JOBS_LEASE="60") for _ in range(2))
        submit(client, "outbound", log, "long", 1.0)
        pid = runs(log, "long").pid
        if pid not in [one.pid for one in first.tree()]:
            first, second = second, first
        first.signal(signal.SIGTERM)
        submit(client, "outbound", log, "after")
        after = runs(log, "after")
        last = max(one.at for one in traces(log) if one.pid == pid)
        assert last < after.at < last + 5
        first.says("[outbound] given back")
        assert first.ends() == 0
        wait_for_holder(client, "outbound", second)


def test_restarted_in_the_same_host_with_the_same_pid_it_waits_and_works(
    client: Redis, single: Start, tmp_path: Path
) -> None:
    """What a container's PID 1 finds after SIGKILL: its own host and pid in the lock, and another's boot."""
    host = socket.gethostname()
    details = json.dumps({"host": host, "replica": "", "pid": 1, "boot": "dead"})[1:-1]
    token = scripts.take_instance(client, "inbound", f"worker-{host}-1-dead", details, TTL).token
    worker = single("inbound")
    worker.says(f"[inbound] stands by: held by worker-{host}-1-dead")
    submit(client, "inbound", tmp_path / "log", "job")
    assert runs(tmp_path / "log", "job").token > token
    assert worker.popen.poll() is None


def test_the_same_host_and_pid_of_another_boot_is_another(client: Redis) -> None:
    first, second = (
        Instance(client, "inbound", Holder(f"worker-h-1-{boot}", "h", "", 1, boot), 60, trust=_trust, cut_off=_cut_off)
        for boot in ("a", "b")
    )
    first.attend()
    second.attend()
    assert (first.is_ours, second.is_ours) == (True, False)
    assert second.holder == holder(client, "inbound")
    first_token = first.token
    first.release()
    second._next = 0.0
    second.attend()
    assert second.token > first_token
    second.release()


def _trust(token: int, until: float) -> None:
    assert token > 0
    assert until > time.monotonic()


def _cut_off() -> None:
    raise AssertionError("it was trusted")


def test_one_that_is_not_to_stand_by_ends_with_a_code_of_its_own(client: Redis, single: Start) -> None:
    first = single("inbound")
    first.says("is ready")
    second = single("inbound", "--if-held", "exit")
    assert second.ends() == HELD == 75
    assert (holder(client, "inbound") or Holder("")).worker in second.says("ends with code 75")
    assert first.popen.poll() is None


@pytest.mark.parametrize("whole", [True, False], ids=["the whole tree", "the keeper"])
def test_a_holder_that_was_stopped_past_its_ttl_touches_no_job_after_waking(
    client: Redis, single: Start, tmp_path: Path, whole: bool
) -> None:
    log = tmp_path / "log"
    first = single("inbound")
    first.says("is ready")
    second = single("inbound")
    second.says("stands by")
    submit(client, "inbound", log, "running", 60)
    pid = runs(log, "running").pid
    stop([one.pid for one in first.tree()] if whole else [first.popen.pid])
    if not whole:
        wait_for(lambda: not is_alive(pid), "its child to end by itself", within=TTL)
    submit(client, "inbound", log, "next")
    after = runs(log, "next", other_than=pid)
    woken = time.monotonic()
    first.signal_all(signal.SIGCONT)
    first.says("[inbound] stands by: held by worker")
    again = runs(log, "running", other_than=pid)  # put back, and run under the new token
    submit(client, "inbound", log, "last")
    runs(log, "last")
    touched = {one.text for one in traces(log) if one.pid == pid}
    assert touched == {"running"}
    latest = max(one.at for one in traces(log) if one.pid == pid)
    assert latest < max(woken + SOON, min(after.at, again.at)), "what ran is ended as soon as it wakes"
    assert again.token == after.token > traces(log)[0].token
    assert not psutil.pid_exists(pid)
    assert client.hget(keys.job(_id_of(client, "running")), "interruptions") is None
    assert first.popen.poll() is None


def _id_of(client: Redis, text: str) -> str:
    for key in client.scan_iter(keys.job("*")):
        if f'"{text}"'.encode() in (client.hget(key, "data") or b""):
            return str(key.decode().removeprefix(keys.job("")))
    raise AssertionError(f"no job of {text}")


class TestWithoutRedis:
    @pytest.fixture
    def port(self, monkeypatch: pytest.MonkeyPatch) -> int:
        found = free_port()
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{found}/0")
        return found

    @pytest.fixture
    def redis(self, port: int, tmp_path: Path) -> Iterator[psutil.Process]:
        server = start(tmp_path, port, "--loglevel", "warning")
        client = Redis(port=port)
        wait_for(lambda: _answers(client), "the server to answer")
        yield psutil.Process(server.pid)
        server.kill()
        server.wait()

    def test_a_holder_that_gets_no_answer_stops_its_work_in_time_and_goes_on_later(
        self, redis: psutil.Process, port: int, single: Start, tmp_path: Path
    ) -> None:
        client, log = Redis(port=port), tmp_path / "log"
        worker = single("inbound")
        submit(client, "inbound", log, "long", 60)
        pid, token = runs(log, "long").pid, traces(log)[0].token
        stopped = time.monotonic()
        redis.suspend()
        wait_for(lambda: not psutil.pid_exists(pid), "the work to stop", within=TTL + SLACK)
        assert max(one.at for one in traces(log)) - stopped < TTL
        redis.resume()
        again = runs(log, "long", other_than=pid)
        assert again.token > token > 0
        assert worker.popen.poll() is None

    def test_a_read_only_server_ends_the_work_in_time_and_not_the_process(
        self, redis: psutil.Process, port: int, single: Start, tmp_path: Path
    ) -> None:
        client, log = Redis(port=port), tmp_path / "log"
        worker = single("inbound")
        submit(client, "inbound", log, "long", 60)
        pid, token = runs(log, "long").pid, traces(log)[0].token
        since = time.monotonic()
        client.replicaof("127.0.0.1", "1")
        wait_for(lambda: not psutil.pid_exists(pid), "the work to stop", within=TTL + SLACK)
        assert max(one.at for one in traces(log)) - since < TTL
        client.replicaof("NO", "ONE")
        assert runs(log, "long", other_than=pid).token > token > 0
        assert worker.popen.poll() is None

    def test_a_job_that_holds_the_interpreter_is_ended_too(
        self, redis: psutil.Process, port: int, single: Start, tmp_path: Path
    ) -> None:
        client, log = Redis(port=port), tmp_path / "log"
        single("inbound")
        queues.submit(client, [prepare(t.hog, str(log), queue="inbound")])
        pid = int(wait_for(lambda: log.read_text() if log.exists() else None, "the job"))
        redis.suspend()
        wait_for(lambda: not psutil.pid_exists(pid), "the work to stop", within=TTL)
        redis.resume()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except OSError:
        return False


class TestTheCommand:
    def test_it_shows_who_holds_what(self, client: Redis, single: Start, processes: Processes) -> None:
        worker = single("inbound")
        worker.says("is ready")
        held = wait_for_holder(client, "inbound", worker)
        taken = scripts.take_instance(client, "mail", "worker-x", '"host": "x"', 60)
        scripts.drop_instance(client, "mail", taken.token)
        command = processes.start("-m", "jobs", "locks")
        assert command.ends() == 0
        title, *rows = command.lines
        assert title.split() == ["type", "holder", "age", "token", "runs", "out", "in"]
        assert rows[0].split()[:2] == ["inbound", held.worker]
        assert rows[0].split()[4] == str(held.token)
        assert rows[1].split() == ["mail", "free"]

    def test_it_shows_the_locks_that_code_holds(self, client: Redis, processes: Processes) -> None:
        with lock("thread:1", ttl=60) as lease:
            command = processes.start("-m", "jobs", "locks")
            assert command.ends() == 0
        title, row = command.lines
        assert title.split()[0] == "lock"
        assert row.split()[0] == "thread:1"
        assert str(lease.token) in row.split()

    def test_nothing_is_shown_where_nobody_was_single(self, url: str, processes: Processes) -> None:
        command = processes.start("-m", "jobs", "locks")
        assert command.ends() == 0
        assert command.lines == ["no lock is held, and no worker has been the single one of its type here"]

    def test_taken_away_the_holder_stops_before_another_begins(
        self, client: Redis, single: Start, processes: Processes, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        first = single("inbound")
        first.says("is ready")
        second = single("inbound")
        second.says("stands by")
        submit(client, "inbound", log, "long", 60)
        pid = runs(log, "long").pid
        command = processes.start("-m", "jobs", "locks", "release", "inbound", "--force")
        assert command.ends() == 0
        said = f"inbound is taken from {row(client, first)['id']}, token {traces(log)[0].token}: it stops its work"
        assert said in command.lines[0]
        again = runs(log, "long", other_than=pid)
        assert max(one.at for one in traces(log) if one.pid == pid) < again.at
        assert again.pid in [one.pid for one in second.tree()]

    def test_taken_away_it_is_nobodys_for_as_long_as_its_holder_may_trust_in_it(self, client: Redis) -> None:
        mine = scripts.take_instance(client, "inbound", "worker-a", '"host": "a"', 0.5)
        lost = instance.revoke(client, "inbound")
        assert lost
        assert lost.holder == Holder("worker-a", "a", token=mine.token, since=Holder.read(mine.value).since)
        assert 0 < lost.left <= 0.5
        assert not scripts.renew_instance(client, "inbound", mine.token, 60)
        assert not scripts.drop_instance(client, "inbound", mine.token)
        assert scripts.take_instance(client, "inbound", "worker-b", '"host": "b"', 60).token == 0
        wait_for(lambda: scripts.take_instance(client, "inbound", "worker-b", '"host": "b"', 60).token, "it to be free")

    def test_it_says_so_when_there_was_nothing_to_take(self, url: str, processes: Processes) -> None:
        command = processes.start("-m", "jobs", "locks", "release", "inbound", "--force")
        assert command.ends() == 0
        assert command.lines == ["inbound was free; nothing is changed"]

    def test_without_force_it_changes_nothing(self, client: Redis, single: Start, processes: Processes) -> None:
        worker = single("inbound")
        worker.says("is ready")
        command = processes.start("-m", "jobs", "locks", "release", "inbound")
        assert command.ends() == 2
        wait_for_holder(client, "inbound", worker)

    def test_a_lock_of_another_tool_that_never_runs_out_goes_at_once(
        self, client: Redis, single: Start, processes: Processes
    ) -> None:
        client.set(keys.instance("inbound"), "somebody:1")
        worker = single("inbound")
        worker.says("[inbound] stands by: held by somebody:1")
        way = worker.says("never runs out").partition("does not run: ")[2]

        def remedy() -> str | None:
            found = diagnose(snapshot.read(client, ["inbound"], 0), Limits(15.0))
            return next(
                (one.remedy for one in found if one.code == "no_worker" and "never runs out" in one.remedy), None
            )

        told = wait_for(remedy, "the remedy")
        assert "held by somebody:1" in told
        assert told.endswith(way)
        shown = processes.start("-m", "jobs", "locks")
        assert shown.ends() == 0
        assert shown.lines[1].split()[:2] + shown.lines[1].split()[-1:] == ["inbound", "somebody:1", "never"]
        command = processes.start(*way.split()[1:])
        assert command.ends() == 0
        assert "the type is free now" in command.lines[0]
        wait_for_holder(client, "inbound", worker)


def test_a_job_outside_of_a_single_worker_has_no_token(client: Redis, processes: Processes, tmp_path: Path) -> None:
    processes.start("-m", "jobs", "worker", JOBS_INSTANCE_TOKEN="5")
    submit(client, "default", tmp_path / "log", "job")
    assert runs(tmp_path / "log", "job").token == 0


def test_a_prefix_stands_before_the_lock(url: str, client: Redis, single: Start) -> None:
    worker = single("inbound", RQ_KEY_PREFIX="{shop}")
    worker.says("[inbound] registered")
    assert client.keys("*worker:instance:lock:*") == [b"{shop}:worker:instance:lock:inbound"]


def test_children_in_a_pool_are_ended_with_their_processes(client: Redis, single: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    worker = single("inbound", "--pool", "process", "--concurrency", "2")
    submit(client, "inbound", log, "long", 60)
    submit(client, "inbound", log, "other", 60)
    first, other = runs(log, "long"), runs(log, "other")
    assert first.token == other.token > 0
    assert first.pid != other.pid
    tree = worker.tree()[1:]
    stop([worker.popen.pid])
    wait_for(lambda: not any(is_alive(one.pid) for one in tree), "their end", within=TTL)
    worker.signal(signal.SIGCONT)
    assert runs(log, "long", other_than=first.pid).token > first.token
