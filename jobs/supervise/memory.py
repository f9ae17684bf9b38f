"""Files in memory that processes share: they need no disk, and no folder that may be written to."""

import os
import tempfile
from contextlib import suppress


def shared_file(size: int) -> int:
    """The descriptor of a new file of so many bytes, to be mapped or handed over; nobody finds it by a name.

    Where the system has no ``memfd_create``, or forbids it, it is a temporary file. Raises ``OSError`` where no folder
    may be written to either.
    """
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            file = os.memfd_create("signalbox")
            os.ftruncate(file, size)
            return file
    with tempfile.TemporaryFile() as temporary:
        temporary.truncate(size)
        return os.dup(temporary.fileno())
