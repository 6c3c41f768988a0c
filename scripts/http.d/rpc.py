"""HTTP/2 on both sides: gRPC by grpcio, plain and by TLS; and httpx in front of a backend that speaks by h2, strictly."""

import concurrent.futures
import hashlib
import json
import queue
import threading
import time

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import httpx

from backend import pattern
from kit import JUDGED, secret
from parts import PATIENCE, Server, until

AT_ONCE = 1000
LONG = 3_000_000
ASKED = 60


def run(report):
    for word, tls in [("", None), (", by TLS on both sides", secret(report.home))]:
        calls = Calls(tls)
        with report.fronts([calls.port], secret=tls, h2=True, rpc=True) as fronts:
            for what, holds in CHECKS.items():
                report.check(f"gRPC{word}: {what}", fronts, lambda front, holds=holds: holds(calls, channel(front, tls)))
        calls.server.stop(0)
    unavailable(report)
    strict(report)


def unavailable(report):
    """Two servers, of which one answers every call, and serves none."""
    good, gone = Calls(None), Unavailable(None)
    with report.fronts([good.port, gone.port], h2=True, rpc=True, checked=True) as fronts:
        report.check("gRPC: a server that is UNAVAILABLE is left out", fronts, left_out)
        judged = [front for front in fronts if front.name == JUDGED]
        report.check("gRPC: the log says how calls end", judged, told)
    good.server.stop(0)
    gone.server.stop(0)


def strict(report):
    tls = secret(report.home)
    web = Strict()
    with report.fronts([web.port], h2=True, rpc=True, secret=tls, plain_backends=True) as fronts:
        report.check("httpx, three downloads at once", fronts, lambda front: downloads(front, tls))
        report.check("httpx, an upload of 8 MiB", fronts, lambda front: upload(front, tls))
        report.check("httpx, HEAD and a status without a body", fronts, lambda front: bodiless(front, tls))
        report.check("a strict backend finds no fault", fronts[:1], lambda _: faultless(web))
    web.stop()


def channel(front, tls):
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0)]
    if tls is None:
        return grpc.insecure_channel(f"127.0.0.1:{front.port}", options)
    trusted = grpc.ssl_channel_credentials(tls.read_bytes())
    options.append(("grpc.ssl_target_name_override", "a.test"))
    return grpc.secure_channel(f"127.0.0.1:{front.port}", trusted, options)


def same(message):
    return message


class Calls(grpc.GenericRpcHandler):
    """A server of calls whose messages are bytes."""

    def __init__(self, tls):
        self.left = threading.Event()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(60))
        self.server.add_generic_rpc_handlers([self])
        if tls is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            shown = tls.read_bytes()
            self.port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown, shown)]))
        self.server.start()

    def service(self, details):
        made = {
            "/test/One": (grpc.unary_unary_rpc_method_handler, self.one),
            "/test/Many": (grpc.unary_stream_rpc_method_handler, self.many),
            "/test/Sum": (grpc.stream_unary_rpc_method_handler, self.sum),
            "/test/Both": (grpc.stream_stream_rpc_method_handler, self.both),
            "/test/No": (grpc.unary_unary_rpc_method_handler, self.no),
            "/test/Slow": (grpc.unary_unary_rpc_method_handler, self.slow),
        }.get(details.method)
        return made and made[0](made[1], same, same)

    def one(self, message, context):
        context.send_initial_metadata([("first", "1"), ("said", dict(context.invocation_metadata()).get("mine", ""))])
        context.set_trailing_metadata([("last", "2"), ("last-bin", b"\0\xff")])
        return message

    def many(self, message, _context):
        for number in range(int(message)):
            yield b"%d" % number

    def sum(self, messages, _context):
        return b"%d" % sum(map(len, messages))

    def both(self, messages, _context):
        for message in messages:
            yield message.upper()

    def no(self, _message, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no, é")

    def slow(self, _message, context):
        context.add_callback(self.left.set)
        self.left.wait(10)
        return b""


class Unavailable(Calls):
    """One that cannot serve, and says so at once, or behind a message."""

    def one(self, _message, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    def many(self, _message, context):
        yield b"0"
        context.abort(grpc.StatusCode.UNAVAILABLE, "no more")


def left_out(front):
    with channel(front, None) as calls:
        failed = [status_of(calls, number) != grpc.StatusCode.OK for number in range(ASKED)]
    # Who is asked is chance: by the fortieth call it was asked five times, but once in ten million.
    assert any(failed), "it was never asked"
    assert not any(failed[40:]), f"{sum(failed)} of {ASKED} calls failed"
    return f"{sum(failed)} of {ASKED} calls failed"


def status_of(calls, number):
    """How a call ends whose answer has a message or none, in turns of two, so that each server gets both."""
    try:
        if number // 2 % 2:
            list(calls.unary_stream("/test/Many", same, same)(b"1", timeout=PATIENCE))
        else:
            calls.unary_unary("/test/One", same, same)(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def told(front):
    def lines():
        whole = (front.log.parent / "said").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def asked():
        return [line for line in lines() if line.get("kind") == "request"]

    until("the log tells of all calls", lambda: len(asked()) == ASKED)
    assert all(line["status"] == 200 for line in asked())
    assert {line.get("grpc_status") for line in asked()} == {0, 14}
    out = [line["cause"] for line in lines() if line.get("event") == "ejected"]
    assert out == ["it answers UNAVAILABLE"], out


def metadata(_calls, channel):
    message, call = channel.unary_unary("/test/One", same, same).with_call(b"hello", metadata=[("mine", "x")])
    told = (dict(call.initial_metadata()), dict(call.trailing_metadata()))
    assert (message, call.code()) == (b"hello", grpc.StatusCode.OK)
    assert told[0]["first"] == "1" and told[0]["said"] == "x" and told[1] == {"last": "2", "last-bin": b"\0\xff"}, told


def long(_calls, channel):
    message = pattern(LONG)
    assert channel.unary_unary("/test/One", same, same)(message) == message


def empty(_calls, channel):
    assert channel.unary_unary("/test/One", same, same)(b"") == b""


def many(_calls, channel):
    assert list(channel.unary_stream("/test/Many", same, same)(b"2000")) == [b"%d" % number for number in range(2000)]


def sums(_calls, channel):
    assert channel.stream_unary("/test/Sum", same, same)(b"x" * 1000 for _ in range(2000)) == b"2000000"


def to_and_fro(_calls, channel):
    said = queue.Queue()
    answers = channel.stream_stream("/test/Both", same, same)(iter(said.get, None))
    for message in [b"one", b"two", b"three"]:
        said.put(message)
        assert next(answers) == message.upper()
    said.put(None)
    assert list(answers) == []


def fails(channel, method, **how):
    try:
        channel.unary_unary(method, same, same)(b"", **how)
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("it is answered")


def errors(_calls, channel):
    assert fails(channel, "/test/No") == (grpc.StatusCode.FAILED_PRECONDITION, "no, é")
    assert fails(channel, "/test/Nobody")[0] == grpc.StatusCode.UNIMPLEMENTED


def deadline(calls, channel):
    calls.left.clear()
    assert fails(channel, "/test/Slow", timeout=0.5)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    until("the server hears of it", calls.left.is_set, 5)


def cancelled(calls, channel):
    calls.left.clear()
    call = channel.unary_unary("/test/Slow", same, same).future(b"")
    time.sleep(0.2)
    call.cancel()
    until("the server hears of it", calls.left.is_set, 5)
    assert channel.unary_unary("/test/One", same, same)(b"next") == b"next"


def at_once(_calls, channel):
    began = time.monotonic()
    calls = [channel.unary_unary("/test/One", same, same).future(b"%d" % number) for number in range(AT_ONCE)]
    assert [call.result(30) for call in calls] == [b"%d" % number for number in range(AT_ONCE)]
    return f"{AT_ONCE / (time.monotonic() - began):.0f} in a second"


CHECKS = {
    "metadata in front and behind": metadata,
    "messages of 3 MB": long,
    "an empty message": empty,
    "one asks, many answers": many,
    "many ask, one answer": sums,
    "messages to and fro": to_and_fro,
    "errors with their words": errors,
    "a deadline is heard of by the server": deadline,
    "so is a call that is given up": cancelled,
    f"{AT_ONCE:,} at once": at_once,
}


class Strict(Server):
    """Answers by path, and notes what h2 finds wrong with what it gets."""

    def __init__(self):
        self.faults = []
        super().__init__()

    def serve(self, stream):
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        wire, asked = h2.connection.H2Connection(config), {}
        wire.initiate_connection()
        stream.sendall(wire.data_to_send())
        while data := stream.recv(65536):
            try:
                for event in wire.receive_data(data):
                    self.on(wire, asked, event)
            except h2.exceptions.ProtocolError as error:
                self.faults.append(f"{type(error).__name__}: {error}")
            self.flush(wire, asked)
            stream.sendall(wire.data_to_send())

    def on(self, wire, asked, event):
        if isinstance(event, h2.events.RequestReceived):
            asked[event.stream_id] = {"fields": dict(event.headers), "digest": hashlib.sha256(), "left": None}
        elif isinstance(event, h2.events.DataReceived):
            asked[event.stream_id]["digest"].update(event.data)
            wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(wire, event.stream_id, asked[event.stream_id])
        elif isinstance(event, h2.events.StreamReset):
            asked.pop(event.stream_id, None)

    def answer(self, wire, number, request):
        path, _, length = request["fields"][":path"].partition("?")
        if path == "/status":
            return wire.send_headers(number, [(":status", length)], end_stream=True)
        body = request["digest"].hexdigest().encode() if path == "/digest" else pattern(int(length))
        is_head = request["fields"][":method"] == "HEAD"
        wire.send_headers(number, [(":status", "200"), ("content-length", str(len(body)))], end_stream=is_head)
        request["left"] = None if is_head else body

    def flush(self, wire, asked):
        """As much of each answer as there is room for."""
        for number, request in list(asked.items()):
            while request["left"]:
                size = min(wire.local_flow_control_window(number), wire.max_outbound_frame_size, len(request["left"]))
                if size <= 0:
                    break
                piece, request["left"] = request["left"][:size], request["left"][size:]
                wire.send_data(number, piece, end_stream=not request["left"])


def downloads(front, tls):
    lengths = [100, 1 << 20, 5_000_000]
    with client(tls) as http, concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda length: http.get(f"{front.url}/bytes?{length}"), lengths))
    assert all(answer.http_version == "HTTP/2" and answer.status_code == 200 for answer in answers), answers
    assert [answer.content for answer in answers] == [pattern(length) for length in lengths]


def upload(front, tls):
    data = pattern(8 << 20)
    with client(tls) as http:
        assert http.post(f"{front.url}/digest", content=data).text == hashlib.sha256(data).hexdigest()


def bodiless(front, tls):
    with client(tls) as http:
        head = http.head(f"{front.url}/bytes?100")
        assert (head.content, head.headers["content-length"]) == (b"", "100")
        assert [http.get(f"{front.url}/status?{status}").status_code for status in (204, 304, 404)] == [204, 304, 404]


def client(tls):
    return httpx.Client(http2=True, verify=httpx.create_ssl_context(verify=str(tls)))


def faultless(web):
    assert not web.faults, web.faults
