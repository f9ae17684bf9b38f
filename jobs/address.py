"""Where Redis is: parsing, redacting and fingerprinting its address. Pure; opens nothing."""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from jobs.errors import SettingsError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel")
ACCEPTED = (
    "expected redis://host:6379/0, rediss://host:6379/0, unix:///path?db=0 "
    "or redis+sentinel://host:26379,host:26379/service/0"
)
# Node clients need ?family=0 on IPv6-only networks; redis-py resolves both families and rejects the word.
IGNORED_OPTIONS = {"family"}
OPTIONS = {
    "db",
    "protocol",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
}
ACCEPTED_VALUES = {"protocol": ("2", "3"), "ssl_cert_reqs": ("none", "optional", "required")}
UNKNOWN_OPTION = (
    f"unknown option or value; known: {', '.join(sorted(OPTIONS))} "
    "(protocol is 2 or 3, ssl_cert_reqs none, optional or required)"
)
NO_SERVICE = "the Sentinel service is missing; " + ACCEPTED
ONE_HOST = "several hosts need redis+sentinel:// and the name of a service"
_REASONS = (UNKNOWN_OPTION, NO_SERVICE, ONE_HOST)
_FINGERPRINT_SALT = "signalbox"
_SECRET = re.compile(r"pass|secret|token|auth", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """One Redis database: a server (or a Sentinel service) and a db number. ``repr`` hides the password."""

    scheme: str
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """Host and port, socket path or Sentinel service: what a person recognises."""
        if self.scheme == "unix":
            return self.path
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        return f"{hosts}/{self.service}" if self.service else hosts

    @property
    def redacted(self) -> str:
        """The address as a URL without its password."""
        user = f"{self.username}:***@" if self.password else f"{self.username}@" if self.username else ""
        db = f"?db={self.db}" if self.scheme == "unix" else f"/{self.db}"
        return f"{self.scheme}://{user}{self.place}{db}"

    @property
    def fingerprint(self) -> str:
        """12 hex digits that two services can compare by eye: host, port, db and user; never the password."""
        hosts = ",".join(sorted(f"{host.lower()}:{port}" for host, port in self.nodes))
        place = self.path or f"{hosts}/{self.service}"
        text = f"{_FINGERPRINT_SALT}|{place}|{self.db}|{self.username or 'default'}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse(url: str, variable: str = "REDIS_URL") -> Address:
    """The address a URL names.

    Raises ``SettingsError`` naming ``variable`` when the URL cannot be used; the message never
    holds the password.
    """
    url = url.strip()
    shown = redact(url)
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in SCHEMES:
        raise SettingsError(variable, shown, ACCEPTED)
    if "#" in rest or (scheme != "unix" and "@" in _split(rest)[1]):
        raise SettingsError(variable, shown, "a user name or password with / ? # or @ in it must be percent-encoded")
    try:
        return _parse(scheme, urlsplit(url))
    except ValueError as error:
        detail = str(error) if error.args and error.args[0] in _REASONS else ACCEPTED
        raise SettingsError(variable, shown, detail) from None  # urllib's own words may hold the password


def _parse(scheme: str, parts: SplitResult) -> Address:
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    options = {name: value for name, value in parse_qsl(parts.query) if name not in IGNORED_OPTIONS}
    segments = [unquote(part) for part in parts.path.split("/") if part]
    service = segments.pop(0) if scheme == "redis+sentinel" and segments else ""
    in_path = "0" if scheme == "unix" or not segments else segments.pop(0)
    db = options.pop("db", in_path)
    nodes = () if scheme == "unix" else _nodes(hosts, 26379 if service else 6379)
    for name, value in options.items():
        if name not in OPTIONS or value not in ACCEPTED_VALUES.get(name, (value,)):
            raise ValueError(UNKNOWN_OPTION)
    if scheme == "redis+sentinel" and not service:
        raise ValueError(NO_SERVICE)
    if len(nodes) > 1 and not service:
        raise ValueError(ONE_HOST)
    if not db.isdecimal() or (not parts.path if scheme == "unix" else segments):
        raise ValueError("path")
    return Address(
        scheme=scheme,
        nodes=nodes,
        path=unquote(parts.path) if scheme == "unix" else "",
        service=service,
        db=int(db),
        username=unquote(username),
        password=unquote(password),
        options=tuple(sorted(options.items())),
    )


def _split(rest: str) -> tuple[str, str]:
    """What stands before the first ``/``, ``?`` or ``#``, and what stands from it on."""
    end = next((at for at, letter in enumerate(rest) if letter in "/?#"), len(rest))
    return rest[:end], rest[end:]


def _nodes(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    nodes = []
    for text in hosts.split(","):
        parts = urlsplit(f"//{text}")
        if not parts.hostname or parts.port == 0:
            raise ValueError("host")
        nodes.append((parts.hostname, parts.port or default_port))
    return tuple(nodes)


def redact(url: str) -> str:
    """The URL with its password, and anything that may be one, replaced by ``***``."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "***" if "@" in url else url
    authority, tail = _split(rest)
    if "@" in tail:  # where the password ends cannot be told
        return f"{scheme}://***"
    credentials, at, place = authority.rpartition("@")
    user, colon, _ = credentials.partition(":")
    path, _, query = tail.partition("?")
    shown = [
        f"{name}={'***' if _SECRET.search(name) else value}" for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}{path}" + ("?" + "&".join(shown) if shown else "")


def build(host: str, port: str, username: str, password: str) -> str:
    """A ``redis://`` URL from the four parts that some platforms hand out separately."""
    credentials = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username or password else ""
    return f"redis://{credentials}{f'[{host}]' if ':' in host else host}:{port}/0"
