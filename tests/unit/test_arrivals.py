"""When is a request whole? Each comes in every two pieces that it can be cut into, and byte by byte."""

import pytest

from jobs.health.arrivals import BODY, Request

GET = b"GET /livez?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = {
    "no body": GET,
    "a length": b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nHost: x\r\n\r\nabc",
    "a length that comes last": b"POST /a HTTP/1.1\r\nHost: x\r\ncontent-length:3\r\n\r\nabc",
    "a length of nothing": b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "chunks": b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\n00\r\n0\r\n\r\n",
    "no chunk": b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks with a trailer": b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_whole_with_its_last_byte(name: str) -> None:
    data = WHOLE[name]
    for cut in range(1, len(data)):
        request = Request()
        assert not request.take(data[:cut]), data[:cut]
        assert request.take(data[cut:]), data[cut:]
    request = Request()
    assert [request.take(bytes([byte])) for byte in data] == [False] * (len(data) - 1) + [True]
    assert bytes(request.data) == data


def test_what_comes_behind_a_request_holds_it_up_no_longer() -> None:
    for name, data in WHOLE.items():
        assert Request().take(data + GET[:9]), name


@pytest.mark.parametrize("chunk", [b"x\r\n", b"-1\r\n", b"3\r\nabcde\r\n"])
def test_what_is_no_chunk_is_left_to_the_parser(chunk: bytes) -> None:
    assert Request().take(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)


@pytest.mark.parametrize("length", [b"x", b"-1", b"9" * 16])
def test_a_length_that_is_none_is_left_to_the_parser(length: bytes) -> None:
    assert Request().take(b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n")


@pytest.mark.parametrize(
    "sent", [b"Content-Length: %d\r\n\r\n" % (BODY + 1), b"Transfer-Encoding: chunked\r\n\r\n" + b"x" * (BODY + 1)]
)
def test_what_is_too_large_is_not_waited_for(sent: bytes) -> None:
    request = Request()
    assert request.take(b"POST / HTTP/1.1\r\n" + sent)
    assert request.is_too_large


def test_who_waits_to_be_told_to_go_on_is_known() -> None:
    request = Request()
    assert not request.take(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert request.waits_for_continue


@pytest.mark.parametrize(
    ("line", "target"), [(b"GET /livez?x", b"/livez"), (b"HEAD /a", b"/a"), (b"POST /livez", b""), (b"GET", b"")]
)
def test_the_target_is_a_path_that_is_only_read(line: bytes, target: bytes) -> None:
    request = Request()
    request.take(line + b" HTTP/1.1\r\n\r\n")
    assert request.target == target
