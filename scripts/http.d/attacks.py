"""Clients that mean harm: giant, slow, idle and many. They are refused or cut off in time, what they hold is little, and
others are served meanwhile."""

import contextlib
import resource
import socket
import statistics
import threading
import time

from backend import Web, pattern
from kit import until

# Seconds that clients have for their next bytes, and by when one that has used them up must be gone.
PATIENCE, GONE = 2, 12
GET = b"GET /bytes?10 HTTP/1.1\r\nHost: a.test\r\n"
POST = b"POST /digest HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n"
# Longest wait of somebody else, in seconds, on a machine that is not idle.
WAIT_MAX = 2.5
# Bytes that one connection of an attacker may cost: 64 KiB in hand for each direction, and a little.
EACH_MAX = 150_000
# Bytes that all of them may cost at least.
ALL_MAX = 2_000_000


def run(report):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    web = Web()
    checks = [
        ("a field of 10 MB", lambda it: giant(it, GET + b"X: " + b"y" * 10_000_000 + b"\r\n\r\n")),
        ("a million fields", lambda it: giant(it, GET + b"X: y\r\n" * 1_000_000 + b"\r\n")),
        ("a path of 10 MB", lambda it: giant(it, b"GET /" + b"a" * 10_000_000 + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")),
        ("a method of 10 MB", lambda it: giant(it, b"G" * 10_000_000 + b" / HTTP/1.1\r\nHost: a.test\r\n\r\n")),
        ("10 MB of empty lines", lambda it: giant(it, b"\r\n" * 5_000_000)),
        ("100,000 small requests in one piece", lambda it: giant(it, (GET + b"\r\n") * 100_000)),
        ("a field with 3,500 options beside 90 others", lambda it: giant(it, options())),
        ("noise", lambda it: giant(it, bytes(range(256)) * 10_000)),
        ("300 that say nothing", lambda it: slow(it, 300, b"")),
        ("300 that say half a head", lambda it: slow(it, 300, GET)),
        ("300 that say a byte of their head now and then", lambda it: slow(it, 300, GET + b"X: ", drip=True)),
        ("300 that wait after a request", lambda it: slow(it, 300, GET + b"\r\n")),
        ("300 that say half a body", lambda it: slow(it, 300, POST + b"x" * 1000)),
        ("2,000 that are idle between requests", lambda it: idle(it, 2000)),
        ("50 that ask for 32 MiB and read nothing", lambda it: unread(it, 50, GET.replace(b"?10", b"?33554432") + b"\r\n", 1 << 25)),
        ("50 that ask 1,000 times and read nothing", lambda it: unread(it, 50, (GET.replace(b"?10", b"?50000") + b"\r\n") * 1000, 50_000_000)),
        ("30 that upload 32 MiB each to a backend that does not read", upload),
        ("2,000 that reset in the middle of a request", lambda it: resets(it, 2000, web)),
    ]
    with report.fronts([web.port], patience=PATIENCE) as fronts:
        for what, holds in checks:
            report.check(what, fronts, lambda front, holds=holds: beside(front, holds))
    with report.fronts([web.port]) as fronts:
        report.check("chunks of one byte, 200,000 of them", fronts, lambda front: beside(front, tiny_chunks))
    web.stop()


class Visitor:
    """Somebody with a connection who asks as anybody does."""

    def __init__(self, front):
        self.stream = front.connect()

    def ask(self):
        self.stream.sendall(GET + b"\r\n")
        answer = b""
        while not answer.endswith(pattern(10)):
            more = self.stream.recv(65536)
            assert more, f"cut behind {answer[:50]!r}"
            answer += more
        assert b" 200 " in answer, f"answered {answer[:50]!r}"


class Others:
    """Those who just want to be served: one on a connection that stays, and new ones."""

    def __init__(self, front, visitor):
        self.front, self.visitor, self.waits, self.failures, self.over = front, visitor, [], [], threading.Event()
        self.memory = front.memory()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        kept = None
        while not self.waits or not self.over.wait(0.03):
            for is_new in (False, True):
                began = time.monotonic()
                try:
                    visitor = self.visitor(self.front) if is_new or kept is None else kept
                    visitor.ask()
                    kept = kept if is_new else visitor
                except (AssertionError, OSError) as error:
                    self.failures.append(repr(error))
                    kept = None
                self.waits.append(time.monotonic() - began)
            self.memory = max(self.memory, self.front.memory())

    def judge(self):
        self.over.set()
        self.thread.join()
        worst = max(self.waits)
        assert not self.failures, f"others: {len(self.failures)} of {len(self.waits)} failed: {self.failures[0]}"
        assert worst < WAIT_MAX, f"others waited up to {worst:.1f} s"
        return f"others waited {statistics.median(self.waits) * 1e3:.1f} ms, {worst * 1e3:.0f} at most"


def beside(front, attack, visitor=Visitor):
    """The attack, with others served meanwhile."""
    before, others = front.memory(), Others(front, visitor)
    try:
        count, remark = attack(front)
    finally:
        said = others.judge()
    held = (others.memory - before) / count
    assert held < max(EACH_MAX, ALL_MAX / count), f"{held / 1000:.0f} kB of memory for each"
    return f"{remark}; {said}; {held / 1000:.1f} kB each"


def giant(front, data):
    """Refused, however much of it was taken."""
    with front.connect(GONE) as stream:
        sent, answer = 0, b""
        with contextlib.suppress(OSError):
            while sent < len(data):
                sent += stream.send(data[sent : sent + 65536])
        with contextlib.suppress(OSError):
            answer = stream.recv(65536)
    status = answer.split(b" ")[1] if answer.startswith(b"HTTP/") else b""
    assert status[:1] in (b"2", b"4", b""), answer[:100]
    return 1, f"{status.decode() or 'cut'} after {sent / 1e6:.1f} MB"


def options():
    """Each of what `Connection` names has to be looked for."""
    fields = b"".join(b"x%02d: y\r\n" % number for number in range(90))
    return (GET + b"Connection: " + b"x99," * 3500 + b"z\r\n" + fields + b"\r\n") * 20


def slow(front, count, data, drip=False):
    """All of them are gone soon after their time is up."""
    streams = [front.connect() for _ in range(count)]
    for stream in streams:
        stream.setblocking(False)
        with contextlib.suppress(OSError):
            stream.send(data)
    began, left = time.monotonic(), list(streams)
    while left and time.monotonic() - began < GONE:
        time.sleep(0.2)
        left = [stream for stream in left if is_open(stream, drip)]
    took = time.monotonic() - began
    for stream in streams:
        stream.close()
    assert not left, f"{len(left)} of {count} are still there after {took:.0f} s"
    return count, f"all gone after {took:.1f} s"


def is_open(stream, drip):
    """Whether the other side has not ended it; what it sends is looked at and not read."""
    try:
        if drip:
            stream.send(b"z")
        return not has_ended(stream)
    except BlockingIOError:
        return True
    except OSError:
        return False


def has_ended(stream):
    # By the state of the socket, so that nothing is read: anything but established.
    state = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1


def unread(front, count, data, length):
    """What they do not read is not fetched, and they are cut off: what is left to be read in the end is not all."""
    streams = [front.connect() for _ in range(count)]
    for stream in streams:
        stream.setblocking(False)
        with contextlib.suppress(OSError):
            stream.send(data)
    time.sleep(GONE)
    read = [drained(stream) for stream in streams]
    whole = sum(1 for got in read if got >= length)
    assert not whole, f"{whole} of {count} are still served"
    return count, f"{sum(read) / count / 1e6:.1f} MB of each were on their way"


def drained(stream):
    stream.settimeout(1)
    got = 0
    with stream, contextlib.suppress(OSError):
        while more := stream.recv(1 << 20):
            got += len(more)
    return got


def idle(front, count):
    """They cost little, and go when their time is up."""
    before, visitors = front.memory(), []
    for _ in range(count):
        visitors.append(Visitor(front))
        visitors[-1].ask()
    each = max(front.memory() - before, 0) / count
    until("all of them are gone", lambda: all(has_ended(visitor.stream) for visitor in visitors), GONE)
    return count, f"{each:.0f} B each"


def tiny_chunks(front):
    with front.connect(30) as stream:
        stream.sendall(b"POST /digest HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            stream.sendall(b"1;" + b"x" * 20 + b"\r\ny\r\n" + b"1\r\nz\r\n" * 1999)
        stream.sendall(b"0\r\n\r\n")
        answer = stream.recv(65536)
    assert b" 200 " in answer or b" 413 " in answer, answer[:100]
    return 1, answer.split(b"\r\n")[0].decode()


def resets(front, count, web):
    for number in range(count):
        with contextlib.suppress(OSError), front.connect() as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            stream.sendall([GET, POST, GET + b"\r\n", POST + b"x" * 5000][number % 4])
    until("the backend's connections are given up", lambda: len(web.streams) < 100, GONE)
    return count, f"{len(web.streams)} connections to the backend are left"


def upload(front):
    """What nobody reads is not taken."""
    streams, sent = [front.connect() for _ in range(30)], 0
    for stream in streams:
        stream.sendall(POST.replace(b"digest", b"deaf").replace(b"100000", b"33554432"))
        stream.setblocking(False)
    began, data = time.monotonic(), b"x" * 65536
    while time.monotonic() - began < PATIENCE / 2:
        for stream in streams:
            with contextlib.suppress(OSError):
                sent += stream.send(data)
    for stream in streams:
        stream.close()
    return len(streams), f"{sent / len(streams) / 1e6:.1f} MB of each were taken"
