"""What the parts of the scripts that look at evenkeel from outside have in common; parts.sh puts it where Python looks."""

import contextlib
import importlib
import os
import pathlib
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("EVENKEEL", str(ROOT / "target/debug/evenkeel"))
PATIENCE = 15.0


def run(what, parts, checks):
    """Runs the parts of these names, one after the other; 1 when anything does not hold."""
    began = time.monotonic()
    for part in parts:
        print(part, flush=True)
        importlib.import_module(part).run(checks)
    took = time.monotonic() - began
    print(f"{what}, in {took:.0f} s: {checks.held} hold, {checks.failed} do not", flush=True)
    return 1 if checks.failed else 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, holds, patience=PATIENCE):
    """What `holds` returns once that is true; raises when it takes too long."""
    end = time.monotonic() + patience
    while True:
        if found := holds():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not in {patience:.0f} s: {what}")
        time.sleep(0.02)


def end(process):
    """As it ends when it is told to, or else at once."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """Calls `serve` with each connection, in a thread of its own; can go away and come back at the same address."""

    def __init__(self):
        self.port, self.streams = 0, set()
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def stop(self):
        # A listener in accept() is only woken by this.
        for stream in [self.listener, *self.streams]:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self, listener):
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            self.streams.add(stream)
            threading.Thread(target=self._visit, args=[stream], daemon=True).start()

    def _visit(self, stream):
        with stream, contextlib.suppress(OSError):
            self.serve(stream)
        self.streams.discard(stream)
