"""What every test may use: a real server of its own database, and a clean environment."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said in one line where pip could install only pytest
    sys.exit("Signalbox needs Python 3.11 or newer; this is " + sys.version.split()[0])

import itertools
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs import connection, registry, settings
from jobs.launcher.server import start
from tests.api import Api
from tests.support import ROOT, Processes, free_port, wait_for
from tests.visitors import visitor as visitor

for variable in [
    name for name in os.environ if name.startswith(("JOBS_", "REDIS", "RAILWAY_", "RQ_")) or name == "PORT"
]:
    del os.environ[variable]

os.environ["JOBS_INTRODUCE"] = "0"  # or each test that puts a job in would be a part of the line that it looks at

for number in (signal.SIGINT, signal.SIGHUP):
    if (
        signal.getsignal(number) is signal.SIG_IGN
    ):  # in the background, or under nohup; what is started would inherit it
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """A thread that never ends would keep the whole run from ending."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in left:
        thread.join(5)
    assert [thread.name for thread in left if thread.is_alive()] == []


SERVER = os.environ.pop("TEST_SERVER", None)
"""A server's program, for the tests to be run on it; by default the newest that is here."""


@pytest.fixture(scope="session")
def server_port(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[int]:
    """A real server for the whole session."""
    if SERVER:
        with _server(tmp_path_factory, Path(SERVER)) as port:
            yield port
    else:
        yield request.getfixturevalue("newest_server_port")


@pytest.fixture(scope="session")
def newest_server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server for what not every server can do (WAITAOF): the newest, from PATH or the wheel."""
    with _server(tmp_path_factory, None) as port:
        yield port


@contextmanager
def _server(folders: pytest.TempPathFactory, program: Path | None) -> Iterator[int]:
    port, folder = free_port(), folders.mktemp("server")
    process = start(folder, port, "--databases", "1000", "--loglevel", "warning", program=program)
    client = Redis(port=port)
    wait_for(lambda: _answers(client), "the test server to answer")
    yield port
    process.terminate()
    process.wait(10)


_numbers = itertools.cycle(range(1, 990))


@pytest.fixture
def url(server_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own, which is this process's Redis for the length of the test."""
    db = next(_numbers)
    address = f"redis://127.0.0.1:{server_port}/{db}"
    monkeypatch.setenv("REDIS_URL", address)
    _forget()
    yield address
    Redis.from_url(address).flushdb()
    _forget()


@pytest.fixture
def client(url: str) -> Iterator[Redis]:
    found = connection.connect(settings.current(), "test")
    yield found
    found.close()


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks of ``tests.tasks``, here and in every process that the test starts."""
    monkeypatch.setenv("JOBS_TASKS", "tests.tasks")
    _forget()
    registry.load(("tests.tasks",))


@pytest.fixture
def api(url: str, tasks: None) -> Iterator[Api]:
    """The API, in this process."""
    with closing(Api()) as found:
        yield found


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Starts processes and leaves none."""
    found = Processes()
    yield found
    found.end()


def _forget() -> None:
    for found in vars(connection).values():  # ``settings.current`` is among them
        if clear := getattr(found, "cache_clear", None):
            clear()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder of its own: the Procfile, and no Redis configured."""
    (tmp_path / "Procfile").write_text((ROOT / "Procfile").read_text())
    return tmp_path
