"""``python -m web``: the app under gunicorn, with settings that keep health checks answered."""

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jobs.missing import told

with told():
    from flask import Flask
    from gunicorn.app.base import BaseApplication

    from jobs import logs
    from jobs.errors import SignalboxError
    from jobs.health import access
    from jobs.settings import Settings
    from jobs.supervise.process import die_with_launcher
    from web import create_app
    from web.threads import Threads

if TYPE_CHECKING:  # what it imports ends the process for a setting that shows at import; that is to be one line
    from web.line import Line

THREADS = 16


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured from our settings instead of its command line."""

    def __init__(self, settings: Settings, create: Callable[[Settings], Flask]) -> None:
        self._settings = settings
        self._create = create
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": _bind(self._settings),
            "worker_class": Threads,
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": 5,
            "control_socket_disable": True,
            "loglevel": "warning",
            "proc_name": "signalbox-web",
            "post_worker_init": _begin,
            "worker_exit": lambda arbiter, worker: worker.app.callable.extensions["line"].stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._create(self._settings)


def _begin(worker: Any) -> None:
    """Start the line in gunicorn's worker; who listens there is let go as soon as it is told to stop."""
    line: Line = worker.app.callable.extensions["line"]
    line.pulse.goes_on = lambda: bool(worker.alive)
    line.start()


def _bind(settings: Settings) -> list[str]:
    """All addresses where others must reach us, loopback where they must not."""
    host = settings.host
    if host is None:
        closed = settings.platform is None and not access.has_tokens(settings)
        hosts = ["127.0.0.1", "::1"] if closed else ["::"]
    else:
        hosts = [host]
    if not _has_ipv6():
        hosts = [{"::1": "127.0.0.1", "::": "0.0.0.0"}.get(host, host) for host in hosts]  # noqa: S104
    return [f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}" for host in dict.fromkeys(hosts)]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def main(create: Callable[[Settings], Flask] = create_app) -> int:
    """Serve what ``create`` makes, ``web.create_app`` or an app around it, until told to stop; the exit code."""
    try:
        die_with_launcher()
        settings = Settings.from_environ()
        logs.setup(settings)
        create(settings).extensions["line"].require()  # one line here, or a traceback in a loop of gunicorn's
    except SignalboxError as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return 2
    Server(settings, create).run()
    return 0


if __name__ == "__main__":
    with told():
        sys.exit(main())
