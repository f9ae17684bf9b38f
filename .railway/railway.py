"""Signalbox on Railway: web and worker, or both in one service, and a Redis that keeps what it accepts.

Railway's command line evaluates this file with the ``python3`` on your PATH; the platform never reads it.

1. Set REPOSITORY, TASKS and ROLES below, and ``pip install railway-sdk``.
2. ``railway link`` an environment, and ``railway config plan``: read what would change.
3. ``railway config apply`` makes the services, without the values of the variables that say ``preserve()``: they are
   secrets, which belong to Railway, and ``preserve()`` means "as it is there".
4. Set those in the dashboard, then deploy: REDIS_PASSWORD of ``redis``, JOBS_TOKEN of the others. Until then Redis
   ends with "set it", and the others wait for it.

A service described here has the variables named here and no others: apply deletes the rest, so name them, with
``preserve()`` or a value, before you apply. That holds too for a service of the same name that you have already.

PARTIAL says that this file describes a part of the project. Without it the file describes the whole, and apply plans
to delete every service that is not in it. Do not rename it after an apply. In an environment that has such a part,
Railway refuses a file without a name.

The start command is in ``railpack.json``. How often Railway starts a service again is Railway's default, on failure
and 10 times, and is left out here, since a plan may show a default as a change each time.

Sources: https://docs.railway.com/infrastructure-as-code, and ``src/iac/`` of https://github.com/railwayapp/cli.
"""

from railway_sdk import define_railway, github, image, preserve, project, service, volume

PARTIAL = "signalbox"
REPOSITORY = "your-name/your-project"
TASKS = "shop.tasks"
"""The modules that hold your tasks."""
ROLES = ("web", "worker")
"""Or ``("combo",)``: web, worker and scheduler in one service."""
DRAINING = 15
REDIS = (
    'exec docker-entrypoint.sh redis-server --requirepass "${REDIS_PASSWORD:?set it}" --appendonly yes '
    "--appendfsync everysec --maxmemory-policy noeviction --dir /data"
)


@define_railway
def main(ctx=None):
    """A Redis, and a service for each of ROLES, which ``JOBS_ROLE`` tells apart."""
    data = volume("redis-data")
    # Railway's own Redis keeps no append-only file, so this is the plain image with options.
    redis = service(
        "redis",
        source=image("redis:8"),
        start=f"/bin/sh -c '{REDIS}'",  # an image's start command gets no shell of its own
        env={
            "REDIS_PASSWORD": preserve(),
            "REDIS_URL": "redis://default:${{REDIS_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:6379/0",
        },
        volumeMounts={"/data": data},
    )
    services = [
        service(
            role,
            source=github(REPOSITORY),
            healthcheck="/readyz",
            env={
                "JOBS_ROLE": role,
                "JOBS_TASKS": TASKS,
                "JOBS_TOKEN": preserve(),
                "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": str(DRAINING),
                "REDIS_URL": redis.env.REDIS_URL,
            },
        )
        for role in ROLES
    ]
    return project("signalbox", resources=[data, redis, *services])
