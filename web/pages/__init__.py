"""The pages for people, a file each."""

from web.pages import audit, login, overview

BLUEPRINTS = (audit.blueprint, login.blueprint, overview.blueprint)
