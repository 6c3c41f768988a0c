"""wrk, ab and h2load; and the walk: three http-servers, each request on the next one, one of them killed under wrk."""

import pathlib
import re
import subprocess
import time

from backend import Web
from kit import free_port, listens, until

SECONDS, NULL = 5, subprocess.DEVNULL


def run(report):
    web = Web()
    with report.fronts([web.port]) as fronts:
        url = "/bytes?1000"
        report.check("ab, 2,000 requests, keep-alive", fronts, lambda front: ab(front.url + url, "-k"))
        report.check("ab, 2,000 requests, a connection each", fronts, lambda front: ab(front.url + url))
        report.check("h2load by HTTP/1.1, 5,000 requests", fronts, lambda front: h2load(front.url + url))
        report.check("wrk, 50 connections", fronts, lambda front: wrk(front.url + url))
    web.stop()
    walk(report)


def said(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{words[0]} {done.returncode}: {done.stderr.strip()[-300:]}"
    return done.stdout


def ab(url, *options):
    text = said("ab", "-q", "-n", "2000", "-c", "20", *options, url)
    number = lambda label: int((re.search(rf"{label}:\s+(\d+)", text) or [0, "0"])[1])
    assert (number("Complete requests"), number("Failed requests"), number("Non-2xx responses")) == (2000, 0, 0), text
    return f"{re.search(r'Requests per second: +([0-9.]+)', text)[1]} a second"


def h2load(url):
    text = said("h2load", "--h1", "-n", "5000", "-c", "20", url)
    assert "5000 succeeded, 0 failed, 0 errored" in text, text[-600:]
    return re.search(r"([0-9.]+) req/s", text)[0]


def wrk(url, seconds=SECONDS):
    return judge(said("wrk", "-t", "1", "-c", "50", "-d", f"{seconds}s", "--latency", url))


def judge(text):
    failed = [line.strip() for line in text.splitlines() if "Socket errors" in line or "Non-2xx" in line]
    assert not failed, "; ".join(failed)
    done, late = re.search(r"([0-9]+) requests in", text), re.search(r"99%\s+(\S+)", text)
    return f"{done[1]} requests, p99 {late[1]}"


class HttpServer:
    """`npx http-server`, started again as often as one likes."""

    def __init__(self, program, folder):
        self.words, self.port = ["node", str(program), str(folder), "-s", "-a", "127.0.0.1", "-c-1"], free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.words, "-p", str(self.port)], stdin=NULL, stderr=NULL)
        until("http-server listens", lambda: listens(self.port))

    def kill(self):
        self.process.kill()
        self.process.wait()


def walk(report):
    program = report.home / "npm/node_modules/http-server/bin/http-server"
    if not program.exists():
        print("  installing http-server into target/http (npm)", flush=True)
        prefix = ["--prefix", str(report.home / "npm")]
        said("npm", "install", "--silent", "--no-audit", "--no-fund", *prefix, "http-server@14.1.1")
    servers = []
    try:
        for name in "abc":
            folder = report.home / f"site-{name}"
            folder.mkdir(exist_ok=True)
            (folder / "index.html").write_text(name * 2000)
            servers.append(HttpServer(program, folder))
        with report.fronts([server.port for server in servers], checked=True) as fronts:
            report.check("each request on the next of three http-servers", fronts, turns)
            report.check("one is killed under wrk, and no request fails", fronts, lambda it: killed(it, servers[1]))
            report.check("it is back, and takes its turn", fronts, lambda it: until("all three serve", lambda: back(it)) and None)
    finally:
        for server in servers:
            server.kill()


def turns(front):
    # From when all of them have been found to be there.
    until("all three serve", lambda: back(front))
    urls = [front.url + "/"] * 30
    names = said("curl", "-sS", *urls).replace("\n", "")[::2000]
    assert {names[at : at + 3] for at in range(0, 30, 3)} == {names[:3]}, names
    assert sorted(names[:3]) == list("abc"), names


def back(front):
    names = said("curl", "-sS", *[front.url + "/"] * 3)[::2000]
    return sorted(names) == list("abc")


def killed(front, server):
    words = ["wrk", "-t", "1", "-c", "50", "-d", f"{SECONDS}s", "--latency", front.url + "/"]
    load = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    # In the middle of it: wrk takes no other word for when.
    time.sleep(SECONDS / 2)
    server.kill()
    text, _ = load.communicate(timeout=60)
    server.start()
    return judge(text)
