"""A backend that keeps every byte that comes, and answers what it can read strictly; nothing else."""

import contextlib
import socket
import threading

import strict
from parts import Server


class Recorder(Server):
    """Its connections are forgotten between two cases."""

    def __init__(self):
        self.lock, self.visits = threading.Lock(), []
        super().__init__()

    def forget(self):
        with self.lock:
            visits, self.visits = self.visits, []
        for stream, _ in visits:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def came(self):
        """What came, by connection."""
        with self.lock:
            return [bytes(data) for _, data in self.visits if data]

    def serve(self, stream):
        answered, data = 0, bytearray()
        with self.lock:
            self.visits.append((stream, data))
        while more := stream.recv(65536):
            with self.lock:
                data += more
            try:
                found, _ = strict.requests(bytes(data))
            except strict.Ambiguous:
                # It says so, so that nobody waits; that it came is what counts.
                stream.sendall(b"HTTP/1.1 299 Ambiguous\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                stream.shutdown(socket.SHUT_WR)
                continue
            for line, _, _ in found[answered:]:
                body = line.split(b" ")[1]
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                stream.sendall(head + (b"" if line.startswith(b"HEAD ") else body))
            answered = len(found)
