"""A client of HTTP/2 that sends whatever frames it is told to, and notes what comes."""

import contextlib
import socket
import time

import hpack
from hyperframe import frame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 1 << 30


class Wire:
    """By prior knowledge; `settings` are its own."""

    def __init__(self, front, settings=None, timeout=5):
        self.stream = front.connect(timeout)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.held, self.heads, self.bodies, self.ended = b"", {}, {}, set()
        self.resets, self.goaway, self.acks, self.pongs, self.is_closed = {}, None, 0, 0, False
        sent = {frame.SettingsFrame.INITIAL_WINDOW_SIZE: WINDOW, **(settings or {})}
        self.stream.sendall(PREFACE)
        self.send(frame.SettingsFrame(0, settings=sent), frame.WindowUpdateFrame(0, window_increment=WINDOW))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def send(self, *frames):
        self.stream.sendall(b"".join(it.serialize() for it in frames))

    def head(self, number, fields, flags=("END_HEADERS", "END_STREAM")):
        return frame.HeadersFrame(number, self.encoder.encode(fields), flags=list(flags))

    def ask(self, number, path="/bytes?10", method="GET", more=(), flags=("END_HEADERS", "END_STREAM")):
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path)]
        return self.head(number, [*pseudo, *more], flags)

    def until(self, holds, patience=5):
        """Reads until it holds, all has ended, or time is up; whether it holds."""
        end = time.monotonic() + patience
        while not holds() and not self.is_closed and time.monotonic() < end:
            self.stream.settimeout(max(end - time.monotonic(), 0.01))
            try:
                more = self.stream.recv(65536)
            except socket.timeout:
                break
            except OSError:
                more = b""
            self.is_closed = not more
            self.held += more
            self._read()
        return holds()

    def answered(self, number, patience=5):
        """Status and body of the stream's answer, once it has ended."""
        self.until(lambda: number in self.ended or number in self.resets or self.goaway is not None, patience)
        return self.heads.get(number, {}).get(":status"), self.bodies.get(number, b"")

    def is_refused(self, number, patience=5):
        """The stream or the connection came to an end, or a status says no."""
        status, _ = self.answered(number, patience)
        is_over = number in self.resets or self.goaway is not None or self.is_closed
        return is_over or status is not None and status.startswith("4")

    def _read(self):
        while len(self.held) >= 9:
            it, length = frame.Frame.parse_frame_header(memoryview(self.held[:9]))
            if len(self.held) < 9 + length:
                return
            it.parse_body(memoryview(self.held[9 : 9 + length]))
            self.held = self.held[9 + length :]
            self._take(it)

    def _take(self, it):
        if isinstance(it, frame.HeadersFrame):
            fields = dict(self.decoder.decode(it.data))
            if not fields.get(":status", "").startswith("1"):
                self.heads.setdefault(it.stream_id, {}).update(fields)
        elif isinstance(it, frame.DataFrame):
            self.bodies[it.stream_id] = self.bodies.get(it.stream_id, b"") + it.data
        elif isinstance(it, frame.RstStreamFrame):
            self.resets[it.stream_id] = it.error_code
        elif isinstance(it, frame.GoAwayFrame):
            self.goaway = it.error_code
        elif isinstance(it, frame.SettingsFrame):
            self.acks += "ACK" in it.flags
            if "ACK" not in it.flags:
                with contextlib.suppress(OSError):
                    self.send(frame.SettingsFrame(0, flags=["ACK"]))
        elif isinstance(it, frame.PingFrame):
            self.pongs += "ACK" in it.flags
        if "END_STREAM" in it.flags:
            self.ended.add(it.stream_id)
