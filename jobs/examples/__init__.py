"""Small systems to run and to read: ``python -m jobs example NAME``."""

from typing import NamedTuple


class Example(NamedTuple):
    module: str
    """Where its ``command`` is."""
    purpose: str


EXAMPLES = {
    "inbox": Example("jobs.examples.inbox.command", "Messages of many contacts, each contact's in order, none lost."),
    "threads": Example("jobs.examples.threads.command", "Conversations with a service that allows one run a thread."),
    "single": Example("jobs.examples.single.command", "Three types of workers, one of each works; one is killed."),
    "audio": Example("jobs.examples.audio.command", "Sounds measured in processes of their own, with progress."),
    "loops": Example("jobs.examples.loops.command", "Four loops that hang, die and freeze, and come back."),
    "isolation": Example("jobs.examples.isolation.command", "The line, broken in every way, and what is said of each."),
}
