"""Browsers at an app in this process: quicker than a server, and on a real Redis all the same."""

import gc
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from web import create_app

OPERATOR, READER = "operators-token", "readers-token"
TOKENS = {"JOBS_TOKEN": OPERATOR, "JOBS_READ_TOKEN": READER}
FAR = "203.0.113.9"

Make = Callable[..., FlaskClient]


@pytest.fixture
def visitor(url: str, tasks: None) -> Iterator[Make]:
    """Makes visitors far away, at a line with the settings that are given, else with both tokens."""

    clients = []

    def make(**environ: str) -> FlaskClient:
        app = create_app(Settings.from_environ({"REDIS_URL": url, **(environ or TOKENS)}))
        clients.append(app.extensions["line"].client)
        found = app.test_client()
        found.environ_base["REMOTE_ADDR"] = FAR
        return found

    yield make
    for client in clients:
        client.close()
    gc.collect()  # the threads in which Redis is asked end with their app
