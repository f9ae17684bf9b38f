"""The line as it is now, for what the API tells of it."""

from jobs.health.watch import View
from jobs.refusals import WORDS
from web.line import line
from web.problems import Problem


def view() -> View:
    """What is seen of the line; a problem, 503, where Redis does not answer."""
    found = line().watch.view()
    if found.snapshot.error:
        raise Problem(503, WORDS[found.snapshot.kind].title, f"nothing is known of the line ({found.snapshot.error})")
    return found
