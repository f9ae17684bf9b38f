"""The demo's tasks: count the words of a file, and add up the counts."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from rq import get_current_job

from jobs import task
from jobs.job import Job

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@task(attempts=2, backoff=0.5)
def count(path: str) -> dict[str, Any]:
    """The lines of a text file, its words (as ``wc -w`` counts them) and how often each occurs."""
    text = Path(path).read_text(errors="replace", encoding="utf-8")
    return {
        "path": path,
        "lines": text.count("\n"),
        "words": len(text.split()),
        "occurrences": Counter(word.lower() for word in WORD.findall(text)),
    }


@task
def report(name: str, files: int) -> dict[str, Any]:
    """The totals of the ``count`` jobs ``<name>-0`` … and the ten words that occur most."""
    here = get_current_job()
    assert here, "report reads the results of other jobs, so it runs only as a job"
    job_ids = [f"{name}-{number}" for number in range(files)]
    counts = [job.return_value() for job in Job.fetch_many(job_ids, here.connection) if job]
    done = [found for found in counts if found]
    occurrences: Counter[str] = Counter()
    for found in done:
        occurrences.update(found["occurrences"])
    return {
        "files": len(done),
        "lines": sum(found["lines"] for found in done),
        "words": sum(found["words"] for found in done),
        "distinct": len(occurrences),
        "top": sorted(occurrences.items(), key=lambda item: (-item[1], item[0]))[:10],
    }
