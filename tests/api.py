"""The API in this process, against the test's own Redis."""

import gc
from typing import Any

from flask.testing import FlaskClient

from jobs.settings import current
from web import create_app

Answer = tuple[int, dict[str, Any]]


class Api:
    """Asks as a caller on this machine does; each answer is its status and its JSON."""

    def __init__(self) -> None:
        self._client: FlaskClient = create_app(current()).test_client()

    def close(self) -> None:
        """Let go of Redis, and have the threads in which it is asked end; they end with their app."""
        self._client.application.extensions["line"].client.close()
        del self._client
        gc.collect()

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> Answer:
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        with self._client.open(path, method=method, json=body) as answer:
            found = answer.get_json()
            assert (answer.mimetype == "application/problem+json") == (answer.status_code >= 400), answer.mimetype
            return answer.status_code, found
