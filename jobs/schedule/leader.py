"""One leader at a time: a lease with a token, renewed while it leads, given back when it stops."""

from contextlib import suppress

from redis import Redis
from redis.exceptions import LockError
from redis.lock import Lock

from jobs import keys

TTL = 10.0


class Leader:
    """``redis.lock.Lock`` as a lease that is asked for once a tick. TTL 10 s, by the server's clock."""

    def __init__(self, client: Redis, holder: str) -> None:
        self._lock = Lock(client, keys.LEADER, timeout=TTL, blocking=False, thread_local=False)
        self._holder = holder
        self.leads = False

    def hold(self) -> bool:
        """Renew the lease, or take it when it is free; True while we lead. Raises ``RedisError``."""
        try:
            if self.leads:
                self._lock.reacquire()
            else:
                self.leads = bool(self._lock.acquire(token=self._holder))
        except LockError:
            self.leads = False
        return self.leads

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self.leads:
            self.leads = False
            with suppress(LockError):  # it has run out, and may be another's by now
                self._lock.release()
