"""The line as it is now, for what the API tells of it."""

from jobs.health.watch import View
from web.line import line
from web.problems import Problem


def view() -> View:
    """What is seen of the line; a problem, 503, where Redis does not tell."""
    found = line().watch.view()
    if found.snapshot.error:
        raise Problem(503, found.snapshot.trouble, f"nothing is known of the line ({found.snapshot.error})")
    return found
