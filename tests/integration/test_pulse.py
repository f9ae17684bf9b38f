"""``web.pulse``: one look for however many ask, whatever Redis does."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.connection import connect
from jobs.health.watch import View, Watch
from jobs.settings import Settings, current
from tests.integration.test_dead import accept
from tests.pages import View as Page
from tests.pages import operator
from web import DEADLINE
from web.pulse import Pulse

__all__ = ["operator"]


def test_many_who_ask_while_redis_does_not_answer_share_one_look(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        settings = Settings.from_environ()
        with closing(connect(settings, "web", deadline=DEADLINE, retries=0)) as frozen, ThreadPoolExecutor(8) as many:
            pulse, began = Pulse(Watch(settings, frozen), frozen), time.monotonic()
            beats = list(many.map(lambda _: pulse.now(), range(8)))
            assert all(beat.view.snapshot.error for beat in beats)
            assert time.monotonic() - began < 5


def test_what_somebody_has_done_is_seen_at_once(client: Redis) -> None:
    pulse = Pulse(Watch(current(), client), client)
    before = pulse.now()
    assert pulse.now() is before
    pulse.forget()
    assert pulse.now() is not before


class Eventful(Watch):
    """Just before each look a job more waits in lane ``late``."""

    def view(self) -> View:
        accept(self._client, key="late")
        return super().view()


@pytest.mark.parametrize("path", ["/lanes", "/jobs", "/jobs?key=late"])
def test_no_page_shows_an_earlier_state_than_its_signature_tells_of(
    client: Redis, operator: FlaskClient, path: str
) -> None:
    """Else it would stay as it is: nothing that it is told would be new to it."""
    operator.application.extensions["line"].pulse = Pulse(Eventful(current(), client), client)
    assert "late" in Page(operator, path).main.partition("</form>")[2]
