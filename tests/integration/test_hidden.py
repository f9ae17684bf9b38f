"""No page and no answer shows a secret that a job was given, or that its error quotes; a new route is asked too."""

from datetime import UTC, datetime

import pytest
import rq
from redis import Redis
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer

from tests.everybody import EVERYBODY, come, routes
from tests.visitors import Make

SECRET = "Zqhunter2qZ"
ERROR = f"""Traceback (most recent call last):
  File "/app/shop.py", line 3, in login
    post(url, auth=("ann", "x"), password="{SECRET}")
shop.Refused: 401 for https://ann:{SECRET}@shop.example/?token={SECRET}&page=2, {{"api_key": "{SECRET}"}}
"""


@pytest.fixture
def failed(client: Redis) -> Job:
    """A job of plain RQ's, whose description holds what it was called with, that has failed."""
    queue = rq.Queue("default", connection=client, serializer=JSONSerializer)
    job = queue.enqueue("tests.tasks.add", kwargs={"password": SECRET, "file_key": "a/b.pdf"})
    assert SECRET in (job.description or "")
    queue.remove(job)
    job.ended_at = datetime.now(UTC)
    job.set_status(JobStatus.FAILED)
    job.save()
    FailedJobRegistry("default", connection=client).add(job, ttl=1000)
    Result.create_failure(job, 1000, ERROR)
    return job


@pytest.fixture
def waiting(client: Redis) -> Job:
    queue = rq.Queue("default", connection=client, serializer=JSONSerializer)
    return queue.enqueue("tests.tasks.add", kwargs={"password": SECRET, "key": 1})


def test_no_route_shows_a_secret(visitor: Make, failed: Job, waiting: Job) -> None:
    someone, known = come(visitor, EVERYBODY["operator"])
    shown = ""
    for job in (failed, waiting):
        for route in routes(someone):
            if route.method == "GET" and route.endpoint not in ("static", "live.stream"):
                with someone.get(route.path.replace("one", job.id), headers=known) as answer:
                    text = answer.data.decode().replace("\\u2022", "•")
                    assert SECRET not in text, route
                    shown += text
    assert "https://ann:•••@shop.example/?token=•••&page=2" in shown
    assert "/app/shop.py" in shown


def test_a_search_does_not_tell_whether_a_secret_is_there(visitor: Make, failed: Job, waiting: Job) -> None:
    someone, known = come(visitor, EVERYBODY["reader"])
    assert len(someone.get("/api/jobs?text=tests.tasks.add", headers=known).json["jobs"]) == 2  # type: ignore[index]
    for query in (f"text={SECRET}", f"text={SECRET[:4]}", f"error={SECRET}"):
        assert someone.get(f"/api/jobs?{query}", headers=known).json["jobs"] == [], query  # type: ignore[index]
