"""A backend that keeps every byte that comes, and answers what it can read strictly; nothing else."""

import contextlib
import socket
import threading

import strict


class Recorder:
    """Its connections are forgotten between two cases."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.visits = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.forget()

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

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            data = bytearray()
            with self.lock:
                self.visits.append((stream, data))
            threading.Thread(target=self._serve, args=[stream, data], daemon=True).start()

    def _serve(self, stream, data):
        answered = 0
        with stream, contextlib.suppress(OSError):
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
