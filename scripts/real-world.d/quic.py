"""A QUIC server, a client and a NAT that rebinds, for scripts/real-world.

server PORT NAME CERT KEY   answers `BYTES SEED` on a stream with its name in a line and so many bytes.
client PORT CA BYTES WAY    downloads; WAY is `stay`, `rebind` (its socket gets another port, as behind a NAT) or `migrate`
                            (the same, and it takes another connection id, as RFC 9000 wants of clients). Prints what came.
nat PORT TO AFTER           passes datagrams on to TO, from another port once AFTER bytes have come back.
"""

import asyncio
import hashlib
import random
import ssl
import sys
import time

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamDataReceived


def content(seed, count):
    return random.Random(seed).randbytes(count)


class Server(QuicConnectionProtocol):
    name = ""

    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived) and event.end_stream:
            count, seed = map(int, event.data.split())
            self._quic.send_stream_data(event.stream_id, f"{self.name}\n".encode() + content(seed, count), True)
            self.transmit()


async def server(port, name, cert, key):
    Server.name = name
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["real-world"])
    configuration.load_cert_chain(cert, key)
    await serve("127.0.0.1", int(port), configuration=configuration, create_protocol=Server)
    print("ready", flush=True)
    await asyncio.Future()


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.got, self.done, self.half = bytearray(), asyncio.Event(), asyncio.Event()
        self.half_at = 0

    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived):
            self.got += event.data
            if len(self.got) > self.half_at:
                self.half.set()
            if event.end_stream:
                self.done.set()

    async def move(self):
        """Goes on from another port."""
        before = self._transport
        listen = lambda: Forward(self)
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(listen, local_addr=("::", 0))
        before.close()


class Forward(asyncio.DatagramProtocol):
    def __init__(self, client):
        self.client = client

    def datagram_received(self, data, addr):
        self.client.datagram_received(data, addr)


async def client(port, ca, count, way):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["real-world"], server_name="quic.example")
    configuration.load_verify_locations(ca)
    configuration.idle_timeout = 10
    seed, count = random.randrange(1 << 30), int(count)
    began = time.monotonic()
    async with connect("127.0.0.1", int(port), configuration=configuration, create_protocol=Client) as it:
        it.half_at = count // 2
        stream = it._quic.get_next_available_stream_id()
        it._quic.send_stream_data(stream, f"{count} {seed}".encode(), True)
        it.transmit()
        if way != "stay":
            await asyncio.wait_for(it.half.wait(), 15)
            await it.move()
            if way == "migrate":
                it._quic.change_connection_id()
            it._quic.send_ping(1)
            it.transmit()
        await asyncio.wait_for(it.done.wait(), 15)
        name, data = bytes(it.got).split(b"\n", 1)
        same = data == content(seed, count)
        rate = count / (time.monotonic() - began) / 1e6
        print(name.decode(), "same" if same else "other", f"{rate:.1f}", flush=True)


class Outer(asyncio.DatagramProtocol):
    """The side of the NAT that faces the server."""

    def __init__(self, nat):
        self.nat = nat

    def datagram_received(self, data, addr):
        self.nat.back(data)


class Nat(asyncio.DatagramProtocol):
    def __init__(self, to, after):
        self.to, self.after, self.count, self.client, self.outer = to, after, 0, None, None

    def connection_made(self, transport):
        self.inner = transport

    def datagram_received(self, data, addr):
        self.client = addr
        self.outer.sendto(data)

    def back(self, data):
        self.inner.sendto(data, self.client)
        before, self.count = self.count, self.count + len(data)
        if before <= self.after < self.count:
            asyncio.ensure_future(self.bind())

    async def bind(self):
        """Takes a port, another one than before."""
        before = self.outer
        self.outer, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Outer(self), remote_addr=("127.0.0.1", self.to)
        )
        print("from", self.outer.get_extra_info("sockname")[1], flush=True)
        if before:
            before.close()


async def nat(port, to, after):
    it = Nat(int(to), int(after))
    await it.bind()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: it, local_addr=("127.0.0.1", int(port)))
    print("ready", flush=True)
    await asyncio.Future()


asyncio.run({"server": server, "client": client, "nat": nat}[sys.argv[1]](*sys.argv[2:]))
