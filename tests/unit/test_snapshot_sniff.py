"""``jobs.health.snapshot.sniff``: how a job's arguments are written."""

import json
import pickle
import zlib

import pytest
from rq.serializers import JSONSerializer, PickleSerializer

from jobs.health.snapshot import sniff

CALL = ("shop.tasks.send", None, ("ada",), {"text": "x" * 2000})


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (JSONSerializer.dumps(CALL), "json"),
        (json.dumps(CALL, separators=(",", ":")).encode(), "json"),
        (zlib.compress(JSONSerializer.dumps(CALL)), "json"),
        (PickleSerializer.dumps(CALL), "pickle"),
        (zlib.compress(PickleSerializer.dumps(CALL)), "pickle"),
        *((pickle.dumps(CALL, protocol), "pickle") for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        (b"", "unknown"),
        (b"junk", "unknown"),
        (b'{"not": "a call"}', "unknown"),
        (bytes(range(256)), "unknown"),
        (zlib.compress(b"junk"), "unknown"),
        (zlib.compress(JSONSerializer.dumps(CALL))[:20], "unknown"),
    ],
)
def test_tells_json_from_pickle_from_junk(data: bytes, written: str) -> None:
    assert sniff(data) == written
