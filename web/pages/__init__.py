"""The pages for people, a file each."""

from web import frame
from web.pages import audit, failures, job, jobs, lanes, line, login, overview, queues, schedules, workers

PAGES = (audit, failures, job, jobs, lanes, line, login, overview, queues, schedules, workers)
BLUEPRINTS = tuple(page.blueprint for page in PAGES)

for blueprint in BLUEPRINTS:
    blueprint.before_request(frame.look)
