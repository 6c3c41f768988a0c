"""h11 on both sides, each strict with whoever is in the middle; and WebSocket by `websockets`."""

import contextlib
import hashlib
import json
import random
import threading

import h11
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from backend import Web, faultless, pattern
from websocket2 import tunnelled

# Requests of one seed's walk over one connection.
STEPS = 60


def run(report):
    web = Web()
    with report.fronts([web.port]) as fronts:
        for seed in range(8):
            report.check(f"h11 on both sides, walk {seed}", fronts, lambda front, seed=seed: walk(front, seed))
        report.check("h11 on both sides, requests that do not wait for answers", fronts, pipeline)
        report.check("twenty at once", fronts, lambda front: at_once(front, 20))
        report.check("a strict backend finds no fault", fronts[:1], lambda _: faultless(web))
    web.stop()
    websockets(report)


class Client:
    """h11 over a connection that stays."""

    def __init__(self, front):
        self.stream, self.wire = front.connect(5), h11.Connection(h11.CLIENT)

    def send(self, *events):
        for event in events:
            self.stream.sendall(self.wire.send(event))

    def event(self):
        while (event := self.wire.next_event()) is h11.NEED_DATA:
            self.wire.receive_data(self.stream.recv(65536))
        return event

    def answer(self):
        """Status, body, and the fields behind it; ready for the next request."""
        body, status = b"", None
        while not isinstance(event := self.event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                assert isinstance(event, h11.InformationalResponse), event
        self.wire.start_next_cycle()
        return status, body, list(event.headers)


def walk(front, seed):
    """Requests of all kinds over one connection."""
    dice, client = random.Random(seed), Client(front)
    steps = [download, chunked, upload, upload, upload_in_chunks, head, hints, empty]
    with client.stream:
        for _ in range(STEPS):
            dice.choice(steps)(client, dice)


def size(dice):
    return dice.choice([0, 1, 2, 63, 1460, 16383, 16384, 16385, 65536, 200_000]) + dice.randrange(3)


def get(client, target, method="GET", *fields):
    client.send(h11.Request(method=method, target=target, headers=[("host", "a.test"), *fields]), h11.EndOfMessage())
    return client.answer()


def download(client, dice):
    length = size(dice)
    assert get(client, f"/bytes?{length}")[:2] == (200, pattern(length))


def chunked(client, dice):
    length = size(dice)
    assert get(client, f"/chunks?{length}")[:2] == (200, pattern(length))


def head(client, dice):
    assert get(client, f"/bytes?{size(dice)}", "HEAD")[:2] == (200, b"")


def hints(client, dice):
    assert get(client, f"/hints?{dice.randrange(4)}")[:2] == (200, b"ok")


def empty(client, dice):
    status = dice.choice([204, 304, 404])
    assert get(client, f"/status?{status}")[:2] == (status, b"")


def upload(client, dice):
    length = size(dice)
    fields = [("host", "a.test"), ("content-length", str(length))]
    if expects := dice.random() < 0.3 and length:
        fields.append(("expect", "100-continue"))
    client.send(h11.Request(method="POST", target="/digest", headers=fields))
    if expects:
        assert isinstance(client.event(), h11.InformationalResponse)
    pieces(client, dice, pattern(length))
    seen(client, length)


def upload_in_chunks(client, dice):
    length = size(dice)
    fields = [("host", "a.test"), ("transfer-encoding", "chunked"), ("trailer", "x-end")]
    client.send(h11.Request(method="PUT", target="/digest", headers=fields))
    pieces(client, dice, pattern(length), [("x-end", "yes")])
    seen(client, length)


def pieces(client, dice, data, trailers=()):
    at = 0
    while at < len(data):
        step = dice.randrange(1, 70_000)
        client.send(h11.Data(data=data[at : at + step]))
        at += step
    client.send(h11.EndOfMessage(headers=list(trailers)))


def seen(client, length):
    status, body, _ = client.answer()
    got = json.loads(body)
    assert (status, got["bytes"]) == (200, length), got
    assert got["sha256"] == hashlib.sha256(pattern(length)).hexdigest(), "other bytes"


def pipeline(front):
    """A hundred requests before the first answer is read."""
    client, request = Client(front), "GET /bytes?{} HTTP/1.1\r\nHost: a.test\r\n\r\n"
    with client.stream:
        client.stream.sendall("".join(request.format(length) for length in range(100)).encode())
        for length in range(100):
            # h11 has to believe that it has asked.
            client.wire.send(h11.Request(method="GET", target="/", headers=[("host", "a.test")]))
            client.wire.send(h11.EndOfMessage())
            assert client.answer()[:2] == (200, pattern(length)), f"answer {length}"


def at_once(front, count):
    failures = []

    def one(seed):
        try:
            walk(front, seed)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one, args=[100 + seed]) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, f"{len(failures)} of {count}: {failures[0]}"


def websockets(report):
    with serve(send_back, "127.0.0.1", 0, max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with report.fronts([server.socket.getsockname()[1]]) as fronts:
            report.check("WebSocket: texts, bytes, pings and an end with a word", fronts, echo)
            report.check("WebSocket: fifty at once", fronts, many)
        with report.fronts([server.socket.getsockname()[1]], h2=True) as fronts:
            report.check("WebSocket by HTTP/2: the same", fronts[:1], lambda it: echo(it, tunnelled(it)))
        server.shutdown()


def send_back(socket):
    with contextlib.suppress(ConnectionClosed):
        for message in socket:
            socket.send(message)


def echo(front, stream=None):
    with connect(front.url.replace("http", "ws"), max_size=None, sock=stream) as socket:
        for message in ["hello", b"\0" * 1_000_000, pattern(3_000_000), ""]:
            socket.send(message)
            assert socket.recv(timeout=10) == message
        assert socket.ping().wait(10)
        socket.close(4001, "enough")
        assert (socket.close_code, socket.close_reason) == (4001, "enough")


def many(front):
    sockets = [connect(front.url.replace("http", "ws")) for _ in range(50)]
    for number, socket in enumerate(sockets):
        socket.send(str(number))
    for number, socket in enumerate(sockets):
        assert socket.recv(timeout=10) == str(number)
        socket.close()
