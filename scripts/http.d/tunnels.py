"""Tunnels: CONNECT goes to backends that are proxies, two tinyproxies."""

import hashlib
import pathlib
import subprocess
import tempfile

from backend import Web, pattern
from kit import listens, secret
from parts import end, free_port, until

LENGTH = 5_000_000

CONFIG = """
Port {port}
Listen 127.0.0.1
Timeout 60
BasicAuth user password
ConnectPort {plain}
ConnectPort {tls}
"""


class Proxy:
    """A tinyproxy that leads to two ports and to no other."""

    def __init__(self, plain, tls):
        self.port, self.folder = free_port(), tempfile.TemporaryDirectory(prefix="http-tinyproxy-")
        path = pathlib.Path(self.folder.name) / "config"
        path.write_text(CONFIG.format(port=self.port, plain=plain, tls=tls))
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(["tinyproxy", "-d", "-c", str(path)], **quiet)
        until("tinyproxy listens", lambda: listens(self.port))

    def stop(self):
        if self.process.poll() is None:
            end(self.process)
            self.folder.cleanup()


def run(report):
    plain, over_tls = Web(), Web(secret(report.home))
    proxies = [Proxy(plain.port, over_tls.port) for _ in range(2)]
    here = f"http://127.0.0.1:{plain.port}/bytes?{LENGTH}"
    there = f"https://127.0.0.1:{over_tls.port}/bytes?{LENGTH}"
    with report.fronts([proxy.port for proxy in proxies], tunnels=True) as fronts:
        report.check("through a tunnel comes what was asked for", fronts, lambda front: carried(front, here))
        report.check("and TLS as it is", fronts, lambda front: carried(front, there))
        report.check("the proxy asks for its password", fronts, lambda front: refused(front, here, 407, []))
        nowhere = f"http://127.0.0.1:{free_port()}/"
        report.check("and says where one may not go", fronts, lambda front: refused(front, nowhere, 403))
        proxies[0].stop()
        report.check("when one of two proxies is gone, the other one leads there", fronts, lambda front: carried(front, here))
    for each in [*proxies, plain, over_tls]:
        each.stop()


def curl(front, url, words):
    """What came, and the status of the tunnel."""
    tell = ["-s", "-k", "--max-time", "30", "-w", "%{stderr}%{http_connect}"]
    words = ["curl", *tell, "-p", "-x", f"http://127.0.0.1:{front.port}", *words, url]
    ran = subprocess.run(words, capture_output=True, check=False)
    return ran.stdout, int(ran.stderr[-3:] or 0)


def carried(front, url, words=("-U", "user:password")):
    for _ in range(4):
        body, status = curl(front, url, words)
        assert status == 200, f"the tunnel is answered {status}"
        assert hashlib.sha256(body).digest() == hashlib.sha256(pattern(LENGTH)).digest(), f"{len(body)} bytes"


def refused(front, url, expected, words=("-U", "user:password")):
    body, status = curl(front, url, words)
    assert (status, body) == (expected, b""), (status, body[:99])
