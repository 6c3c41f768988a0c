"""What curl does, and what comes back."""

import hashlib
import json
import subprocess
import tempfile

from backend import Web, faultless, pattern
from kit import free_port, secret

BIG = 32 << 20


def run(report):
    everything(report, None, [])
    print("  the same by TLS on both sides", flush=True)
    everything(report, secret(report.home), ["--http1.1"])
    print("  the same by TLS on both sides and HTTP/2 in front", flush=True)
    everything(report, secret(report.home), ["--http2"])


def everything(report, secret, speaks):
    web = Web(secret=secret)
    with report.fronts([web.port], secret=secret, h2="--http2" in speaks) as fronts, tempfile.NamedTemporaryFile() as big:
        big.write(pattern(BIG))
        big.flush()
        for front in fronts:
            front.speaks = speaks
        checks = downloads() + uploads(big.name) + answers()
        for what, holds in checks + ([] if "--http2" in speaks else of_http_1(big.name) + connections()):
            report.check(what, fronts, holds)
        report.check("a strict backend finds no fault with any of it", fronts[:1], lambda _: faultless(web))
    web.stop()
    with report.fronts([free_port()], secret=secret, h2="--http2" in speaks) as fronts:
        for front in fronts:
            front.speaks = speaks
        report.check("nobody is there, and one who uploads is told so", fronts, nobody)


def nobody(front):
    """An answer that comes before all was sent must not be lost in a reset; nor what came with the end of the handshake."""
    for _ in range(20):
        said = Said(front, "/digest", "-H", "Expect:", "--data-binary", "x" * 100_000)
        assert said.status in (502, 503), said.heads


class Said:
    """What curl got."""

    def __init__(self, front, path, *options):
        with tempfile.NamedTemporaryFile() as heads:
            command = ["curl", "-sSk", "-m", "60", "-D", heads.name, *front.speaks, *options, front.url + path]
            done = subprocess.run(command, capture_output=True, timeout=90)
            self.heads = [head for head in heads.read().decode().split("\r\n\r\n") if head.startswith("HTTP/")]
        assert done.returncode == 0, f"curl {done.returncode}: {done.stderr.decode().strip()}"
        # Of a HEAD it shows the head as the body.
        self.body = b"" if "-I" in options else done.stdout

    @property
    def status(self):
        return int(self.heads[-1].split()[1])

    def field(self, name):
        lines = [line.split(":", 1) for line in self.heads[-1].splitlines()[1:]]
        return [value.strip() for key, value in lines if key.lower() == name]

    def has(self, length):
        """The body is the pattern of this length."""
        assert self.status == 200, self.heads
        assert self.body == pattern(length), f"{len(self.body)} bytes, not {length}, or others"


def downloads():
    return [
        ("GET", lambda it: Said(it, "/bytes?1000").has(1000)),
        ("an empty answer", lambda it: Said(it, "/bytes?0").has(0)),
        ("32 MiB with a length, by digest", lambda it: Said(it, f"/bytes?{BIG}").has(BIG)),
        ("32 MiB in chunks of all sizes", lambda it: Said(it, f"/chunks?{BIG}").has(BIG)),
        ("an answer that ends with its connection", lambda it: Said(it, "/until-end?300000").has(300000)),
        ("slowly, as slowly as it comes", lambda it: Said(it, "/slow?10").has(10)),
        ("a reader that takes its time", lambda it: Said(it, "/bytes?12000000", "--limit-rate", "6M").has(12000000)),
    ]


def of_http_1(big):
    return [
        ("GET by HTTP/1.0", lambda it: Said(it, "/bytes?1000", "-0").has(1000)),
        ("chunks for a client of HTTP/1.0, which knows none", lambda it: Said(it, "/chunks?5000", "-0").has(5000)),
        ("chunks end with the fields behind them", trailers),
        ("POST 32 MiB by HTTP/1.0", sent(BIG, "-0", "--data-binary", f"@{big}", "-H", "Expect:")),
    ]


def trailers(front):
    body = Said(front, "/chunks?100", "--raw").body
    digest = hashlib.sha256(pattern(100)).hexdigest()
    assert f"x-digest: {digest}".encode() in body.lower(), body[-120:]


def sent(length, *options):
    def holds(front):
        said = Said(front, "/digest", *options)
        assert said.status == 200, said.heads
        seen = json.loads(said.body)
        assert seen["bytes"] == length, seen
        assert seen["sha256"] == hashlib.sha256(pattern(length)).hexdigest(), "other bytes"
        fields = dict(seen["headers"])
        assert ("content-length" in fields) != ("transfer-encoding" in fields), fields

    return holds


def uploads(big):
    chunked = ["-H", "Transfer-Encoding: chunked"]
    return [
        ("POST 32 MiB with a length, by digest", sent(BIG, "--data-binary", f"@{big}")),
        ("PUT 32 MiB in chunks", sent(BIG, "-T", big, *chunked)),
        ("POST without a word on 100-continue", sent(BIG, "--data-binary", f"@{big}", "-H", "Expect:")),
        ("POST that waits for 100 Continue", waits),
        ("POST of nothing", nothing),
    ]


def waits(front):
    said = Said(front, "/digest", "-H", "Expect: 100-continue", "--data-binary", "x" * 10, "--expect100-timeout", "20")
    assert [head.split()[1] for head in said.heads] == ["100", "200"], said.heads
    assert json.loads(said.body)["bytes"] == 10


def nothing(front):
    seen = json.loads(Said(front, "/digest", "-X", "POST", "-d", "").body)
    assert (seen["bytes"], seen["method"]) == (0, "POST"), seen
    assert dict(seen["headers"]).get("content-length") == "0", seen


def answers():
    def status(number):
        def holds(front):
            said = Said(front, f"/status?{number}")
            assert (said.status, said.body) == (number, b""), said.heads

        return holds

    return [
        ("HEAD, with the length that GET has", head),
        ("204 has no body and no length", lambda it: [status(204)(it), bare(it)][1]),
        ("304 has no body", status(304)),
        ("404, 500 and 503 are passed on", lambda it: [status(number)(it) for number in (404, 500, 503)] and None),
        ("103 before 200", hints),
        ("a no before the body of an upload", refused),
        ("a no to one that waits for 100 Continue", refused_at_once),
    ]


def bare(front):
    assert not Said(front, "/status?204").field("content-length")


def head(front):
    said = Said(front, "/bytes?12345", "-I")
    assert (said.status, said.field("content-length"), said.body) == (200, ["12345"], b""), said.heads


def hints(front):
    said = Said(front, "/hints?2")
    assert [head.split()[1] for head in said.heads] == ["103", "103", "200"], said.heads
    assert said.body == b"ok"


def refused(front):
    said = Said(front, "/refuse", "-H", "Expect:", "--data-binary", "x" * 100_000)
    assert (said.status, said.body) == (413, b"no\n"), said.heads


def refused_at_once(front):
    said = Said(front, "/refuse", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-d", "x" * 1000)
    assert (said.heads[-1].split()[1], said.body) == ("413", b"no\n"), said.heads


def connections():
    return [
        ("a hundred requests over one connection", lambda it: reuse(it, 1)),
        ("as many by HTTP/1.0 with keep-alive", lambda it: reuse(it, 1, "-0", "-H", "Connection: keep-alive")),
        ("a hundred with Connection: close", lambda it: reuse(it, 100, "-H", "Connection: close")),
    ]


def reuse(front, connections, *options):
    urls = [f"{front.url}/bytes?{length}" for length in range(100)]
    out = [word for _ in urls for word in ("-o", "/dev/null")]
    done = subprocess.run(
        ["curl", "-sSk", "-m", "60", "-w", "%{http_code} %{num_connects}\n", *front.speaks, *options, *out, *urls],
        capture_output=True,
        text=True,
        timeout=90,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["200"] * 100, done.stderr
    opened = sum(int(line[1]) for line in lines)
    assert opened == connections, f"{opened} connections"
