"""The pages for people, a file each."""

from web.pages import audit, failures, job, jobs, line, login, overview, schedules, workers

BLUEPRINTS = tuple(page.blueprint for page in (audit, failures, job, jobs, line, login, overview, schedules, workers))
