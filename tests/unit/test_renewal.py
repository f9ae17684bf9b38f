"""``jobs.worker.renewal``: when a child is to be replaced."""

import os

import pytest

from jobs import read
from jobs.worker.renewal import Limits, resident

MIB = 2**20


@pytest.mark.parametrize(
    ("limits", "done", "memory", "why"),
    [
        (Limits(), 10**6, 10**12, None),
        (Limits(jobs=5), 4, 0, None),
        (Limits(jobs=5), 5, 0, "it has run 5 jobs"),
        (Limits(memory=100 * MIB), 1, 100 * MIB - 1, None),
        (Limits(memory=100 * MIB), 1, 100 * MIB, "it takes 100 MiB of memory"),
        (Limits(memory=100 * MIB), 0, 200 * MIB, None),  # so much it takes without any job
    ],
)
def test_a_child_is_replaced_for_what_it_has_done_or_takes(
    limits: Limits, done: int, memory: int, why: str | None
) -> None:
    assert limits.exceeded(done, memory) == why


def test_the_memory_of_a_process_is_known() -> None:
    assert MIB < resident(os.getpid()) < 2**40
    assert resident(2**22 + 1) == 0


@pytest.mark.parametrize("text", ["512MB", "512m", "512Mb", "524288k", str(512 * MIB)])
def test_a_size_may_be_written_as_people_do(text: str) -> None:
    assert read.size(text) == 512 * MIB
