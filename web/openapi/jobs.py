"""Jobs and dead letters, as the API tells of them."""

from jobs.catalog import ACTIONS, STATES
from web.openapi.terms import (
    ANYTHING,
    COUNT,
    CURSOR,
    FLAG,
    GIVEN,
    LIMIT,
    OBJECT,
    SECONDS,
    SECONDS_OF_A_YEAR,
    TEXT,
    TIME,
    Asked,
    Operation,
    Schema,
    choice,
    delete,
    get,
    many,
    maybe,
    one_of,
    post,
    ref,
    said,
    shape,
)

ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,200}$"}
STATE = one_of(*STATES)
TOTAL = said(maybe(COUNT), "how many there are to look at, where the time was up")
SUMMARY: dict[str, Schema] = {
    "id": TEXT,
    "state": STATE,
    "task": TEXT,
    "queue": TEXT,
    "key": said(maybe(TEXT), "of its lane"),
    "label": said(maybe(TEXT), "what its task calls it"),
    "accepted_at": maybe(TIME),
    "queued_at": maybe(TIME),
    "due_at": maybe(TIME),
    "unknown": said(FLAG, "it waits for a worker that knows its task, until it is due, and then fails"),
    "started_at": maybe(TIME),
    "ended_at": maybe(TIME),
    "attempts": said(COUNT, "that have ended, the latest 100"),
    "retries_left": COUNT,
    "worker": maybe(TEXT),
    "progress": maybe(ref("Progress")),
    "error": said(maybe(TEXT), "the line that names what its last attempt failed of"),
}
IN_FULL: dict[str, Schema] = {
    **SUMMARY,
    "arguments": said(
        shape(args=maybe(many(ANYTHING)), kwargs=maybe(OBJECT), size=COUNT),
        "without the values of secrets; null where they are large, or no JSON",
    ),
    "timeout": maybe(SECONDS),
    "result": said(ANYTHING, "what it has returned; null where it is large, or no JSON"),
    "result_bytes": COUNT,
    "error": said(maybe(TEXT), "the traceback of its last attempt"),
    "note": said(maybe(TEXT), "a warning about its last attempt, such as why it has no result"),
    "attempts": many(ref("Attempt")),
    "timeline": many(ref("Event")),
    "lane": maybe(ref("Neighbours")),
    "waits_for": said(many(TEXT), "ids of the jobs that it depends on, while it waits"),
    "waits_in_vain_for": said(many(shape(id=TEXT, state=maybe(STATE))), "those that will not let it go; null: gone"),
    "awaited_by": said(many(TEXT), "ids of the jobs that wait for it, the first 100"),
}
FILTER: dict[str, Schema] = {
    "queue": TEXT,
    "state": said(TEXT, f"some of {', '.join(STATES)}, separated by commas"),
    "task": TEXT,
    "key": said(TEXT, "of its lane"),
    "text": said(TEXT, "part of the id, the task, the label, the description, or the line of the error"),
    "error": said(TEXT, "part of the line that names the error"),
    "group": said(TEXT, "what it failed of, as GET /api/dead/groups names it in `group`"),
    "since": said(TEXT, "such as 2h or 7d, or a time in ISO 8601"),
    "until": said(TEXT, "likewise"),
}

SCHEMAS: dict[str, Schema] = {
    "NewJob": choice(
        "task",
        task=said(TEXT, "the dotted name of a registered task"),
        args=many(ANYTHING),
        kwargs=OBJECT,
        queue=maybe({"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}),
        key=maybe({"type": "string", "minLength": 1, "maxLength": 512}),
        delay=said({"type": "number", "minimum": 0, "maximum": SECONDS_OF_A_YEAR}, "seconds"),
        job_id=said(maybe(ID), "the same again is no second job"),
        unique=said(FLAG, "its id stays refused for 7 days, even after it is gone"),
        timeout=maybe({"type": "number", "minimum": 0.1, "maximum": SECONDS_OF_A_YEAR}),
        policy=said(maybe(one_of("continue", "halt")), "what its lane does when it has failed for good"),
        attempts={"type": "integer", "minimum": 1},
        backoff=said(SECONDS, "seconds before the second attempt"),
    ),
    "Accepted": shape(id=TEXT, queue=TEXT, created=said(FLAG, "false: it was there already")),
    "Progress": shape(share={"type": "number", "minimum": 0, "maximum": 1}, text=TEXT, at=TEXT),
    "Summary": shape(**SUMMARY),
    "Job": shape(**IN_FULL),
    "Attempt": shape(
        number=COUNT,
        worker=maybe(TEXT),
        started_at=maybe(TIME),
        ended_at=maybe(TIME),
        outcome=TEXT,
        error=maybe(TEXT),
        note=maybe(TEXT),
    ),
    "Event": shape(
        what=said(TEXT, "accepted, queued, started, due, canceled, or how an attempt ended"),
        at=TIME,
        seconds=said(maybe(SECONDS), "started: for how long it had waited; an end: for how long it had run"),
        attempt=maybe(COUNT),
        worker=maybe(TEXT),
        error=maybe(TEXT),
    ),
    "Neighbours": said(
        shape(position=COUNT, depth=COUNT, previous=maybe(TEXT), next=maybe(TEXT)), "its place in its lane"
    ),
    "Acted": shape(id=TEXT, state=maybe(STATE), undo=said(maybe(TEXT), "the action that takes this one back")),
    "Done": shape(
        done=COUNT,
        skipped=COUNT,
        complete=said(FLAG, "false: the time was up; send it again"),
        undo=maybe(shape(action=TEXT, ids=many(TEXT))),
    ),
    "Group": shape(
        group=said(TEXT, "its name, for the filter `group`"),
        task=TEXT,
        where=said(maybe(TEXT), "file, line and function of the last frame in your code; null: there is none"),
        error=said(TEXT, "the line that names the error of the latest"),
        count=COUNT,
        first_at=maybe(TIME),
        last_at=maybe(TIME),
        sample=said(TEXT, "id of the latest"),
    ),
}

BATCH = many(ref("NewJob"), minItems=1, maxItems=1000)
IDS = many(ID, minItems=1, maxItems=1000)
FILTERS = tuple(Asked(name, schema | GIVEN) for name, schema in FILTER.items())


def _act(name: str, summary: str) -> Operation:
    return post(f"/api/jobs/{{job_id}}/{name}", summary, ref("Acted"), status=202, refuses=(404, 409))


JOBS = (
    get(
        "/api/jobs",
        "Jobs, the latest first",
        shape(
            jobs=many(ref("Summary")),
            next=maybe(TEXT),
            looked=said(COUNT, "how many were looked at for this page and those before it"),
            total=TOTAL,
        ),
        *FILTERS,
        LIMIT,
        CURSOR,
    ),
    post("/api/jobs", "Accept a job", ref("Accepted"), ref("NewJob"), status=202, refuses=(404,)),
    post(
        "/api/jobs/batch",
        "Accept many jobs, all or none",
        shape(jobs=many(ref("Accepted"))),
        shape(jobs=BATCH),
        status=202,
        refuses=(404,),
    ),
    get("/api/jobs/{job_id}", "A job in full", ref("Job"), refuses=(404,)),
    delete("/api/jobs/{job_id}", "Delete a job that is over", shape(id=TEXT, deleted=FLAG), refuses=(404, 409)),
    _act("retry", "Run a job anew that failed, was stopped or was canceled"),
    _act("run", "Run a scheduled job now"),
    _act("cancel", "Cancel a job that waits"),
    _act("stop", "Stop a job that runs"),
    post(
        "/api/jobs/actions",
        "Act on jobs chosen by ids or by a filter",
        ref("Done"),
        choice("action", action=one_of(*ACTIONS), ids=maybe(IDS), filter=maybe(choice(**FILTER))),
    ),
    get(
        "/api/count",
        "How many jobs match; with an action, how many of these it can be done to",
        shape(count=COUNT, complete=said(FLAG, "false: the time was up, and there may be more")),
        Asked("action", one_of(*ACTIONS)),
        *FILTERS,
    ),
)
DEAD = (
    get(
        "/api/dead/groups",
        "Dead letters by task, error and place",
        shape(
            groups=many(ref("Group")),
            complete=said(FLAG, "false: the time was up, and only the newest were looked at"),
            looked=COUNT,
            total=TOTAL,
        ),
        *FILTERS,
    ),
)
OPERATIONS = {"jobs": JOBS, "dead letters": DEAD}
