"""What the admin surface must not answer, byte by byte over TCP: `tests/it/admin*.rs` has the sizes and the times."""

import contextlib
import itertools
import json
import socket
import urllib.parse

import kit

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get", "POSTX"]

AUTH = f"authorization: Bearer {kit.TOKEN}\r\n"

# Ways to write a path that others have taken for another one.
TRICKS = [
    "//api/v1/status", "/./api/v1/status", "/api/v1/../v1/status", "/api//v1/status", "/api/v1/status/", "/api/v1/status%00",
    "/api%2fv1%2fstatus", "/%61pi/v1/status", "/api/v1/%2e%2e/v1/status", "/api/v1/..%2fstatus", "/api\\v1\\status",
    "/api/v1/status;x=y", "/API/v1/status", "/dashboard/../api/v1/status", "/dashboard/..%2f..%2fetc%2fpasswd",
    "/dashboard/%2e%2e/%2e%2e/Cargo.toml", "/dashboard/index.html%00.js", "/livez/../api/v1/status", "/readyz/..%2fapi",
]

BODIES = {
    "not JSON": b"{", "not an object": b"[]", "a number": b"7", "null": b"null", "deep": b"[" * 200000,
    "deep objects": b'{"a":' * 100000, "not UTF-8": b'{"id": "\xff\xfe"}', "a huge number": b'{"id": 1e999}',
    "beyond 64 bits": b'{"id": 18446744073709551616}', "negative": b'{"id": -1}', "of another kind": b'{"id": "1"}',
    "unknown": b'{"ids": [1]}', "a lone surrogate": b'{"service": "\\ud800"}', "a NUL": b'\0', "all, as text": b'{"all": "true"}',
    "long": b'{"service": "' + b"x" * (1 << 20) + b'"}',
}

# Bytes that two readers may take for two different requests, or for none.
MANGLED = {
    "two lengths": b"POST /api/v1/reload HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 30\r\n\r\n{}",
    "a length that is none": b"POST /api/v1/reload HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    "a length of more than there is": b"POST /api/v1/reload HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
    "chunks that are none": b"POST /api/v1/reload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "an unknown coding": b"POST /api/v1/reload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
    "a name with a space": b"GET /api/v1/status HTTP/1.1\r\nhost : x\r\n\r\n",
    "a line that goes on": b"GET /api/v1/status HTTP/1.1\r\nhost: x\r\n y: z\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\0" * 40,
    "two hosts": b"GET /api/v1/status HTTP/1.1\r\nhost: x\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    "nothing": b"\r\n\r\n\r\n",
    "a proxy's request": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
}


# Those that wait for more.
UNFINISHED = ("TLS", "nothing")


def raw(evenkeel, data, is_all=False):
    """The status of the answer to these bytes; 0 when there is none. The other side has to end it, unless this is all."""
    with socket.create_connection(("127.0.0.1", evenkeel.admin), kit.PATIENCE) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(data)
            if is_all:
                stream.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := stream.recv(65536):
                answer += part
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def request(method, path, headers=AUTH, body=b""):
    length = f"content-length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nconnection: close\r\nhost: 127.0.0.1:9\r\n{headers}{length}\r\n".encode() + body


def fingerprint(evenkeel):
    """All that an order could have changed."""
    status = evenkeel.look("/api/v1/status")
    events = evenkeel.look("/api/v1/events")["events"]
    backends = [(it["addr"], it["state"], it["weight"]) for pool in status["pools"] for it in pool["backends"]]
    config, orders = status["config"], [it for it in events if it["event"] in ("ordered", "order-refused", "reloaded")]
    return json.dumps([status["pid"], status["panics"], config["reloads"], config["refused"], backends, orders])


def paths(evenkeel):
    """Every path of the document, filled in, with its methods."""
    names = {"{service}": "web", "{pool}": "web", "{backend}": urllib.parse.quote(evenkeel.look("/api/v1/backends?pool=web")["backends"][0]["addr"]), "{file}": "style.css"}
    for path, operations in evenkeel.look("/openapi.json")["paths"].items():
        for brace, name in names.items():
            path = path.replace(brace, name)
        yield path, {it.upper() for it in operations}


def run(checks):
    with kit.running(3) as (evenkeel, backends):
        kit.until("all are up", lambda: all(evenkeel.state(it.addr) == "up" for it in backends))
        before = fingerprint(evenkeel)
        with checks.check("without the token, or with a wrong one, nothing but probes and the page is answered"):
            tokens(evenkeel)
        with checks.check("a method that is not meant is refused on every path, with those that are"):
            methods(evenkeel)
        with checks.check("a path that is written otherwise is another path"):
            for path in TRICKS:
                status = raw(evenkeel, request("GET", path))
                assert status in (400, 404), f"{path}: {status}"
        with checks.check("a body that makes no sense is refused"):
            for (name, body), path in itertools.product(BODIES.items(), ("/api/v1/sessions/close", "/api/v1/apply", "/api/v1/pools/web/backends")):
                status = raw(evenkeel, request("POST", path, body=body))
                assert 400 <= status < 500, f"{name} at {path}: {status}"
        with checks.check("a request that could be read in two ways is refused"):
            for name, data in MANGLED.items():
                status = raw(evenkeel, data.replace(b"\r\nhost: x\r\n", b"\r\nhost: 127.0.0.1\r\n" + AUTH.encode(), 1), is_all=name in UNFINISHED)
                assert status == 0 or 400 <= status < 500, f"{name}: {status}"
        with checks.check("pages of other sites are refused, whatever token they have"):
            origins(evenkeel)
        with checks.check("after all of that nothing has changed, and it serves"):
            assert fingerprint(evenkeel) == before, f"{before}\n{fingerprint(evenkeel)}"
            assert kit.echoes(evenkeel.web)


def tokens(evenkeel):
    wrong = ["", "authorization: Bearer\r\n", "authorization: Bearer wrong-but-just-as-long-as-it\r\n", f"authorization: Bearer {kit.TOKEN}x\r\n",
             f"authorization: Bearer {kit.TOKEN[:-1]}\r\n", f"authorization: Basic {kit.TOKEN}\r\n", f"authorization: {kit.TOKEN}\r\n",
             f"cookie: token={kit.TOKEN}\r\n", f"x-forwarded-for: 127.0.0.1\r\nx-token: {kit.TOKEN}\r\n"]
    for path, found in paths(evenkeel):
        is_open = path == "/" or path.startswith(("/livez", "/healthz", "/readyz", "/dashboard/"))
        for method, header in itertools.product(found, wrong):
            status = raw(evenkeel, request(method, path, header))
            assert status == (200 if is_open else 401), f"{method} {path} {header!r}: {status}"
    assert raw(evenkeel, request("GET", f"/api/v1/status?token={kit.TOKEN}", "")) == 401


def methods(evenkeel):
    for path, found in paths(evenkeel):
        for method in METHODS:
            if method in found or (method == "HEAD" and "GET" in found):
                continue
            status = raw(evenkeel, request(method, path))
            assert status in (400, 405), f"{method} {path}: {status}"


def origins(evenkeel):
    for header in ("origin: http://evil.example", "origin: null", f"origin: https://{evenkeel.host}", "origin: http://127.0.0.1",
                   "sec-fetch-site: cross-site", "sec-fetch-site: same-site", "origin: http://127.0.0.1.evil.example"):
        for method, path in (("GET", "/api/v1/status"), ("POST", "/api/v1/reload"), ("GET", "/dashboard/main.js"), ("GET", "/livez")):
            status = raw(evenkeel, request(method, path, f"{AUTH}{header}\r\n"))
            assert status == 403, f"{method} {path} {header}: {status}"
