"""The whole Railway environment: web, worker, and a Redis that keeps what it accepts.

Read by ``railway config plan`` and ``railway config apply`` with the ``railway-sdk`` package. Set REPOSITORY
to yours, and REDIS_PASSWORD and JOBS_TOKEN in the dashboard, where secrets belong. Railway's own Redis template
keeps no append-only file; queues want one, so the Redis here is the plain image with its options in the start
command, on a volume.
"""

from railway_sdk import define_railway, github, image, preserve, project, service, volume

REPOSITORY = "your-name/your-project"
START = "exec python -m jobs start"
DRAINING = 15
DEPLOY = {"restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 10, "drainingSeconds": DRAINING}
REDIS = (
    'exec docker-entrypoint.sh redis-server --requirepass "${REDIS_PASSWORD:?set it}" --appendonly yes '
    "--appendfsync everysec --maxmemory-policy noeviction --dir /data"
)


@define_railway
def main(ctx=None):
    """Three services. Web and worker share one start command; ``JOBS_ROLE`` tells them apart."""
    data = volume("redis-data")
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
    shared = {
        "REDIS_URL": redis.env.REDIS_URL,
        "JOBS_TOKEN": preserve(),
        "JOBS_TASKS": preserve(),
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": str(DRAINING),  # so that the processes know it
    }
    services = [
        service(
            role,
            source=github(REPOSITORY),
            start=START,
            healthcheck="/readyz",
            healthcheckTimeout=120,
            deploy=DEPLOY,
            env={**shared, "JOBS_ROLE": role},
        )
        for role in ("web", "worker")
    ]
    return project("signalbox", resources=[data, redis, *services])
