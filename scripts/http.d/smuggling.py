"""Sends each of the corpus as it is, and looks at the bytes that arrive behind whoever is in the middle."""

import contextlib
import socket
import time

import corpus
import strict
from kit import JUDGED
from recorder import Recorder

# How long an answer may take, and how long what is behind it may, in seconds.
ANSWER, QUIET = 3.0, 0.05

# What somebody else asks meanwhile.
PROBE = b"GET /probe HTTP/1.1"


# Longer ones are not sent byte by byte.
SHORT = 400

# What no stranger may say of himself, with a name that some backends take for another one.
FORGED = [
    b"X-Forwarded-For: 6.6.6.6\r\n",
    b"X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 6.6.6.6\r\n",
    b"Connection: X-Forwarded-For\r\n",
    b"Connection: close, X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-For: 6.6.6.6\r\n",
    b"X-Forwarded-Proto: 6.6.6.6\r\n",
    b"X-Forwarded-Host: 6.6.6.6\r\n",
    b"X-Forwarded-Port: 6.6.6.6\r\n",
    b"X-Real-IP: 6.6.6.6\r\n",
    b"Forwarded: for=6.6.6.6\r\n",
    b"X_Forwarded_For: 6.6.6.6\r\n",
    b"X-Forwarded_For: 6.6.6.6\r\n",
    b"X_REAL_IP: 6.6.6.6\r\n",
]


def run(report):
    recorder = Recorder()
    with report.fronts([recorder.port], patience=2) as fronts:
        for what, data in corpus.REFUSED:
            report.check(f"refused: {what}", fronts, lambda front, data=data: refused(front, recorder, data))
        for what, data in corpus.EITHER:
            report.check(f"clear: {what}", fronts, lambda front, data=data: clear(front, recorder, data, [0, 1]))
        for what, data, count in corpus.SANE:
            report.check(f"served: {what}", fronts, lambda front, it=(data, count): served(front, recorder, *it))
        # The other ones are not told to say anything of the client.
        own = [front for front in fronts if front.name == JUDGED]
        for fields in FORGED:
            report.check(f"not believed: {fields.decode().strip()!r}", own, lambda it, sent=fields: forged(it, recorder, sent))
    recorder.stop()


def forged(front, recorder, fields):
    send(front, recorder, [corpus.get(fields)])
    [(_, found, _)] = look(recorder, [1])
    assert not any(b"6.6.6.6" in value for _, value in found), found
    assert [value for name, value in found if name == b"x-forwarded-for"] == [b"127.0.0.1"], found


def refused(front, recorder, data):
    """No backend sees a request; the client is told so, and its connection ends."""
    for pieces in cuts(data):
        refused_so(front, recorder, pieces)


def refused_so(front, recorder, pieces):
    answers, is_closed = send(front, recorder, pieces)
    probe(front)
    found = look(recorder, [0])
    told = [status for status, _ in answers]
    assert len(answers) <= 1 and all(400 <= status < 600 for status in told), f"answered {told}, {found}"
    assert is_closed, f"answered {told}, and the connection stays open"
    assert told and told[0] < 500 or told in ([501], [505], []), f"answered {told}: as if it were our fault"


def clear(front, recorder, data, counts):
    """What arrives can be read in one way, as so many requests as were sent, or none; never one that hides in another."""
    answers, is_closed = send(front, recorder, [data])
    probe(front)
    told = [status for status, _ in answers]
    requests = look(recorder, counts)
    assert len(answers) <= 1, f"answered {told}"
    if not requests:
        assert is_closed, f"answered {told}, and the connection stays open"
    return f"{told[0] if told else 'closed'}"


def served(front, recorder, data, count):
    for pieces in cuts(data):
        served_so(front, recorder, pieces, count)


def served_so(front, recorder, pieces, count):
    answers, _ = send(front, recorder, pieces, count)
    requests = look(recorder, [count])
    assert [status for status, _ in answers] == [200] * count, f"answered {answers}"
    paths = [line.split(b" ")[1] for line, _, _ in requests if not line.startswith(b"HEAD")]
    assert [body for _, body in answers if body] == paths, f"{answers} for {paths}"


def probe(front):
    """Somebody else is served as if nothing had been."""
    with front.connect(ANSWER) as stream:
        stream.sendall(corpus.get(b"Connection: close\r\n", line=PROBE))
        came = b""
        while more := stream.recv(65536):
            came += more
    assert answers(came, []) == [(200, b"/probe")], f"another client got {came[:200]!r}"


def look(recorder, counts):
    """The requests that arrived beside the probe: complete, unambiguous, so many, and as many for h11."""
    requests = []
    for came in recorder.came():
        try:
            found, left = strict.requests(came)
        except strict.Ambiguous as error:
            raise AssertionError(f"arrived, and is ambiguous: {error}; all of it: {came[:300]!r}") from None
        assert strict.by_h11(came) == len(found), f"h11 sees {strict.by_h11(came)} requests in {came[:300]!r}"
        # The part of a request that was refused in its middle asks for nothing.
        assert not left or counts[0] == 0, f"left in the middle: {left[:200]!r}"
        requests += found
    requests = [request for request in requests if request[0] != PROBE]
    lines = [line for line, _, _ in requests]
    assert len(requests) in counts, f"{lines} arrived"
    assert not any(b"/hidden" in line for line in lines), f"smuggled: {lines}"
    return requests


def cuts(data):
    """All at once; and byte by byte, as far as that is soon done."""
    return [[data]] + ([[data[at : at + 1] for at in range(len(data))]] if len(data) < SHORT else [])


def send(front, recorder, pieces, count=1):
    """The final answers, as (status, body), and whether the connection was closed behind them."""
    recorder.forget()
    lines = b"".join(pieces).split(b"\r\n")
    heads_only = [line.startswith(b"HEAD ") for line in lines if line.endswith(b" HTTP/1.1")]
    with front.connect(ANSWER) as stream:
        with contextlib.suppress(OSError):
            for piece in pieces:
                stream.sendall(piece)
        came, is_closed, end = b"", False, time.monotonic() + ANSWER
        while not is_closed and time.monotonic() < end:
            # Once all answers are there, no more than a moment for what must not come.
            done = len(answers(came, heads_only)) >= count
            stream.settimeout(QUIET if done else max(end - time.monotonic(), 0.01))
            try:
                more = stream.recv(65536)
            except socket.timeout:
                break
            except OSError:
                more = b""
            came, is_closed = came + more, not more
    return answers(came, heads_only), is_closed


def answers(came, heads_only):
    """As many complete final answers as there are in it."""
    found = []
    while b"\r\n\r\n" in came:
        head, _, rest = came.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        if status < 200 or status in (204, 304) or len(found) < len(heads_only) and heads_only[len(found)]:
            length = 0
        if len(rest) < length:
            break
        if status >= 200:
            found.append((status, rest[:length]))
        came = rest[length:]
    return found
