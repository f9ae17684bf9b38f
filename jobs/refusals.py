"""Why Redis did not do as it was told: the kinds of its errors, and the words for each."""

from typing import Literal, NamedTuple

from redis import exceptions as redis_errors

Kind = Literal[
    "away",
    "loading",
    "credentials",
    "db",
    "permission",
    "cluster",
    "unknown",
    "readonly",
    "full",
    "disk",
    "replicas",
    "",
]


class Words(NamedTuple):
    """What people are told."""

    title: str
    remedy: str


WORDS: dict[Kind, Words] = {
    "away": Words(
        "Redis does not answer",
        "Check that the Redis service is up and that REDIS_URL points to it. Jobs already accepted are kept there.",
    ),
    "loading": Words("Redis is loading its data", "Wait until it has; nothing is lost."),
    "credentials": Words("Redis refuses the user name or password", "Set the user name and password in REDIS_URL."),
    "db": Words("Redis does not have this db", "Set another db in REDIS_URL, such as 0."),
    "permission": Words(
        "Redis does not permit this command", "Give the user of REDIS_URL the right that the error names: ACL SETUSER."
    ),
    "cluster": Words(
        "This Redis is a node of a Redis Cluster, which Signalbox cannot use",
        "Set REDIS_URL to a Redis with cluster mode off. One server is enough: jobs of a line share their keys.",
    ),
    "unknown": Words(
        "Redis does not know a command that Signalbox needs",
        "Use Redis 7.0 or newer, or Valkey, and do not rename or disable commands.",
    ),
    "readonly": Words(
        "This Redis is a replica and takes no writes",
        "Point REDIS_URL to the master (redis+sentinel:// finds it), or make this server one: REPLICAOF NO ONE.",
    ),
    "full": Words("Redis is full", "Give it more memory (maxmemory), or make room: python -m jobs clean --failed"),
    "disk": Words(
        "Redis cannot write to its disk and refuses writes", "Look at the server's log, and at the room on its disk."
    ),
    "replicas": Words(
        "Redis has too few replicas and refuses writes",
        "Look at the replicas that min-replicas-to-write asks for; after a failover, writes resume once they are back.",
    ),
    "": Words("Redis refuses a command", "Look at the error, and at the server's log."),
}

_CODES: dict[str, Kind] = {
    "LOADING": "loading",
    "NOAUTH": "credentials",
    "WRONGPASS": "credentials",
    "NOPERM": "permission",
    "MOVED": "cluster",
    "ASK": "cluster",
    "CROSSSLOT": "cluster",
    "CLUSTERDOWN": "cluster",
    "READONLY": "readonly",
    "MASTERDOWN": "readonly",
    "OOM": "full",
    "MISCONF": "disk",
    "NOREPLICAS": "replicas",
}
_TEXTS: tuple[tuple[str, Kind], ...] = (
    ("acl failure in script", "permission"),
    ("the user executing the script can't", "permission"),
    ("db index", "db"),
    ("cluster mode", "cluster"),
    ("in a cluster node", "cluster"),
    ("unknown command", "unknown"),
    ("unknown redis command", "unknown"),
)
"""What servers say without a code, in small letters."""


def kind(error: BaseException) -> Kind:
    """The kind of an error of redis-py's; '' for a refusal without words of its own."""
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.AuthorizationError):
        return "credentials"
    said = str(error)
    code = getattr(error, "status_code", None) or said.partition(" ")[0]
    if found := _CODES.get(code):
        return found
    if not isinstance(error, redis_errors.ResponseError):
        return "away"
    return next((found for text, found in _TEXTS if text in said.lower()), "")


def said(error: BaseException) -> str:
    """What the error says, with its code, which redis-py keeps apart from the text; its type where it says nothing."""
    code, text = getattr(error, "status_code", None), str(error)
    return f"{code} {text}".strip() if code in _CODES else text or type(error).__name__


def title(error: BaseException) -> str:
    """The kind of the error in words."""
    return WORDS[kind(error)].title


def told(error: BaseException) -> str:
    """The error in one line: its kind, what it says, and what to do."""
    return f"{title(error)}: {said(error).rstrip('.')}. {WORDS[kind(error)].remedy}"
