"""Tasks that run by the clock. Each run is a line in the file that ``CLOCKWORK`` names."""

import os
import time

from rq import get_current_job

from jobs import task
from tests.tasks import _append


@task(every="1s", attempts=1)
def often() -> None:
    """Notes which slot it ran for, and when."""
    job = get_current_job()
    assert job
    _append(os.environ["CLOCKWORK"], f"{job.id.rpartition('-')[2]} {time.time():.3f}")


@task(cron="30 2 * * *", tz="Europe/Berlin", queue="night", timeout=600, attempts=2, backoff=1)
def nightly() -> None:
    pass
