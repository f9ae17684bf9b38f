"""Queues, lanes, workers, schedules, locks and findings, as the API tells of them."""

from typing import get_args

from jobs.health.diagnosis import Code
from jobs.health.diagnosis.subjects import Kind
from jobs.lanes import State
from web.openapi.terms import (
    COUNT,
    CURSOR,
    FLAG,
    GIVEN,
    LIMIT,
    NUMBER,
    OBJECT,
    SECONDS,
    SECONDS_OF_A_YEAR,
    TEXT,
    TIME,
    Asked,
    Schema,
    by_name,
    choice,
    get,
    many,
    maybe,
    one_of,
    page,
    post,
    ref,
    said,
    shape,
)

KEY = {"type": "string", "minLength": 1, "maxLength": 512, "description": "512 bytes at most"}
AGE = said({"type": "number", "minimum": 0, "maximum": SECONDS_OF_A_YEAR}, "seconds; JOBS_KEEP where it is left out")
LANE_STATE = one_of(*get_args(State))
SWITCHED = shape(queue=TEXT, paused=FLAG, changed=said(FLAG, "false: it was so already"))
GOES_ON = shape(key=TEXT, depth=COUNT, state=LANE_STATE)

SCHEMAS: dict[str, Schema] = {
    "Queue": shape(
        name=TEXT,
        queued=COUNT,
        running=COUNT,
        scheduled=said(COUNT, "for later, and not tried yet"),
        retrying=said(COUNT, "failed, and to be tried again"),
        blocked=said(COUNT, "in a lane, or for another job"),
        due=said(COUNT, "of the scheduled, those whose time has come"),
        failed=COUNT,
        finished=COUNT,
        oldest=said(maybe(SECONDS), "for how long the first job has been queued"),
        wait=said(maybe(ref("Percentiles")), "for how long those were queued that ended in the last 5 min"),
        paused=FLAG,
        workers=said(many(TEXT), "ids of those that serve it"),
    ),
    "Cleaned": shape(removed=COUNT, complete=said(FLAG, "false: the time was up; send it again")),
    "Lane": shape(
        key=TEXT,
        depth=COUNT,
        head=maybe(TEXT),
        state=LANE_STATE,
        queue=maybe(TEXT),
        since=said(maybe(TIME), "since when its head runs, waits or has failed"),
        blocked=said(maybe(TEXT), "why its jobs wait"),
    ),
    "Loop": shape(name=TEXT, alive=FLAG, silence=SECONDS, limit=SECONDS, restarts=COUNT, errors=COUNT),
    "Worker": shape(
        id=TEXT,
        role=said(TEXT, "worker, web or scheduler"),
        type=maybe(TEXT),
        status=TEXT,
        alive=FLAG,
        host=TEXT,
        pid=maybe(NUMBER),
        service=TEXT,
        replica=TEXT,
        queues=many(TEXT),
        serializer=TEXT,
        tasks=COUNT,
        code=said(TEXT, "digest of its tasks: equal where they are"),
        commit=maybe(TEXT),
        outdated=said(FLAG, "it lives, and is of another commit than the process that started last"),
        versions=by_name(TEXT),
        slots=COUNT,
        busy=COUNT,
        running=said(
            many(shape(id=TEXT, seconds=SECONDS, task=TEXT, label=maybe(TEXT))),
            "the first jobs that a person would ask about",
        ),
        loops=many(ref("Loop")),
        processed=COUNT,
        failed=COUNT,
        crashes=COUNT,
        started_at=TIME,
        last_seen_at=TIME,
    ),
    "Schedule": shape(
        name=TEXT,
        spec=TEXT,
        zone=TEXT,
        queue=said(maybe(TEXT), "null: the first of JOBS_QUEUES"),
        state=one_of("on", "paused", "orphan", "passed over", "error", "rq-scheduler"),
        error=maybe(TEXT),
        paused=FLAG,
        ours=said(FLAG, "false: an entry of rq-scheduler's, which is only shown"),
        next_at=maybe(TIME),
        last_at=maybe(TIME),
        last_job=maybe(TEXT),
    ),
    "Lock": shape(
        name=TEXT,
        job=said(maybe(TEXT), "whose it is; null: it was not taken in a job"),
        process=TEXT,
        token=NUMBER,
        since=TIME,
        ttl=said(SECONDS, "until it runs out, unless it is renewed"),
        run_id=maybe(TEXT),
    ),
    "TypeLock": shape(type=TEXT, worker=maybe(TEXT), token=NUMBER, since=maybe(TIME), ttl=maybe(SECONDS)),
    "Finding": shape(
        code=one_of(*get_args(Code)),
        severity=one_of("warn", "fail"),
        summary=TEXT,
        evidence=OBJECT,
        remedy=TEXT,
        since=maybe(TIME),
        about=said(many(shape(kind=one_of(*get_args(Kind)), name=TEXT)), "what it names, each of which has a page"),
    ),
}

QUEUES = (
    get("/api/queues", "Every queue with its counts", shape(queues=many(ref("Queue")))),
    get("/api/queues/{name}", "One queue with its counts", ref("Queue"), refuses=(404,)),
    post("/api/queues/{name}/pause", "Let no worker take from a queue", SWITCHED, refuses=(404,)),
    post("/api/queues/{name}/resume", "Let workers take from a queue again", SWITCHED, refuses=(404,)),
    post(
        "/api/queues/{name}/clean",
        "Remove what is over of a queue",
        ref("Cleaned"),
        choice(older=maybe(AGE), failed=said(FLAG, "dead letters too")),
        body_optional=True,
        refuses=(404,),
    ),
    post(
        "/api/queues/{name}/empty",
        "Remove the jobs that wait in a queue; lanes go on",
        ref("Cleaned"),
        shape(confirm=said(TEXT, "the queue's name")),
        refuses=(404,),
    ),
    post(
        "/queue/clean",
        "Remove what is over, of one queue or of all",
        ref("Cleaned"),
        choice(older=maybe(AGE), failed=FLAG, queue=maybe(TEXT)),
        body_optional=True,
    ),
)
LANES = (
    get(
        "/api/lanes",
        "Lanes that hold jobs, in no order",
        page("lanes", ref("Lane")),
        Asked("queue", GIVEN, "of the head"),
        Asked("state", LANE_STATE, "of the head"),
        Asked("key", GIVEN, "this one"),
        Asked("prefix", GIVEN, "those whose key begins so"),
        LIMIT,
        CURSOR,
    ),
    post("/api/lanes/resume", "Go on, the job that failed first", GOES_ON, shape(key=KEY), refuses=(404, 409)),
    post("/api/lanes/skip", "Go on without the job that failed", GOES_ON, shape(key=KEY), refuses=(404, 409)),
    post(
        "/api/lanes/clear",
        "Cancel every job that waits in a lane",
        shape(key=TEXT, canceled=COUNT),
        shape(key=KEY),
        refuses=(404,),
    ),
)
WORKERS = (
    get("/api/workers", "Every process, those of the last 7 days too", shape(workers=many(ref("Worker")))),
    post(
        "/api/workers/{worker_id}/stop",
        "Have a worker end as by SIGTERM",
        shape(id=TEXT, stopping=FLAG),
        status=202,
        refuses=(404, 409),
    ),
)
NEXT = shape(name=TEXT, paused=FLAG, changed=FLAG, next_at=maybe(TIME))
SCHEDULES = (
    get("/api/schedules", "What runs by the clock", shape(schedules=many(ref("Schedule")))),
    post("/api/schedules/{name}/run", "Make its job now", ref("Accepted"), status=202, refuses=(404, 422)),
    post("/api/schedules/{name}/pause", "Make no job of it", NEXT, refuses=(404,)),
    post("/api/schedules/{name}/resume", "Let it go on with its next slot", NEXT, refuses=(404,)),
)
OTHERS = (
    get(
        "/api/locks",
        "Locks that code holds, and the single worker of each type",
        shape(locks=many(ref("Lock")), types=many(ref("TypeLock")), next=maybe(TEXT)),
        Asked("prefix", GIVEN, "those whose name begins so"),
        LIMIT,
        CURSOR,
    ),
    get(
        "/api/findings",
        "What is known to be wrong, gravest first",
        shape(status=one_of("pass", "warn", "fail"), findings=many(ref("Finding")), seen_at=TIME),
    ),
)
OPERATIONS = {"queues": QUEUES, "lanes": LANES, "workers": WORKERS, "schedules": SCHEDULES, "locks, findings": OTHERS}
