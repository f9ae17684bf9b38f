"""The pages for people, a file each."""

from web.pages import audit, login, overview, schedules, workers

BLUEPRINTS = (audit.blueprint, login.blueprint, overview.blueprint, schedules.blueprint, workers.blueprint)
