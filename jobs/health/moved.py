"""Does the name in REDIS_URL still lead to the Redis that this process works on?

A name is looked up whenever a connection is made. So where a name is given to another Redis and the old one lives on,
what is connected stays there, and what is started goes elsewhere.
"""

import ipaddress
import socket
from contextlib import closing
from dataclasses import replace

from redis.exceptions import RedisError

from jobs import dialing, keys
from jobs.address import Address
from jobs.connection import open_client

DEADLINE = 1.0


def has_name(where: Address) -> bool:
    """Is it found by a name, which may lead elsewhere one day?"""
    if where.scheme not in ("redis", "rediss"):
        return False
    try:
        ipaddress.ip_address(where.nodes[0][0])
    except ValueError:
        return True
    return False


def elsewhere(where: Address, marker: str) -> str:
    """Where the name leads now, if that is other data than this process works on; '' if not, or if nobody can tell.

    A name may have several addresses, of which each answer shows some. So an address that is new proves nothing: the
    marker that is read there does. May take seconds.
    """
    host, port = where.nodes[0]
    try:
        named = {str(info[4][0]) for info in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)}
    except OSError:
        return ""
    ours = dialing.peers(host) - named
    if not ours:
        return ""
    there = _marker(where)
    here = {_marker(replace(where, nodes=((peer, port),))) for peer in ours} - {None} or {marker}
    return f"{', '.join(sorted(named))} (marker {there or 'none'})" if there is not None and here != {there} else ""


def _marker(where: Address) -> str | None:
    """The marker that is read there; '' where there is none, None where nobody answers."""
    with closing(open_client(where, "moved", deadline=DEADLINE, retries=0)) as client:
        try:
            found = client.get(keys.MARKER)
        except (RedisError, OSError):
            return None
    return found.decode() if isinstance(found, bytes) else ""
