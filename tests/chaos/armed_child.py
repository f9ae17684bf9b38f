"""No tasks: named in ``JOBS_TASKS``, it arms the child that imports it."""

from tests.chaos import steps

steps.arm("child")
