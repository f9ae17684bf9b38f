"""The pages for people, a file each."""

from web.pages import login, overview

BLUEPRINTS = (login.blueprint, overview.blueprint)
