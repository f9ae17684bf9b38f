"""The pages for people, a file each."""

from web.pages import audit, job, jobs, line, login, overview, schedules, workers

BLUEPRINTS = tuple(page.blueprint for page in (audit, job, jobs, line, login, overview, schedules, workers))
