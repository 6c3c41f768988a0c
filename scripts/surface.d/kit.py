"""An evenkeel with backends and traffic, all on 127.0.0.1, and a word for each check."""

import contextlib
import http.client
import json
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from parts import BINARY, PATIENCE, Server, end, free_port, until

TOKEN = "a-token-of-the-outside-checks"


class Backend(Server):
    """Sends back what it gets."""

    @property
    def addr(self):
        return f"127.0.0.1:{self.port}"

    def serve(self, stream):
        while data := stream.recv(65536):
            stream.sendall(data)


class Traffic:
    """Short sessions, a few at a time, with a pause between them, until it is stopped."""

    def __init__(self, port, threads=4, size=20000):
        self.port, self.size, self.stopped = port, size, threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.stopped.wait(0.02):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as stream:
                stream.sendall(b"x" * self.size)
                stream.shutdown(socket.SHUT_WR)
                while stream.recv(65536):
                    pass

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(PATIENCE)


class Evenkeel:
    """A running one with two services, each with a pool of its own; `guarded` by a token or open for looking."""

    def __init__(self, backends, guarded=True, more=""):
        self.folder = tempfile.TemporaryDirectory(prefix="evenkeel-surface-")
        self.web, self.other, self.admin = free_port(), free_port(), free_port()
        self.host = f"127.0.0.1:{self.admin}"
        folder = pathlib.Path(self.folder.name)
        (folder / "token").write_text(TOKEN + "\n")
        token = f'token-file = "{folder / "token"}"\n' if guarded else ""
        half = max(len(backends) * 2 // 3, 1)
        to = [", ".join(f'"{it.addr}"' for it in part) for part in (backends[:half], backends[half:] or backends)]
        health = 'health = { interval = "300ms", timeout = "200ms" }'
        (folder / "evenkeel.toml").write_text(
            f'workers = 2\ndrain = "1s"\n[admin]\nlisten = ["unix:{folder / "control.sock"}", "{self.host}"]\n{token}'
            f'[tcp.web]\nlisten = "127.0.0.1:{self.web}"\nto = [{to[0]}]\n{health}\n'
            f'[tcp.other]\nlisten = "127.0.0.1:{self.other}"\nto = [{to[1]}]\n{health}\n{more}\n'
        )
        self.start()

    def start(self):
        folder = pathlib.Path(self.folder.name)
        self.log = open(folder / "log", "ab")
        command = [BINARY, "run", "-c", str(folder / "evenkeel.toml")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            until("evenkeel answers", self._answers)
        except AssertionError:
            raise AssertionError((folder / "log").read_text()) from None

    def _answers(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", "/livez")[0] == 200

    def stop(self):
        end(self.process)
        self.log.close()

    def ask(self, method, path, body=None, token=TOKEN, headers=()):
        """Status, headers and text of an answer."""
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **dict(headers)}
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def look(self, path):
        status, _, text = self.ask("GET", path)
        assert status == 200, f"{path}: {status} {text}"
        return json.loads(text)

    def backend(self, addr):
        return next(it for it in self.look("/api/v1/backends")["backends"] if it["addr"] == addr)

    def state(self, addr):
        return self.backend(addr)["state"]


@contextlib.contextmanager
def running(backends=3, **how):
    """An evenkeel in front of so many backends, and all of it gone afterwards."""
    started = [Backend() for _ in range(backends)]
    evenkeel = Evenkeel(started, **how)
    try:
        yield evenkeel, started
    finally:
        evenkeel.stop()
        for backend in started:
            backend.stop()
        evenkeel.folder.cleanup()


class Checks:
    """Counts what holds and what does not, and goes on after a failure."""

    def __init__(self):
        self.held, self.failed = 0, 0

    @contextlib.contextmanager
    def check(self, what):
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            self.failed += 1
            print(f"  FAILED  {what}\n          {type(error).__name__}: {error}", flush=True)
        else:
            self.held += 1
            print(f"  ok      {what} ({time.monotonic() - began:.1f} s)", flush=True)


def echoes(port):
    """Whether a session through this port gets back what it sent."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as stream:
        stream.sendall(b"hello")
        return stream.recv(5) == b"hello"
