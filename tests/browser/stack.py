"""Web under gunicorn, a worker and Redis, as they run in earnest."""

from typing import Any

from redis import Redis

from jobs import keys
from tests.support import ROOT, Processes, free_port, get, post, wait_for

TOKEN, READ_TOKEN = "browser-operator-token", "browser-reader-token"
QUEUES = "default,mail,images"


class Stack:
    """A running line. ``base`` is where its pages are, ``client`` reads its Redis."""

    def __init__(self, processes: Processes, url: str, **environ: str) -> None:
        self.client = Redis.from_url(url)
        self.enqueued: list[str] = []
        """The ids of all jobs, in order."""
        self._processes = processes
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        shop = ROOT / "tests" / "browser" / "demo"
        self._environ = {"REDIS_URL": url, "JOBS_TASKS": "shop", "JOBS_QUEUES": QUEUES, **environ}
        self._environ["PYTHONPATH"] = f"{ROOT}:{shop}"
        self.web = processes.start("-m", "web", PORT=str(self.port), **self._environ)
        self.worker = self.start_worker()
        self.web.says("is ready")

    def start_worker(self) -> Any:
        """One more, ready to work."""
        worker = self._processes.start("-m", "jobs", "worker", **self._environ)
        worker.says("is ready")
        return worker

    def until_clear(self) -> None:
        """Wait until a heartbeat has come back from every queue."""

        def back() -> bool:
            beats = (self.client.hget(keys.heartbeat(name), "back_at") for name in QUEUES.split(","))
            return all(beats)

        wait_for(back, "the heartbeats")

    def enqueue(self, task: str, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> str:
        """The id of a job that was accepted by the API."""
        body = {"task": task, "args": list(args), "kwargs": kwargs, **(options or {})}
        status, said, _ = post(self.port, "/api/jobs", body)
        assert status == 202, said
        self.enqueued.append(str(said["id"]))
        return self.enqueued[-1]

    def counts(self) -> dict[str, int]:
        """Over all queues, as ``/health/queue`` has them."""
        found: dict[str, int] = get(self.port, "/health/queue")[1]["queue"]
        return found

    def until(self, wanted: dict[str, int]) -> None:
        """Wait until there are at least so many."""

        def there() -> bool:
            counts = self.counts()
            return all(counts[name] >= number for name, number in wanted.items())

        try:
            wait_for(there, f"{wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.counts()}") from None
