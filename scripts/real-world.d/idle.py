"""Idle flows as WireGuard has them, for scripts/real-world.

serve PORT           answers a handshake with the client's number, and on `push N` sends N a datagram of its own accord;
                     says to `where` from which ports each client came, since `forget`.
walk PORT CONTROL    what clients do that are mostly silent; CONTROL is the server, asked directly. Prints what became of them.
"""

import json
import select
import socket
import sys
import time

CLIENTS = 200
# Twice as long as evenkeel lets a flow be idle here.
LONG = 4.0


def serve(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    seen, ports = {}, {}
    print("ready", flush=True)
    while True:
        data, address = server.recvfrom(65535)
        word, _, rest = data.partition(b" ")
        if word == b"where":
            server.sendto(json.dumps(ports).encode(), address)
        elif word == b"forget":
            ports.clear()
            server.sendto(b"ok", address)
        elif word == b"push":
            server.sendto(b"pushed " + rest, seen[int(rest)])
            server.sendto(b"ok", address)
        else:
            seen[int(rest)] = address
            ports.setdefault(int(rest), [])
            if address[1] not in ports[int(rest)]:
                ports[int(rest)].append(address[1])
            # A keepalive is not answered.
            if word == b"hello":
                server.sendto(b"welcome " + rest, address)


def answer_of(client, within=3.0):
    return client.recv(65535) if select.select([client], [], [], within)[0] else None


def flow(port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    return client


def walk(port, control):
    server = flow(control)

    def ports_of(number):
        server.send(b"where")
        return json.loads(answer_of(server))[str(number)]

    def push(number):
        server.send(f"push {number}".encode())
        answer_of(server)

    server.send(b"forget")
    answer_of(server)
    clients = [flow(port) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        client.send(f"hello {number}".encode())
    welcome = sum(answer_of(client) == f"welcome {number}".encode() for number, client in enumerate(clients))
    print("handshakes", welcome)
    thirds = [range(start, CLIENTS, 3) for start in range(3)]
    until = time.monotonic() + LONG
    # One third keeps its flows by unanswered keepalives, one is kept by what the server sends, one is silent.
    while time.monotonic() < until:
        for number in thirds[0]:
            clients[number].send(f"keep {number}".encode())
        for number in thirds[1]:
            push(number)
        time.sleep(0.5)
    pushed = 0
    for number in thirds[1]:
        while (data := answer_of(clients[number], 0.0)) is not None:
            pushed += data == f"pushed {number}".encode()
    print("pushed to each", pushed // len(thirds[1]))
    for number, client in enumerate(clients):
        client.send(f"hello {number}".encode())
    print("welcome again", sum(answer_of(client) == f"welcome {number}".encode() for number, client in enumerate(clients)))
    for third, name in zip(thirds, ["kept by clients", "kept by the server", "silent"]):
        print(name, *sorted({len(ports_of(number)) for number in third}))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    walk(int(sys.argv[2]), int(sys.argv[3]))
