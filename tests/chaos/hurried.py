"""``python -m tests.chaos.hurried COMMAND…``: what ``python -m jobs COMMAND…`` does, with a launcher whose clock runs
ten times as fast, and for which no number of kills is a crash loop."""

import runpy
from dataclasses import replace

from jobs.launcher import main
from jobs.supervise.restarts import Backoff

WAIT = 0.1
"""Seconds before each start, in place of 1 to 16."""
SILENCE = 3.0
"""In place of 30 s: an outage of a minute is as long as one of ten."""

if __name__ == "__main__":
    main.RULES = replace(main.RULES, backoff=Backoff(limit=10**6, first=WAIT, cap=WAIT), silence=SILENCE)
    runpy.run_module("jobs", run_name="__main__", alter_sys=True)
