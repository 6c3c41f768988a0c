"""Reads requests as the strictest of readers would, byte by byte: whatever another one might read otherwise is ambiguous."""

import re

import h11

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
FIELD = re.compile(rb"(" + TOKEN + rb"): ?([\t\x20-\x7e\x80-\xff]*)")
CHUNK = re.compile(rb"[0-9A-Fa-f]{1,15}")
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z\-._~%!$&'()*+;=]*)(:[0-9]*)?")


class Ambiguous(Exception):
    """It could be read in more than one way."""


class Partial(Exception):
    """More is to come."""


def requests(data):
    """The requests that `data` holds, as (line, fields, body), and what is left of one that is not complete."""
    found = []
    while data:
        try:
            request, data = one(data)
        except Partial:
            break
        found.append(request)
    return found, data


def one(data):
    head, end, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for line in lines[: None if end else -1]:
        if re.search(rb"[\r\n\0]", line):
            raise Ambiguous(f"a control character in {line!r}")
    if not end:
        raise Partial
    if not LINE.fullmatch(lines[0]):
        raise Ambiguous(f"a request line of {lines[0]!r}")
    fields = [field(line) for line in lines[1:]]
    named = lambda wanted: [value for name, value in fields if name == wanted]
    if len(named(b"host")) != 1 or not HOST.fullmatch(named(b"host")[0]):
        raise Ambiguous(f"hosts {named(b'host')}")
    lengths, codings = named(b"content-length"), named(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Ambiguous(f"lengths {lengths}, codings {codings}")
    target = lines[0].split(b" ")[1]
    if not target.startswith(b"/") and target != b"*":
        raise Ambiguous(f"a target of {target!r} beside a host of {named(b'host')[0]!r}")
    if codings:
        if codings[0] != b"chunked":
            raise Ambiguous(f"a coding of {codings[0]!r}")
        body, rest = chunks(rest)
    else:
        body, rest = sized(lengths[0] if lengths else b"0", rest)
    return (lines[0], fields, body), rest


def field(line):
    if not (found := FIELD.fullmatch(line)):
        raise Ambiguous(f"a field of {line!r}")
    return found[1].lower(), found[2].strip(b" \t")


def sized(length, rest):
    if not re.fullmatch(rb"[0-9]{1,18}", length):
        raise Ambiguous(f"a length of {length!r}")
    if len(rest) < int(length):
        raise Partial
    return rest[: int(length)], rest[int(length) :]


def chunks(rest):
    body = b""
    while True:
        size, end, rest = rest.partition(b"\r\n")
        if not end:
            raise Partial
        if not CHUNK.fullmatch(size):
            raise Ambiguous(f"a chunk's size of {size!r}")
        if int(size, 16) == 0:
            return body, trailer(rest)
        length = int(size, 16)
        if len(rest) < length + 2:
            raise Partial
        if rest[length : length + 2] != b"\r\n":
            raise Ambiguous(f"a chunk that ends with {rest[length:length + 2]!r}")
        body, rest = body + rest[:length], rest[length + 2 :]


def trailer(rest):
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            raise Partial
        if not line:
            return rest
        field(line)


def by_h11(data):
    """How many requests h11 sees in it."""
    wire, count = h11.Connection(h11.SERVER), 0
    wire.receive_data(data)
    while True:
        event = wire.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED) and wire.their_state is not h11.DONE:
            return count
        if isinstance(event, h11.EndOfMessage):
            count += 1
        if wire.their_state in (h11.DONE, h11.MUST_CLOSE, h11.MIGHT_SWITCH_PROTOCOL):
            # The same bytes once more, behind this request.
            data = wire.trailing_data[0]
            wire = h11.Connection(h11.SERVER)
            if not data:
                return count
            wire.receive_data(data)
