"""The log of requests in the combined format: read by apachelogs, strictly, and by GoAccess; beside what nginx writes of the same."""

import datetime
import json
import subprocess

from apachelogs import COMBINED, LogParser

from backend import Web
from parts import until

# As they are sent, and the referer and the user agent that a log tells of.
ASKED = [
    (b"GET /bytes?17 HTTP/1.1\r\nHost: a\r\nUser-Agent: probe/1\r\nReferer: http://a.test/x\r\n\r\n", "http://a.test/x", "probe/1"),
    (b"HEAD /bytes?17 HTTP/1.1\r\nHost: a\r\n\r\n", None, None),
    (b'GET /hello HTTP/1.1\r\nHost: a\r\nUser-Agent: a "b" \\ [c] - - \r\n\r\n', None, 'a "b" \\ [c] - -'),
    (b"GET /hello HTTP/1.1\r\nHost: a\r\nReferer: http://\xc3\xa9/\xff\r\nUser-Agent: x\ty\r\n\r\n", "http://\u00e9/\udcff", "x\ty"),
    (b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", None, None),
    (b"GET /bytes?70000 HTTP/1.0\r\n\r\n", None, None),
]

# Refused: what came stands in the log, and ends neither its field nor the line.
NONSENSE = [b"\x16\x03\x01\x02\x00\x01\n", b'GET /" 1.2.3.4 - - [ HTTP/1.1\r\nHost: a\r\n\r\n', b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"]


def run(report):
    web = Web()
    with report.fronts([web.port], access=True) as fronts:
        fronts = [front for front in fronts if front.name != "haproxy"]
        report.check("apachelogs reads every line, and in it what was asked", fronts, read)
        report.check("nonsense cannot make a line, or end a field", fronts, nonsense)
        report.check("GoAccess takes every line", fronts, goaccess)
    web.stop()


def entries(front, count):
    """The last lines, once there are so many more."""
    text = until("the log", lambda: (said := lines(front)) and len(said) >= count and said)
    parser = LogParser(COMBINED, encoding="utf-8", errors="surrogateescape")
    return [parser.parse(line) for line in text[-count:]]


def lines(front):
    return front.access.read_bytes().decode("latin-1").splitlines() if front.access.exists() else []


def ask(front, said):
    """All that is answered until the other side ends."""
    heard = b""
    with front.connect() as stream:
        stream.sendall(said.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n"))
        while more := stream.recv(65536):
            heard += more
    return heard


def read(front):
    answers = [ask(front, said) for said, _, _ in ASKED]
    now = datetime.datetime.now(datetime.timezone.utc)
    for entry, (said, referer, agent), answer in zip(entries(front, len(ASKED)), ASKED, answers):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert entry.request_line == said.split(b"\r\n")[0].decode(), entry.request_line
        assert entry.remote_host == "127.0.0.1" and entry.remote_user is None, entry.remote_host
        assert str(entry.final_status) == head.split()[1].decode(), (entry.final_status, head)
        assert (entry.bytes_sent or 0) == len(body), (entry.bytes_sent, len(body), entry.entry)
        assert abs(now - entry.request_time) < datetime.timedelta(seconds=30), entry.request_time
        assert entry.headers_in["Referer"] == referer, (entry.headers_in["Referer"], referer)
        assert entry.headers_in["User-Agent"] == agent, (entry.headers_in["User-Agent"], agent)


def nonsense(front):
    before = len(lines(front))
    for said in NONSENSE:
        ask(front, said)
    told = entries(front, before + len(NONSENSE))[before:]
    assert len(lines(front)) == before + len(NONSENSE), "a line for each"
    assert all(400 <= entry.final_status < 600 for entry in told), [entry.final_status for entry in told]
    for entry, said in zip(told, NONSENSE):
        assert entry.request_line == said.splitlines()[0].decode(), (entry.request_line, said)


def goaccess(front):
    words = ["goaccess", str(front.access), "--no-global-config", "--log-format=COMBINED", "-o", "json"]
    ran = subprocess.run(words, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    general = json.loads(ran.stdout)["general"]
    assert general["failed_requests"] == 0 and general["valid_requests"] == len(lines(front)), general
    return f"{general['valid_requests']} lines"
