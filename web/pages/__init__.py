"""The pages for people, a file each."""

from web.pages import overview

BLUEPRINTS = (overview.blueprint,)
