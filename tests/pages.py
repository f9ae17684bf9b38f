"""Pages of an app in this process, as the words and the parts that they have."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from jobs import registry
from jobs.health import heartbeat
from tests.visitors import OPERATOR, READER, Make


class View:
    """One page: ``status``, ``html``, and ``text``, which is what a person reads of its main part."""

    def __init__(self, client: FlaskClient, path: str) -> None:
        with client.get(path, headers={"Accept": "text/html"}) as answer:
            self.status, self.html = answer.status_code, answer.get_data(as_text=True)
        main = self.html.partition('<main id="main"')[2].partition("</main>")[0]
        self.main = main
        self.text = " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())

    def values(self, before: str, holding: str = "") -> list[str]:
        """What stands after a text, up to the next quote."""
        found = [unescape(part.partition('"')[0]) for part in self.main.split(before)[1:]]
        return [one for one in found if holding in one]

    def actions(self) -> set[str]:
        """The addresses that its buttons act upon."""
        return set(self.values('data-action="'))


@pytest.fixture
def operator(visitor: Make) -> FlaskClient:
    """One who may act."""
    return _allowed(visitor(), OPERATOR)


@pytest.fixture
def reader(visitor: Make) -> FlaskClient:
    """One who may only look."""
    return _allowed(visitor(), READER)


def _allowed(found: FlaskClient, token: str) -> FlaskClient:
    found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return found


def a_task() -> str:
    """The task that a page gives as an example: the first that this process knows."""
    return next(name for name in sorted(registry.names()) if name != heartbeat.TASK.name)
