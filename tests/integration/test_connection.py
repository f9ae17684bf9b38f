"""The connection factory against real servers: refusals, deadlines, TLS, Sentinel, Unix sockets."""

import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError

from jobs import connection, settings
from jobs.address import parse
from jobs.connection import open_client, require, wait
from jobs.dialing import RedisUnavailable, unavailable
from jobs.errors import SettingsError
from jobs.launcher.server import start
from jobs.launcher.servers import binary
from tests.support import free_port, wait_for


@contextmanager
def server(folder: Path, *options: str) -> Iterator[int]:
    port = free_port()
    process = start(folder, port, "--loglevel", "warning", *options)
    try:
        wait_for(lambda: _listens(port), "the server to listen")
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_client_name_says_role_prefix_and_instance(client: Redis) -> None:
    named = connection.connect(settings.current(), "web", instance="here-1")
    assert named.client_getname() in ("signalbox:web:rq:here-1", b"signalbox:web:rq:here-1")


def test_the_first_connect_is_logged_with_the_pid(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    connection.connect(settings.current(), "test", instance="logged").ping()
    assert [line for line in caplog.messages if "connected to 127.0.0.1" in line and "(pid " in line]


def test_a_retry_is_logged_with_its_delay(caplog: pytest.LogCaptureFixture) -> None:
    dead = open_client(parse(f"redis://127.0.0.1:{free_port()}"), "test", retries=1)
    with pytest.raises(ConnectionError):
        dead.ping()
    assert any("next one in 0.2 s" in line for line in caplog.messages)


def test_a_wrong_password_is_a_setting_to_blame_and_not_shown(tmp_path: Path) -> None:
    with server(tmp_path, "--requirepass", "right-password") as port:
        where = parse(f"redis://:wrong-password@127.0.0.1:{port}/0")
        with pytest.raises(SettingsError, match="refused the user name or password") as caught:
            require(open_client(where, "test"), where)
        assert "wrong-password" not in str(caught.value)
        with pytest.raises(SettingsError):
            wait(open_client(where, "test"), where, threading.Event())
        bare = parse(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(SettingsError, match="refused"):
            require(open_client(bare, "test"), bare)


def test_a_db_the_server_does_not_have_is_named(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        where = parse(f"redis://127.0.0.1:{port}/99")
        with pytest.raises(SettingsError, match="no db 99"):
            require(open_client(where, "test"), where)


def test_an_unreachable_host_is_one_line_for_a_one_shot_command() -> None:
    where = parse("redis://no-such-host.invalid:6379/0")
    with pytest.raises(RedisUnavailable, match=r"no-such-host\.invalid:6379/0 does not answer"):
        require(open_client(where, "test", retries=0), where)


def test_a_redis_that_loads_its_data_is_not_said_to_be_silent() -> None:
    error = BusyLoadingError("Redis is loading the dataset in memory", status_code="LOADING")
    said = unavailable(parse("redis://here:6379/0"), error)
    assert said.startswith("Redis at redis://here:6379/0: Redis is loading its data: ")
    assert "does not answer" not in said


def test_waiting_ends_when_redis_comes_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    where = parse(f"redis://127.0.0.1:{port}/0")
    answered: list[bool] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: answered.append(wait(open_client(where, "t", retries=0), where, stop)))
    thread.start()
    wait_for(lambda: any("waiting for Redis" in line for line in caplog.messages), "a line that says it waits")
    process = start(tmp_path, port, "--loglevel", "warning")
    thread.join(10)
    process.kill()
    process.wait()
    assert answered == [True]


def test_waiting_ends_when_told_to_stop() -> None:
    where = parse(f"redis://127.0.0.1:{free_port()}/0")
    stop = threading.Event()
    stop.set()
    assert wait(open_client(where, "test", retries=0), where, stop) is False


def test_a_command_ends_at_its_deadline_when_the_server_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = parse(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            open_client(where, "test", deadline=0.3, retries=0).ping()
        assert time.monotonic() - began < 2


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with server(tmp_path, "--unixsocket", str(path)):
        where = parse(f"unix://{path}?db=3")
        found = open_client(where, "test")
        assert found.ping()
        assert found.client_info()["db"] == 3


def test_rediss_verifies_the_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with server(tmp_path) as port, _tls_proxy(context, port) as tls:
        trusted = parse(f"rediss://localhost:{tls}/0?ssl_ca_certs={tmp_path / 'ca.pem'}")
        assert open_client(trusted, "test").ping()
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            open_client(parse(f"rediss://localhost:{tls}/0"), "test", retries=0).ping()
        other_name = parse(f"rediss://127.0.0.1:{tls}/0?ssl_ca_certs={tmp_path / 'ca.pem'}")
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            open_client(other_name, "test", retries=0).ping()


@contextmanager
def _tls_proxy(context: ssl.SSLContext, target: int) -> Iterator[int]:
    """A TLS end in front of a plain server, one thread a direction."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return
        finally:
            sink.close()

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                outside = context.wrap_socket(plain, server_side=True)
            except OSError:
                plain.close()
                continue
            inside = socket.create_connection(("127.0.0.1", target))
            for pair in ((outside, inside), (inside, outside)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_a_sentinel_url_finds_the_primary(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        sentinel = free_port()
        config = tmp_path / "sentinel.conf"
        config.write_text(f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor line 127.0.0.1 {port} 1\n")
        process = subprocess.Popen([binary(), config, "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: _listens(sentinel), "Sentinel to listen")
            where = parse(f"redis+sentinel://127.0.0.1:{sentinel}/line/2")
            found = open_client(where, "test")
            found.set("here", "1")
            assert Redis(port=port, db=2).get("here") == b"1"
        finally:
            process.kill()
            process.wait()
