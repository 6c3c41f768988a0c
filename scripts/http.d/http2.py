"""HTTP/2 by prior knowledge: what well-meaning clients do, by nghttp2, curl, h2 and frame by frame; what becomes of requests
that HTTP/1 behind it would read in another way; and floods."""

import hashlib
import json
import subprocess

from hyperframe import frame

from attacks import PATIENCE, beside
from backend import Web, faultless, pattern
from frames import Wire
from recorder import Recorder
from smuggling import look

PSEUDO = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/one")]
HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"

# Heads that are malformed, RFC 9113, section 8.1.1: none of them may reach a backend.
MALFORMED = {
    "a length and no body": PSEUDO + [("content-length", "5")],
    "a coding": PSEUDO + [("transfer-encoding", "chunked")],
    "Connection": PSEUDO + [("connection", "close")],
    "Keep-Alive": PSEUDO + [("keep-alive", "timeout=5")],
    "Upgrade": PSEUDO + [("upgrade", "websocket")],
    "TE that is more than trailers": PSEUDO + [("te", "gzip")],
    "a name in capitals": PSEUDO + [("X-Upper", "y")],
    "a name with a colon": PSEUDO + [("x:y", "z")],
    "a name with a line end": PSEUDO + [("x\r\ny", "z")],
    "a name with a space": PSEUDO + [("x y", "z")],
    "an empty name": PSEUDO + [("", "z")],
    "a value with a line end": PSEUDO + [("x", "y\r\nz: a")],
    "a value with a whole request": PSEUDO + [("x", f"y\r\n\r\n{HIDDEN}")],
    "a value with a line feed": PSEUDO + [("x", "y\nz: a")],
    "a value with a NUL": PSEUDO + [("x", "y\0z")],
    "a path with a space": [*PSEUDO[:3], (":path", "/one HTTP/1.1\r\nX: y")],
    "a path with a space alone": [*PSEUDO[:3], (":path", "/one two")],
    "an empty path": [*PSEUDO[:3], (":path", "")],
    "a path without a slash": [*PSEUDO[:3], (":path", "one")],
    "no path": PSEUDO[:3],
    "no method": PSEUDO[1:],
    "no scheme": [PSEUDO[0], *PSEUDO[2:]],
    "two paths": [*PSEUDO, (":path", "/two")],
    "two methods": [*PSEUDO, (":method", "GET")],
    "a pseudo field behind others": [*PSEUDO[:3], ("x", "y"), PSEUDO[3]],
    "an unknown pseudo field": [*PSEUDO, (":hidden", "y")],
    "a pseudo field of answers": [*PSEUDO, (":status", "200")],
    "a method with a space": [(":method", "GET /hidden"), *PSEUDO[1:]],
    "a method with a line end": [(":method", "GET / HTTP/1.1\r\nX: y\r\n\r\n"), *PSEUDO[1:]],
    "an authority with a line end": [*PSEUDO[:2], (":authority", "a.test\r\nX: y"), PSEUDO[3]],
    "an authority with a path": [*PSEUDO[:2], (":authority", "a.test/two"), PSEUDO[3]],
    "two hosts that differ": [*PSEUDO, ("host", "b.test")],
    "neither authority nor host": [*PSEUDO[:2], PSEUDO[3]],
    "CONNECT": [(":method", "CONNECT"), (":authority", "a.test:80")],
}


def run(report):
    web, recorder = Web(), Recorder()
    with report.fronts([web.port], h2=True) as fronts:
        for what, holds in [
            ("curl, a download of 32 MiB", lambda it: curl(it, 32 << 20)),
            ("curl, an upload of 8 MiB", upload),
            ("nghttp, a hundred at once", nghttp),
            ("h2load, 5,000 requests, 10 at once on each of 20", h2load),
            ("fields behind the body, both ways", trailers),
            ("a window of one byte", narrow),
            ("a window that opens late", late),
            ("a stream that is reset, and the next", reset),
            ("HEAD, 204, 304", bodiless),
            ("SETTINGS and PING are answered", polite),
        ]:
            report.check(what, fronts, holds)
        report.check("a strict backend finds no fault", fronts[:1], lambda _: faultless(web))
    with report.fronts([recorder.port], patience=PATIENCE, h2=True) as fronts:
        for what, fields in MALFORMED.items():
            report.check(f"refused: {what}", fronts, lambda it, fields=fields: refused(it, recorder, fields))
        report.check("clear: a request in the body", fronts, lambda it: hidden(it, recorder))
        report.check("refused: a body that is shorter than its length", fronts, lambda it: sized(it, recorder, "9", b"hello"))
        report.check("refused: a body that is longer than its length", fronts, lambda it: sized(it, recorder, "3", b"hello"))
    with report.fronts([web.port], patience=PATIENCE, h2=True) as fronts:
        for what, flood in FLOODS.items():
            report.check(what, fronts, lambda it, flood=flood: beside(it, flood, Visitor))
    recorder.stop()
    web.stop()


class Visitor:
    """Somebody with a connection who asks as anybody does."""

    def __init__(self, front):
        self.wire, self.number = Wire(front), -1

    def ask(self):
        self.number += 2
        self.wire.send(self.wire.ask(self.number))
        answer = self.wire.answered(self.number)
        assert answer == ("200", pattern(10)), f"answered {answer}, GOAWAY {self.wire.goaway}"


def said(*words):
    done = subprocess.run(words, capture_output=True, timeout=90)
    assert done.returncode == 0, f"{words[0]} {done.returncode}: {done.stderr.decode()[-200:]}"
    return done.stdout


def curl(front, length):
    got = said("curl", "-sS", "--http2-prior-knowledge", f"{front.url}/bytes?{length}")
    assert got == pattern(length), f"{len(got)} bytes"


def upload(front):
    data = pattern(8 << 20)
    words = ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-", front.url + "/digest"]
    done = subprocess.run(words, input=data, capture_output=True, timeout=90)
    assert json.loads(done.stdout)["sha256"] == hashlib.sha256(data).hexdigest(), done.stderr


def nghttp(front):
    text = said("nghttp", "-ns", *[f"{front.url}/bytes?{length}" for length in range(100)]).decode()
    codes = [line.split()[4] for line in text.splitlines() if "/bytes?" in line]
    assert codes == ["200"] * 100, codes


def h2load(front):
    text = said("h2load", "-n", "5000", "-c", "20", "-m", "10", front.url + "/bytes?1000").decode()
    assert "5000 succeeded, 0 failed, 0 errored" in text, text[-600:]


def trailers(front):
    with Wire(front) as wire:
        wire.send(wire.ask(1, "/digest", "POST", flags=["END_HEADERS"]), frame.DataFrame(1, b"hello"))
        wire.send(wire.head(1, [("x-end", "yes")]))
        status, body = wire.answered(1)
        assert status == "200" and json.loads(body)["bytes"] == 5, (status, body)
        wire.send(wire.ask(3, "/chunks?100"))
        assert wire.answered(3) == ("200", pattern(100))
        return "x-digest" in wire.heads[3] and "with those of answers" or "without those of answers"


def narrow(front):
    settings = {frame.SettingsFrame.INITIAL_WINDOW_SIZE: 1}
    with Wire(front, settings) as wire:
        wire.send(wire.ask(1, "/bytes?40"))
        for length in range(1, 41):
            assert wire.until(lambda: len(wire.bodies.get(1, b"")) >= length), f"{length} bytes do not come"
            assert len(wire.bodies[1]) == length, "more than the window"
            wire.send(frame.WindowUpdateFrame(1, window_increment=1))
        assert wire.answered(1) == ("200", pattern(40))


def late(front):
    with Wire(front, {frame.SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as wire:
        wire.send(wire.ask(1, "/bytes?100000"), wire.ask(3, "/bytes?0"))
        assert wire.answered(3) == ("200", b"") and not wire.bodies.get(1)
        wire.send(frame.SettingsFrame(0, settings={frame.SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}))
        assert wire.answered(1) == ("200", pattern(100_000))


def reset(front):
    with Wire(front, {frame.SettingsFrame.INITIAL_WINDOW_SIZE: 1000}) as wire:
        wire.send(wire.ask(1, "/bytes?10000000"))
        assert wire.until(lambda: len(wire.bodies.get(1, b"")) >= 1000)
        wire.send(frame.RstStreamFrame(1, error_code=8), wire.ask(3, "/bytes?100"))
        assert wire.answered(3) == ("200", pattern(100))


def bodiless(front):
    with Wire(front) as wire:
        wire.send(wire.ask(1, "/bytes?100", "HEAD"), wire.ask(3, "/status?204"), wire.ask(5, "/status?304"))
        assert [wire.answered(number) for number in (1, 3, 5)] == [("200", b""), ("204", b""), ("304", b"")]
        assert wire.heads[1]["content-length"] == "100"


def polite(front):
    with Wire(front) as wire:
        wire.send(frame.PingFrame(0, opaque_data=b"12345678"))
        assert wire.until(lambda: wire.acks == 1 and wire.pongs == 1), (wire.acks, wire.pongs)


def refused(front, recorder, fields):
    recorder.forget()
    with Wire(front) as wire:
        # Without Huffman's code, and without a look at what it is.
        wire.send(wire.head(1, fields))
        assert wire.is_refused(1), f"answered {wire.answered(1)}"
    look(recorder, [0])


def sized(front, recorder, length, body):
    recorder.forget()
    with Wire(front) as wire:
        wire.send(wire.head(1, [*PSEUDO, ("content-length", length)], ["END_HEADERS"]))
        wire.send(frame.DataFrame(1, body, flags=["END_STREAM"]))
        assert wire.is_refused(1), f"answered {wire.answered(1)}"
    look(recorder, [0])


def hidden(front, recorder):
    recorder.forget()
    with Wire(front) as wire:
        wire.send(wire.head(1, PSEUDO, ["END_HEADERS"]), frame.DataFrame(1, HIDDEN.encode(), flags=["END_STREAM"]))
        assert wire.answered(1)[0] == "200", wire.answered(1)
    look(recorder, [1])


def flood(front, frames, count, first=None):
    """Sends them until the other side has enough; that it has, or that it bears it, is told."""
    with Wire(front) as wire:
        if first:
            wire.send(first(wire))
        sent = 0
        try:
            for at in range(0, count, 100):
                wire.stream.sendall(b"".join(it.serialize() for number in range(at, at + 100) for it in frames(wire, number)))
                sent = at + 100
                wire.stream.settimeout(5)
        except OSError:
            pass
        wire.until(lambda: wire.goaway is not None, 1)
        told = f"GOAWAY {wire.goaway}" if wire.goaway is not None else "closed" if wire.is_closed else "borne"
    return 1, f"{told} after {sent}"


def rapid(wire, number):
    return [wire.ask(2 * number + 1), frame.RstStreamFrame(2 * number + 1, error_code=8)]


def bomb(wire, number):
    # One long field that is said once, and then 4,000 times by its number: one byte each. Nothing else may enter the table.
    if number == 0:
        return [wire.ask(1, more=[("x", "y" * 4000)])]
    block = b"\x82\x86\x84\x01\x06a.test" + b"\xbe" * 4000
    return [frame.HeadersFrame(2 * number + 1, block, flags=["END_HEADERS", "END_STREAM"])]


def stalled(front):
    """A hundred large answers that are asked for and never let in."""
    with Wire(front, {frame.SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as wire:
        wire.send(*[wire.ask(2 * number + 1, "/bytes?33554432") for number in range(100)])
        wire.until(lambda: wire.goaway is not None or len(wire.resets) >= 100, 3 * PATIENCE)
        return 100, f"{len(wire.resets)} reset, {'GOAWAY' if wire.goaway is not None else 'the connection stays'}"


FLOODS = {
    "20,000 streams that are reset at once": lambda it: flood(it, rapid, 20_000),
    "CONTINUATION without end": lambda it: flood(
        it,
        lambda wire, _: [frame.ContinuationFrame(1, b"\0\1x\1y" * 3000)],
        2_000,
        lambda wire: wire.ask(1, flags=["END_STREAM"]),
    ),
    "empty CONTINUATION without end": lambda it: flood(
        it, lambda wire, _: [frame.ContinuationFrame(1, b"")], 100_000, lambda wire: wire.ask(1, flags=["END_STREAM"])
    ),
    "100,000 SETTINGS": lambda it: flood(it, lambda wire, _: [frame.SettingsFrame(0, settings={3: 100})], 100_000),
    "100,000 PINGs": lambda it: flood(it, lambda wire, _: [frame.PingFrame(0, opaque_data=b"12345678")], 100_000),
    "100,000 PRIORITYs": lambda it: flood(
        it, lambda wire, at: [frame.PriorityFrame(2 * at + 1, depends_on=0, stream_weight=9)], 100_000
    ),
    "100,000 empty DATAs": lambda it: flood(
        it, lambda wire, _: [frame.DataFrame(1, b"")], 100_000, lambda wire: wire.ask(1, "/digest", "POST", flags=["END_HEADERS"])
    ),
    "100,000 WINDOW_UPDATEs": lambda it: flood(it, lambda wire, _: [frame.WindowUpdateFrame(0, window_increment=1)], 100_000),
    "a field of 4,000 bytes, 4,000 times by its number": lambda it: flood(it, bomb, 200),
    "a hundred answers that are not let in": stalled,
}
