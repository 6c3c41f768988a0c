"""Backends that answer what they must not. The client gets a whole answer that can be read in one way, an error of ours, or
a cut; never the answer to another request."""

import contextlib
import re

import h11

from parts import Server

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
# What must never come as an answer.
EVIL = OK + b"Content-Length: 4\r\n\r\nevil"

# As name: (what the backend sends, whether it closes then, what the client may get).
CASES = {
    "a good answer": (OK + BODY, False, "own"),
    "a good answer, and the end": (OK + b"Connection: close\r\n" + BODY, True, "own"),
    "an answer without a length, and the end": (OK + b"\r\nhello", True, "own"),
    "nothing, and the end": (b"", True, "error"),
    "nothing, for too long": (b"", False, "error"),
    "half a head, and the end": (OK + b"X: y", True, "error"),
    "half a head, for too long": (OK + b"X: y", False, "error"),
    "no HTTP at all": (b"hello\r\n\r\n", True, "error"),
    "a banner of SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", False, "error"),
    "an alert of TLS": (b"\x15\x03\x01\x00\x02\x02\x50", True, "error"),
    "HTTP/2 frames": (b"\0\0\0\x04\0\0\0\0\0", False, "error"),
    "a status of 99": (b"HTTP/1.1 99 No\r\n" + BODY, False, "error"),
    "a status of two digits and a letter": (b"HTTP/1.1 20x No\r\n" + BODY, False, "error"),
    "a status of 1000": (b"HTTP/1.1 1000 No\r\n" + BODY, False, "error"),
    "HTTP/2.0 in a status line": (b"HTTP/2.0 200 OK\r\n" + BODY, False, "error"),
    "a length and chunks": (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", False, "any"),
    "two lengths that differ": (OK + b"Content-Length: 3\r\n" + BODY, False, "error"),
    "the same length twice": (OK + b"Content-Length: 5\r\n" + BODY, False, "any"),
    "a length with +": (OK + b"Content-Length: +5\r\n\r\nhello", False, "error"),
    "a negative length": (OK + b"Content-Length: -5\r\n\r\nhello", False, "error"),
    "a length beyond 64 bits": (OK + b"Content-Length: 18446744073709551621\r\n\r\nhello", False, "error"),
    "an unknown coding": (OK + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", True, "error"),
    "chunks from HTTP/1.0": (CHUNKED.replace(b"1.1", b"1.0") + b"5\r\nhello\r\n0\r\n\r\n", True, "any"),
    "a folded field": (OK + b"X: y\r\n z\r\n" + BODY, False, "any"),
    "a bare line feed": (OK + b"X: y\nZ: a\r\n" + BODY, False, "any"),
    "bare line feeds everywhere": ((OK + BODY).replace(b"\r\n", b"\n"), False, "any"),
    "a bare CR": (OK + b"X: y\rZ: a\r\n" + BODY, False, "any"),
    "a NUL": (OK + b"X: a\0b\r\n" + BODY, False, "any"),
    "a space before a colon": (OK + b"X : y\r\n" + BODY, False, "any"),
    "a field without a colon": (OK + b"nothing\r\n" + BODY, False, "any"),
    "an endless head": (OK + b"X: y\r\n" * 2_000_000, False, "error"),
    "an endless field": (OK + b"X: " + b"y" * 12_000_000, False, "error"),
    "an endless status line": (b"HTTP/1.1 200 " + b"O" * 12_000_000, False, "error"),
    "a flood of 103": (b"HTTP/1.1 103 Early\r\n\r\n" * 500_000, False, "error"),
    "a 101 that nobody asked for": (b"HTTP/1.1 101 No\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello", False, "error"),
    "a body that is cut": (OK + b"Content-Length: 100\r\n\r\nhello", True, "cut"),
    "a body that stops": (OK + b"Content-Length: 100\r\n\r\nhello", False, "cut"),
    "chunks that are cut": (CHUNKED + b"5\r\nhello\r\n", True, "cut"),
    "a chunk that is cut": (CHUNKED + b"f\r\nhello", True, "cut"),
    "a chunk's size that is no number": (CHUNKED + b"5\r\nhello\r\nx\r\n", False, "cut"),
    "a chunk beyond 64 bits": (CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n", False, "cut"),
    "a chunk that is longer than it says": (CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", False, "cut"),
    "an endless trailer": (CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 500_000, False, "cut"),
    "two answers at once": (OK + BODY + EVIL, False, "own"),
    "more than its length": (OK + BODY + b"evil", False, "own"),
    "more than its chunks": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + EVIL, False, "own"),
    "204 with a body": (b"HTTP/1.1 204 No\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL, False, "empty"),
    "304 with a body": (b"HTTP/1.1 304 No\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL, False, "empty"),
    "a body for HEAD": (OK + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL, False, "head"),
    "an answer to a HEAD in chunks": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + EVIL, False, "head"),
}


def run(report):
    backend = Scripted()
    with report.fronts([backend.port], patience=2) as fronts:
        for what, (_, _, may) in CASES.items():
            report.check(what, fronts, lambda front, what=what, may=may: answered(front, what, may))
    backend.stop()


class Scripted(Server):
    """Sends what the path names, as it is; /next has an answer of its own."""

    def serve(self, stream):
        came = b""
        while more := stream.recv(65536):
            came += more
            while b"\r\n\r\n" in came:
                head, _, came = came.partition(b"\r\n\r\n")
                if self._answer(stream, head.split(b" ")[1].decode()):
                    return

    def _answer(self, stream, path):
        if path == "/next":
            return stream.sendall(OK + b"Content-Length: 4\r\n\r\nnext")
        data, closes, _ = CASES[path.strip("/").replace("_", " ")]
        stream.sendall(data)
        return closes


def answered(front, what, may):
    path = "/" + what.replace(" ", "_")
    with front.connect(8) as stream:
        status, body, is_whole, stays = ask(stream, path, b"HEAD" if may == "head" else b"GET")
        judge(may, status, body, is_whole)
        if stays:
            # It is said to be open: then the next request has its own answer, or none for a connection that was closed just now.
            after = ask(stream, "/next")
            assert after[0] is None or after[:3] == (200, b"next", True), f"the next one got {after}"
    for _ in range(3):
        with front.connect(8) as stream:
            after = ask(stream, "/next")
            assert after[:3] == (200, b"next", True), f"another client got {after}"
    return f"{status}{'' if is_whole else ', cut'}"


def judge(may, status, body, is_whole):
    got = f"{status}, {'whole' if is_whole else 'cut'}, {body[:100]!r}"
    is_error = status in (500, 502, 503, 504) and is_whole
    assert b"evil" not in body, f"got {got}"
    assert {
        "own": (status, body, is_whole) == (200, b"hello", True),
        "error": is_error,
        "cut": is_error or not is_whole,
        "any": is_error or not is_whole or (status, body) == (200, b"hello"),
        "empty": is_error or (status in (204, 304) and is_whole and not body),
        "head": is_error or (status == 200 and is_whole and not body),
    }[may], f"got {got}"


def ask(stream, path, method=b"GET"):
    """Status, body, whether all of it came, and whether the connection is said to stay; read as h11 reads it."""
    wire = h11.Connection(h11.CLIENT)
    with contextlib.suppress(OSError):
        stream.sendall(wire.send(h11.Request(method=method, target=path, headers=[("host", "a.test")])))
        stream.sendall(wire.send(h11.EndOfMessage()))
    status, body, heads = None, b"", b""
    while True:
        try:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                more = stream.recv(65536)
                heads += more
                wire.receive_data(more)
                continue
        except (h11.RemoteProtocolError, OSError):
            return status, body, False, False
        if isinstance(event, h11.Response):
            status = event.status_code
            head = heads.partition(b"\r\n\r\n")[0]
            assert not re.search(rb"\0|[^\r]\n|\r[^\n]|\n[ \t]", head), f"passed on: {head[:300]!r}"
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert not wire.trailing_data[0], f"behind the answer: {wire.trailing_data[0][:100]!r}"
            return status, body, True, wire.their_state is h11.DONE
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            return status, body, False, False
