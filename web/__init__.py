"""The web part: health for machines, a page for people, an API to put work in."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from jobs.settings import Settings

DEADLINE = 1.0


def create_app(settings: "Settings | None" = None) -> "Flask":
    """The WSGI app. Opens nothing until it is asked or its ``Line`` is started.

    Raises ``SettingsError`` for a setting or a task module that cannot be used. Its parts are imported here, so
    that ``python -m web`` can say in one line what is wrong with a setting that shows at import.
    """
    from flask import Flask

    from jobs import registry
    from jobs.connection import connect
    from jobs.health.identity import process_id
    from jobs.health.presence import Presence
    from jobs.health.throttle import Throttle
    from jobs.health.watch import Watch
    from jobs.settings import current
    from web import api, assets, auth, bodies, frame, headers, health, live, pages, problems
    from web.line import Line

    settings = settings or current()
    registry.load(settings.tasks)
    me = process_id("web")
    client = connect(settings, "web", deadline=DEADLINE, retries=0, instance=me)
    presence = Presence(settings, "web", client, queues=settings.queues)
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["line"] = Line(settings, client, Watch(settings, client), presence)
    app.extensions["throttle"] = Throttle()
    problems.install(app)
    headers.install(app)
    frame.install(app)
    assets.install(app)
    app.before_request(auth.identify)
    bodies.install(app)
    for blueprint in (health.blueprint, live.blueprint, *api.BLUEPRINTS, *pages.BLUEPRINTS):
        app.register_blueprint(blueprint)
    return app
