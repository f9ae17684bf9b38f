"""The JSON API, a file for each thing that it is about."""

from web.api import dead, jobs

BLUEPRINTS = (jobs.blueprint, dead.blueprint)
