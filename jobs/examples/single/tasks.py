"""A job that says which worker runs it, and under which token."""

import os
from typing import Any

from jobs import instance_token, task


@task
def who() -> dict[str, Any]:
    """The child that ran this, and the token to hand to whatever it writes to."""
    return {"pid": os.getpid(), "token": instance_token()}
