"""Where Redis is: parsing, redacting and fingerprinting its address. Pure; opens nothing."""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

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
_FINGERPRINT_SALT = "signalbox"


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
        place = self.service or self.place.lower()
        text = f"{_FINGERPRINT_SALT}|{place}|{self.db}|{self.username or 'default'}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse(url: str, variable: str = "REDIS_URL") -> Address:
    """The address a URL names.

    Raises ``SettingsError`` naming ``variable`` when the URL cannot be used; the message never
    holds the password.
    """
    url = url.strip()
    shown = redact(url)
    scheme, mark, _ = url.partition("://")
    if not mark or scheme not in SCHEMES:
        raise SettingsError(variable, shown, ACCEPTED)
    try:
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        options = {name: value for name, value in parse_qsl(parts.query) if name not in IGNORED_OPTIONS}
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            raise SettingsError(variable, shown, f"unknown option {unknown[0]!r}; known: {', '.join(sorted(OPTIONS))}")
        segments = [unquote(part) for part in parts.path.split("/") if part]
        service = ""
        nodes: tuple[tuple[str, int], ...] = ()
        if scheme == "redis+sentinel":
            if not segments:
                raise SettingsError(variable, shown, "the Sentinel service is missing; " + ACCEPTED)
            service = segments.pop(0)
        if scheme == "unix":
            db_text = options.pop("db", "0")
        else:
            db_text = options.pop("db", segments.pop(0) if segments else "0")
            nodes = _nodes(hosts, 26379 if service else 6379)
        if not db_text.isdecimal() or (not parts.path if scheme == "unix" else segments):
            raise ValueError("path")
    except ValueError as error:
        raise SettingsError(variable, shown, ACCEPTED) from error
    return Address(
        scheme=scheme,
        nodes=nodes,
        path=unquote(parts.path) if scheme == "unix" else "",
        service=service,
        db=int(db_text),
        username=unquote(username),
        password=unquote(password),
        options=tuple(sorted(options.items())),
    )


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
    credentials, at, place = rest.rpartition("@")
    place, _, query = place.partition("?")
    user, colon, _ = credentials.partition(":")
    shown = f"{scheme}://{user}{':***' if colon else ''}{at}{place}"
    safe = [f"{name}={'***' if 'pass' in name else value}" for name, value in parse_qsl(query, keep_blank_values=True)]
    return shown + ("?" + "&".join(safe) if safe else "")


def build(host: str, port: str, username: str, password: str) -> str:
    """A ``redis://`` URL from the four parts that some platforms hand out separately."""
    credentials = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username or password else ""
    return f"redis://{credentials}{f'[{host}]' if ':' in host else host}:{port}/0"
