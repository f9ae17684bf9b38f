"""What ``get_current_job`` gives: RQ's job, read from Redis on first use, because most tasks never look."""

from typing import Any

from redis import Redis

from jobs.job import Job


class LazyJob(Job):
    """A job of which only the id is known yet. Any other use reads it, and makes a plain ``Job`` of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """What RQ makes by ``type(job)``, such as another job that it fetches, is a plain ``Job`` from the start."""
        object.__setattr__(self, "__class__", Job)
        Job.__init__(self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        read(self)
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        read(self)
        setattr(self, name, value)

    def __repr__(self) -> str:
        read(self)
        return repr(self)

    def __str__(self) -> str:
        read(self)
        return str(self)


def lazy(job_id: str, connection: Redis) -> Job:
    """The job of that id, which is not looked up yet."""
    job = LazyJob.__new__(LazyJob)
    job.__dict__.update(_id=job_id, connection=connection)
    return job


def read(job: Job) -> None:
    """Read a lazy job now, in one round trip; any other is left as it is.

    Raises ``rq.exceptions.NoSuchJobError`` when it is gone, and ``RedisError``.
    """
    if type(job) is LazyJob:
        found = Job.fetch(job.id, job.connection)
        job.__dict__.update(found.__dict__)
        object.__setattr__(job, "__class__", Job)
