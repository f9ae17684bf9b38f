"""The JSON API, a file for each thing that it is about."""

from web.api import (
    actions,
    audit,
    count,
    dead,
    description,
    findings,
    history,
    jobs,
    lanes,
    locks,
    queues,
    schedules,
    workers,
)

BLUEPRINTS = (
    audit.blueprint,
    jobs.blueprint,
    actions.blueprint,
    count.blueprint,
    dead.blueprint,
    queues.blueprint,
    lanes.blueprint,
    workers.blueprint,
    schedules.blueprint,
    locks.blueprint,
    findings.blueprint,
    history.blueprint,
    description.blueprint,
)
