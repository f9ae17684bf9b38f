"""The JSON API, a file for each thing that it is about."""

from web.api import audit, dead, jobs

BLUEPRINTS = (audit.blueprint, jobs.blueprint, dead.blueprint)
