"""An app puts jobs in where nobody takes them, or as nobody reads them: the line says so, and so does the app."""

import signal
from collections.abc import Iterator

import pytest
from redis import Redis

from jobs import keys
from tests.battery.stand import Stand
from tests.chaos.server import Server
from tests.support import Process, Processes, free_port, get, post, wait_for

SCRIPT = "import time; from tests.battery.tasks import nap; nap.enqueue(0.01); print('put in'); time.sleep(600)"
UNHEARD = "accepted, but no worker has been seen on"


class Shop:
    """The app under gunicorn, which loads it before it forks, with a Redis of its own choice."""

    def __init__(self, stand: Stand, **environ: str) -> None:
        self.port = free_port()
        where = ("-b", f"127.0.0.1:{self.port}", "-w", "2", "--preload", "--no-control-socket")
        self.process = stand.start("-m", "gunicorn", *where, "tests.battery.shop:app", JOBS_INTRODUCE="1", **environ)
        wait_for(self._answers, "the shop to open")

    def _answers(self) -> bool:
        try:
            return get(self.port, "/")[0] == 200
        except OSError:
            return False

    def order(self) -> None:
        for _ in range(5):
            post(self.port, "/orders", {})

    def close(self) -> None:
        self.process.signal(signal.SIGTERM)
        self.process.ends()


@pytest.fixture(scope="module", autouse=True)
def worker(stand: Stand) -> Iterator[Process]:
    found = stand.work()
    stand.is_calm()
    yield found
    stand.dismiss_all()


def elsewhere(server: Server, db: int = 3) -> str:
    return f"{server.url.removesuffix('/0')}/{db}"


@pytest.mark.parametrize("difference", ["db", "prefix"])
def test_an_app_elsewhere_on_the_server(stand: Stand, server: Server, difference: str) -> None:
    environ = {"REDIS_URL": elsewhere(server)} if difference == "db" else {"RQ_KEY_PREFIX": "other"}
    shop = Shop(stand, **environ)
    shops = [shop]

    def repair() -> None:
        shop.close()
        shops.append(Shop(stand))
        shops[-1].order()

    try:
        said = stand.proves("different_namespace", shop.order, repair)
        assert ("into db 3, prefix rq" if difference == "db" else "into db 0, prefix other") in said
        assert "5 jobs waiting; none has been seen there in 7 days" in said
        warning = shop.process.says(UNHEARD)
        assert "workers on the same server look at db 0, prefix rq" in warning
        assert not [one for one in shops[-1].process.lines if UNHEARD in one]
    finally:
        shops[-1].close()


def test_an_app_that_writes_jobs_in_another_way(stand: Stand, line: Redis) -> None:
    shop = Shop(stand, JOBS_SERIALIZER="pickle")

    def repair() -> None:
        shop.close()
        stand.run("-m", "jobs", "dead", "delete", "--all", "--yes")

    said = stand.proves("serializer_mismatch", shop.order, repair)
    assert "pickle" in said or "could not read it" in said


def test_a_script_elsewhere_and_one_whose_worker_ends(stand: Stand, server: Server, worker: Process) -> None:
    """It says so itself for as long as nobody takes its job, and not once somebody does."""
    script = stand.start("-c", SCRIPT, JOBS_INTRODUCE="1", REDIS_URL=elsewhere(server, 4))
    warning = script.says(UNHEARD)
    assert "/4, prefix rq, for 'default': 1 job waiting" in warning
    other = stand.start("-m", "jobs", "worker", REDIS_URL=elsewhere(server, 4))
    other.says("is ready")
    away = Redis.from_url(elsewhere(server, 4))
    wait_for(lambda: not away.llen(keys.queue("default")), "its job to be taken")
    said = len([one for one in script.lines if UNHEARD in one])
    stand.lasts(3)
    assert len([one for one in script.lines if UNHEARD in one]) <= said + 1
    script.signal(signal.SIGKILL)
    other.signal(signal.SIGTERM)
    other.ends()
    stand.is_calm()


def test_an_app_on_another_server_asks_the_worker_itself(stand: Stand, crew: Processes, url: str) -> None:
    port = str(free_port())
    stand.work(JOBS_WORKER_PORT=port)
    where = {"REDIS_URL": url, "WORKER_HEALTH_URL": f"http://127.0.0.1:{port}"}
    script = stand.start("-c", SCRIPT, JOBS_INTRODUCE="1", **where)
    assert f"The worker at http://127.0.0.1:{port} works on another Redis" in script.says(UNHEARD)
    script.signal(signal.SIGKILL)
