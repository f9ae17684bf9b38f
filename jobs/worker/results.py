"""What is kept of what a task has returned."""

from base64 import b64encode

from jobs.settings import current

MIB = 1024 * 1024


def kept(result: bytes) -> tuple[bytes, str]:
    """What is kept of a result as its serializer writes it, in base64; and where it is too large, nothing and why."""
    limit = current().result_limit
    if limit is None:
        limit = MIB if current().serializer == "json" else 0
    if 0 < limit < len(result):
        return b"", f"the result takes {len(result):,} bytes and was not kept: JOBS_RESULT_LIMIT is {limit:,}"
    return b64encode(result), ""
