"""What ``get_current_job`` gives does whatever RQ's own job does, and asks Redis nothing before it must."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import rq.job
from redis import Redis
from rq.exceptions import NoSuchJobError

from jobs import keys
from jobs.job import Job
from jobs.worker.lazy_job import lazy, read
from tests.integration.test_engine import accept

pytestmark = pytest.mark.usefixtures("tasks")


@pytest.fixture
def job(client: Redis) -> Job:
    return lazy(accept(client).id, client)


def asked(client: Redis) -> int:
    """Commands that the server has been given."""
    return int(client.info("stats")["total_commands_processed"])


def test_nothing_is_asked_of_redis_before_it_must_be(client: Redis, job: Job) -> None:
    before = asked(client)
    assert (job.id, job.key, isinstance(job, Job)) == (job._id, keys.job(job.id), True)
    assert asked(client) == before + 1
    read(job)
    after = asked(client)
    assert (job.origin, job.args, job.meta) == ("default", [1, 2], {})
    assert asked(client) == after + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("meta", {"seen": True}), ("description", "in words"), ("result_ttl", 77), ("failure_ttl", 78), ("timeout", 79)],
)
def test_what_is_set_before_anything_was_read_is_kept_and_saved(
    client: Redis, job: Job, name: str, value: object
) -> None:
    setattr(job, name, value)
    job.save()
    again = Job.fetch(job.id, client)
    assert getattr(job, name) == getattr(again, name) == value
    assert again.args == [1, 2]


def test_meta_that_takes_the_place_of_another_is_saved(client: Redis, job: Job) -> None:
    client.hset(keys.job(job.id), "meta", '{"old": 1}')
    job.meta = {"new": 2}
    job.save_meta()  # type: ignore[no-untyped-call]
    assert job.get_meta() == Job.fetch(job.id, client).meta == {"new": 2}


@pytest.mark.parametrize(
    "look",
    [
        lambda job: job.fetch_dependencies()[0],
        lambda job: job.dependency,
        lambda job: type(job).fetch(job.dependency_ids[0], job.connection),
        lambda job: type(job).fetch_many([job.dependency_ids[0]], job.connection)[0],
    ],
    ids=["fetch_dependencies", "dependency", "fetch", "fetch_many"],
)
def test_it_finds_the_job_that_it_depends_on(client: Redis, job: Job, look: Callable[[Any], Job]) -> None:
    first = accept(client)
    dependent = Job.create("tests.tasks.add", args=(1, 2), connection=client, depends_on=first.id)
    dependent.save()
    dependent.register_dependency()
    found = look(lazy(dependent.id, client))
    assert (found.id, found.args, type(found)) == (first.id, [1, 2], Job)


# Without those that RQ has replaced, and that which is another object each time.
PROPERTIES = sorted(
    name
    for name, what in inspect.getmembers(rq.job.Job)
    if isinstance(what, property) and name not in ("result", "exc_info", "execution_registry")
)


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_property_is_what_it_is_of_a_plain_job(client: Redis, job: Job, name: str) -> None:
    assert getattr(job, name) == getattr(Job.fetch(job.id, client), name)


@pytest.mark.parametrize(
    "ask",
    ["get_position", "get_status", "get_meta", "get_ttl", "get_call_string", "get_executions", "results",
     "latest_result", "return_value", "to_dict", "dependencies_are_met", "__str__", "__repr__"],
)  # fmt: skip
def test_each_question_is_answered_as_by_a_plain_job(client: Redis, job: Job, ask: str) -> None:
    assert getattr(job, ask)() == getattr(Job.fetch(job.id, client), ask)()


def test_a_name_that_no_job_has_is_an_attribute_error(job: Job) -> None:
    for _ in range(2):
        with pytest.raises(AttributeError, match="no_such_thing"):
            job.no_such_thing  # type: ignore[attr-defined]  # noqa: B018


def test_one_that_is_gone_is_told_by_name(client: Redis, job: Job) -> None:
    client.delete(keys.job(job.id))
    with pytest.raises(NoSuchJobError):
        job.meta  # noqa: B018
