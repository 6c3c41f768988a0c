"""WebSocket over a stream of HTTP/2 (RFC 8441): `websockets` talks to a socket as it does with HTTP/1, and `h2` carries that."""

import base64
import contextlib
import hashlib
import selectors
import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings

# What a server of HTTP/1 adds to a key, and HTTP/2 has no use for.
SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ROOM = 1 << 16


def tunnelled(front):
    """A socket, behind which a stream of a connection of its own to `front` begins with the first head that is said there."""
    near, far = socket.socketpair()
    threading.Thread(target=Tunnel(front, far).run, daemon=True).start()
    return near


class Tunnel:
    def __init__(self, front, near):
        self.near, self.wire = near, front.connect(10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.kept, self.is_open, self.key = b"", True, b""

    def run(self):
        with contextlib.suppress(OSError), self.near, self.wire:
            self.h2.initiate_connection()
            self.flush()
            while self.h2.remote_settings.enable_connect_protocol != 1:
                self.take(self.wire.recv(ROOM))
            self.ask()
            with selectors.DefaultSelector() as ready:
                ready.register(self.wire, selectors.EVENT_READ)
                ready.register(self.near, selectors.EVENT_READ)
                while self.is_open:
                    for key, _ in ready.select(10):
                        if key.fileobj is self.wire:
                            self.take(self.wire.recv(ROOM))
                        elif len(self.kept) < ROOM:
                            self.say(self.near.recv(ROOM))

    def ask(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.near.recv(1)
        line, *lines = head.decode().split("\r\n")
        fields = [tuple(it.lower() if not at else it for at, it in enumerate(line.split(": ", 1))) for line in lines if line]
        self.key = dict(fields)["sec-websocket-key"].encode()
        beside = [it for it in fields if it[0] not in ("host", "connection", "upgrade", "sec-websocket-key")]
        pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", line.split()[1])]
        self.h2.send_headers(1, [*pseudo, (":authority", dict(fields)["host"]), *beside])
        self.flush()

    def take(self, came):
        if not came:
            self.is_open = False
        for event in self.h2.receive_data(came):
            if isinstance(event, h2.events.ResponseReceived):
                self.answer(dict(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                self.near.sendall(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self.is_open = False
        self.push()

    def answer(self, fields):
        accept = base64.b64encode(hashlib.sha1(self.key + SALT).digest()).decode()
        good = fields.pop(":status") == "200" and "sec-websocket-accept" not in fields
        status = "101 Switching Protocols" if good else "400 Bad Request"
        said = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": accept, **fields}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in said.items()), "", ""]
        self.near.sendall("\r\n".join(lines).encode())

    def say(self, bytes):
        self.kept += bytes
        self.push()
        if not bytes:
            self.h2.end_stream(1)
            self.flush()
            self.near.shutdown(socket.SHUT_RD)

    def push(self):
        while self.kept and (room := min(self.h2.local_flow_control_window(1), 16_384)):
            self.h2.send_data(1, self.kept[:room])
            self.kept = self.kept[room:]
        self.flush()

    def flush(self):
        self.wire.sendall(self.h2.data_to_send())
