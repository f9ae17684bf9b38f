"""A stand for each module: starting one costs more than what is proven on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs import address, connection, registry
from tests.battery.stand import Stand
from tests.chaos.server import Server
from tests.support import Processes


@pytest.fixture(scope="module")
def crew() -> Iterator[Processes]:
    """Starts the processes of a module and leaves none."""
    found = Processes()
    yield found
    found.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis of the module's own, to be ill-treated."""
    found = Server(tmp_path_factory.mktemp("redis"))
    found.start()
    yield found
    found.close()


@pytest.fixture(scope="module")
def stand(crew: Processes, server: Server) -> Iterator[Stand]:
    found = Stand(crew, server.url)
    yield found
    found.close()


@pytest.fixture
def line(stand: Stand) -> Iterator[Redis]:
    """A client of the stand's Redis; the tasks are known here."""
    registry.load(("tests.battery.tasks",))
    found: Any = connection.open_client(address.parse(stand.url), "battery", deadline=5, retries=0)
    yield found
    found.close()
