"""Redis loses its data: emptied by hand, or started again on an empty volume."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker

from jobs import keys
from tests.battery.stand import WITHIN, Stand
from tests.chaos.server import Server
from tests.support import Processes, get, wait_for

CODE = "redis_lost_data"


@pytest.fixture(scope="module")
def stand(crew: Processes, server: Server) -> Iterator[Stand]:
    found = Stand(crew, server.url)
    found.work()
    yield found
    found.close()


def marker(server: Server) -> str:
    def read() -> bytes | None:
        try:
            return server.client.get(keys.MARKER)  # type: ignore[return-value]
        except RedisError:
            return None

    return wait_for(read, "a marker").decode()


def severity(stand: Stand) -> str:
    [found] = get(stand.port, "/health")[1]["findings"]
    assert found["code"] == CODE
    return str(found["severity"])


def works_again(stand: Stand, server: Server, lose: Callable[[], object], beside: frozenset[str]) -> None:
    """It is said in time, becomes a warning once a heartbeat has gone round, and outlives a restart of the worker."""
    before = marker(server)
    began = stand.looks[-1].at
    lose()
    wait_for(lambda: f"was {before} until" in stand.said.get(CODE, ""), CODE, WITHIN)
    wait_for(lambda: get(stand.port, "/health")[0] == 200, "a heartbeat to go round", WITHIN)
    assert severity(stand) == "warn"
    assert get(stand.port, "/readyz")[0] == 200
    assert f"and is {marker(server)}" in stand.said[CODE]
    wait_for(lambda: Worker.count(Redis(port=server.port)) == 1, "the worker to be registered again")
    assert stand.codes(since=began) - beside == {CODE}
    stand.dismiss_all()
    stand.work()
    stand.lasts(3)
    assert severity(stand) == "warn"
    assert stand.codes(since=began) - beside == {CODE}


def test_flushall(stand: Stand, server: Server) -> None:
    stand.is_calm()
    works_again(stand, server, server.client.flushall, frozenset())


def test_a_start_on_an_empty_volume(stand: Stand, server: Server) -> None:
    works_again(stand, server, server.lose, frozenset(["redis_unreachable"]))
