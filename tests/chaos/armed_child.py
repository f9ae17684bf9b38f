"""No tasks: named in ``JOBS_TASKS``, it arms the child that imports it. The processes of its pool stay as they are."""

import multiprocessing

from tests.chaos import steps

if multiprocessing.parent_process() is None:
    steps.arm("child")
