"""``python -m tests.chaos.armed ROLE COMMAND…``: what ``python -m jobs COMMAND…`` does, in a process that can be told
at which step to die."""

import runpy
import sys
from typing import cast

from tests.chaos import steps

OVERTIME = 1.0
"""Seconds, so that nobody has to wait for the usual five."""

if __name__ == "__main__":
    steps.arm(cast(steps.Role, sys.argv.pop(1)))
    from jobs.worker import nursery  # not before: what it imports may keep the steps as they are

    nursery.OVERTIME = OVERTIME
    runpy.run_module("jobs", run_name="__main__", alter_sys=True)
