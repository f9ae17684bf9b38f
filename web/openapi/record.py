"""What was done and what became of jobs over time, as the API tells of them; and this description itself."""

from jobs.history import SPANS
from web.openapi.terms import (
    COUNT,
    CURSOR,
    GIVEN,
    LIMIT,
    OBJECT,
    SECONDS,
    TEXT,
    TIME,
    Asked,
    Schema,
    get,
    many,
    maybe,
    one_of,
    page,
    ref,
    said,
    shape,
)

SCHEMAS: dict[str, Schema] = {
    "Action": shape(
        id=TEXT,
        at=TIME,
        actor=TEXT,
        action=said(TEXT, "such as queue.pause"),
        target=said(TEXT, "to what, in words"),
    ),
    "Percentiles": said(shape(p50=SECONDS, p95=SECONDS, p99=SECONDS), "seconds"),
    "Bucket": shape(
        start=TIME,
        finished=COUNT,
        failed=COUNT,
        retried=COUNT,
        wait=maybe(ref("Percentiles")),
        run=maybe(ref("Percentiles")),
    ),
    "History": shape(
        queue=maybe(TEXT),
        task=maybe(TEXT),
        span=one_of(*SPANS),
        step=said(COUNT, "seconds from one bucket to the next"),
        buckets=many(ref("Bucket")),
        total=ref("Bucket"),
        deploys=many(shape(commit=TEXT, at=TIME)),
        queues=many(TEXT),
        tasks=many(TEXT),
    ),
}

OPERATIONS = {
    "history": (
        get(
            "/api/history",
            "What ended over time, in a queue, of a task, or in all",
            ref("History"),
            Asked("queue", GIVEN),
            Asked("task", GIVEN, "or this, not both"),
            Asked("span", {**one_of(*SPANS), "default": SPANS[0]}),
        ),
    ),
    "audit": (get("/api/audit", "Who did what, latest first", page("entries", ref("Action")), LIMIT, CURSOR),),
    "description": (get("/api/openapi.json", "This document", OBJECT),),
}
