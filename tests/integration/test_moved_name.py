"""The name in REDIS_URL is given to another Redis while the old one lives on.

What stands for DNS is a file: each process under test asks it in ``socket.getaddrinfo``. Servers and ways are real.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.launcher.server import start
from tests.support import ROOT, Process, Processes, free_port, get, wait_for

NAME = "moving.test"
OLD, NEW, OTHER_WAY = "127.0.0.1", "127.0.0.2", "127.0.0.3"
HOSTS = f"""
import json, os, socket
from pathlib import Path

folder, real = Path(__file__).parent, socket.getaddrinfo

def look_up(host, *more, **options):
    if host != {NAME!r}:
        return real(host, *more, **options)
    with open(folder / "asked", "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    return [info for one in json.loads((folder / "hosts").read_text()) for info in real(one, *more, **options)]

socket.getaddrinfo = look_up
"""


class Names:
    """What the name leads to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sitecustomize.py").write_text(HOSTS)
        (folder / "asked").touch()
        self.give(OLD)

    def give(self, *addresses: str) -> None:
        draft = self.folder / "draft"
        draft.write_text(json.dumps(addresses))
        draft.replace(self.folder / "hosts")

    def asked(self) -> int:
        return len((self.folder / "asked").read_text().splitlines())


@contextmanager
def server(folder: Path, port: int, *addresses: str) -> Iterator[None]:
    folder.mkdir()
    process = start(folder, port, "--loglevel", "warning", "--bind", *addresses)
    try:
        for address in addresses:
            wait_for(lambda host=address: _answers(host, port), f"{address} to answer")  # type: ignore[misc]
        yield
    finally:
        process.kill()
        process.wait()


def _answers(host: str, port: int) -> bool:
    with closing(Redis(host=host, port=port)) as client, suppress(RedisError):
        return bool(client.ping())
    return False


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    found = free_port()
    with server(tmp_path / "old", found, OLD, OTHER_WAY), server(tmp_path / "new", found, NEW):
        yield found


@pytest.fixture
def names(tmp_path: Path) -> Names:
    folder = tmp_path / "names"
    folder.mkdir()
    return Names(folder)


@pytest.fixture
def health(port: int, names: Names, processes: Processes) -> int:
    """The port on which a worker answers that found its Redis by the name."""
    found = free_port()
    worker: Process = processes.start(
        "-m",
        "jobs",
        "worker",
        REDIS_URL=f"redis://{NAME}:{port}/0",
        PYTHONPATH=f"{names.folder}:{ROOT}",
        JOBS_WORKER_PORT=str(found),
        JOBS_HEARTBEAT="3",
    )
    worker.says(" is ready")
    wait_for(lambda: "different_redis" not in codes(found), "nothing to be found")
    return found


def codes(port: int) -> list[str]:
    return [finding["code"] for finding in get(port, "/health")[1]["findings"]]


def test_a_name_that_leads_to_another_redis_is_found_and_goes_with_the_repair(health: int, names: Names) -> None:
    names.give(NEW)
    wait_for(lambda: "different_redis" in codes(health), "the move to be noticed", within=15)
    [found] = [one for one in get(health, "/health")[1]["findings"] if one["code"] == "different_redis"]
    assert NEW in found["summary"]
    names.give(OLD)
    wait_for(lambda: "different_redis" not in codes(health), "the finding to go", within=15)


def test_who_reconnects_to_another_redis_says_so(health: int, names: Names, port: int) -> None:
    """Nothing was lost: the jobs are where they were."""
    names.give(NEW)
    with closing(Redis(host=OLD, port=port)) as old:
        was, _ = old.info("server")["run_id"], old.client_kill_filter(_type="normal", skipme=True)
    found = wait_for(
        lambda: [one for one in get(health, "/health")[1]["findings"] if one["code"] == "redis_lost_data"],
        "the other data to be noticed",
        within=15,
    )
    assert f"is another server than before (run id {was}, now " in found[0]["summary"]
    assert "accepted before are there" in found[0]["summary"]


@pytest.mark.parametrize("addresses", [(OTHER_WAY,), (OLD, NEW), (OTHER_WAY, NEW), ("127.0.0.9",)])
def test_another_answer_alone_is_no_finding(health: int, names: Names, addresses: tuple[str, ...]) -> None:
    """Another way to the same data, one more address beside ours, and one at which nobody answers."""
    names.give(*addresses)
    before = names.asked()
    wait_for(lambda: names.asked() >= before + 4, "the name to be looked up some times")
    assert "different_redis" not in codes(health)
