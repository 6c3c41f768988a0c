"""A backend that speaks HTTP by h11, strictly: what does not keep to the protocol is a fault of whoever is in the middle."""

import hashlib
import http.client
import json
import socket
import ssl
import threading
import time

import h11

from parts import Server

BLOCK = bytes(range(251)) * 261


def pattern(length):
    """So many bytes that are not all alike."""
    return (BLOCK * (length // len(BLOCK) + 1))[:length]


class Web(Server):
    """Answers by path; notes faults."""

    def __init__(self, secret=None):
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if secret else None
        if secret:
            self.tls.load_cert_chain(secret)
        self.faults, self.over = [], threading.Event()
        super().__init__()

    def stop(self):
        self.over.set()
        super().stop()

    def serve(self, stream):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.tls.wrap_socket(stream, server_side=True) if self.tls else stream as stream:
            Visit(self, stream).serve()


def faultless(web):
    assert not web.faults, web.faults


class Visit:
    """One connection."""

    def __init__(self, web, stream):
        self.web, self.stream, self.wire = web, stream, h11.Connection(h11.SERVER)

    def serve(self):
        try:
            while isinstance(request := self.event(), h11.Request):
                self.answer(request)
                if h11.MUST_CLOSE in (self.wire.our_state, self.wire.their_state):
                    return
                self.wire.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self.web.faults.append(f"{error} in {self.wire.trailing_data[0][:80]!r}")

    def event(self):
        while (event := self.wire.next_event()) is h11.NEED_DATA:
            self.wire.receive_data(self.stream.recv(65536))
        return event

    def send(self, *events):
        self.stream.sendall(b"".join(self.wire.send(event) for event in events))

    def body(self):
        """The whole body, and the fields behind it."""
        digest, length = hashlib.sha256(), 0
        while not isinstance(event := self.event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise OSError("left in the middle")
            digest.update(event.data)
            length += len(event.data)
        return {"bytes": length, "sha256": digest.hexdigest(), "trailers": texts(event.headers)}

    def reply(self, status, headers=(), body=b""):
        self.send(
            response(status, [("x-backend", "b"), *headers]),
            *([h11.Data(data=body)] if body and not self.is_head else []),
            h11.EndOfMessage(),
        )

    def answer(self, request):
        path, _, number = request.target.decode().partition("?")
        self.is_head = request.method == b"HEAD"
        answer = getattr(self, "on_" + path.strip("/").replace("-", "_"), None)
        if answer is None:
            self.body()
            return self.reply(404, [("content-length", "0")])
        answer(request, int(number or 0))

    def on_bytes(self, _request, length):
        self.body()
        head = response(200, [("x-backend", "b"), ("content-length", str(length))])
        length = 0 if self.is_head else length
        self.send(head, *([h11.Data(data=BLOCK[:length])] if length else []))
        # In pieces: many ask for much at once, and some never read it.
        for at in range(len(BLOCK), length, len(BLOCK)):
            self.send(h11.Data(data=BLOCK[: length - at]))
        self.send(h11.EndOfMessage())

    def on_chunks(self, request, length):
        self.body()
        self.send(response(200, [("transfer-encoding", "chunked")]))
        data, at, size = pattern(length), 0, 1
        while at < length:
            self.send(h11.Data(data=data[at : at + size]))
            at, size = at + size, size * 3 % 65521 or 1
        digest = [("x-digest", hashlib.sha256(data).hexdigest())]
        self.send(h11.EndOfMessage(headers=digest if request.http_version == b"1.1" else []))

    def on_until_end(self, _request, length):
        self.body()
        # As a server of HTTP/1.0 does it.
        self.stream.sendall(b"HTTP/1.0 200 OK\r\nX-Backend: b\r\n\r\n" + pattern(length))
        if self.web.tls:
            # Without it nobody knows that this is the end.
            self.stream.unwrap()
        self.stream.shutdown(socket.SHUT_WR)
        raise OSError("done")

    def on_digest(self, request, _number):
        if self.wire.they_are_waiting_for_100_continue:
            self.send(h11.InformationalResponse(status_code=100, headers=[]))
        said = {**self.body(), "headers": texts(request.headers), "method": request.method.decode()}
        text = json.dumps(said).encode()
        self.reply(200, [("content-length", str(len(text)))], text)

    def on_refuse(self, _request, _number):
        """Says no before the body, and reads on for a while, as RFC 9112 wants it, so that the answer is not lost."""
        self.reply(413, [("content-length", "3"), ("connection", "close")], b"no\n")
        self.stream.shutdown(socket.SHUT_WR)
        self.stream.settimeout(5)
        while self.stream.recv(65536):
            pass
        raise OSError("done")

    def on_deaf(self, _request, _number):
        """Reads nothing of the body."""
        self.web.over.wait(10)
        raise OSError("done")

    def on_hints(self, _request, count):
        self.body()
        for _ in range(count):
            self.send(h11.InformationalResponse(status_code=103, headers=[("link", "</a.css>; rel=preload")]))
        self.reply(200, [("content-length", "2")], b"ok")

    def on_status(self, request, status):
        self.body()
        self.reply(status, [] if status in (204, 304) else [("content-length", "0")])

    def on_slow(self, _request, length):
        """A byte every tenth of a second."""
        self.body()
        self.send(response(200, [("content-length", str(length))]))
        for at in range(length):
            self.send(h11.Data(data=pattern(length)[at : at + 1]))
            time.sleep(0.1)
        self.send(h11.EndOfMessage())


def response(status, headers):
    # Some clients, h2load for one, want a word beside the number.
    return h11.Response(status_code=status, headers=headers, reason=http.client.responses[status])


def texts(headers):
    return [[name.decode(), value.decode()] for name, value in headers]
