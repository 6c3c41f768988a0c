"""Requests that two readers could read in two ways. What stands in a list of REFUSED may reach no backend; what stands in
SANE has to; for the others it is enough that what arrives is unambiguous, and as many requests as were sent."""

HOST = b"Host: a.test\r\n"


def get(*lines, line=b"GET /one HTTP/1.1", host=HOST):
    return line + b"\r\n" + host + b"".join(lines) + b"\r\n"


def post(fields, body, line=b"POST /one HTTP/1.1"):
    return get(fields, line=line) + body


# What hides in a body and must never be taken for a request.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"
CL, TE = b"Content-Length: %d\r\n" % len(HIDDEN), b"Transfer-Encoding: chunked\r\n"
IN_CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)

LENGTHS = [
    ("both length and chunks, length first", post(b"Content-Length: 6\r\n" + TE, b"0\r\n\r\n" + HIDDEN)),
    ("both length and chunks, chunks first", post(TE + b"Content-Length: 4\r\n", b"0\r\n\r\n" + HIDDEN)),
    ("two lengths that differ", post(b"Content-Length: 0\r\n" + CL, HIDDEN)),
    ("two lengths in one field that differ", post(b"Content-Length: 0, %d\r\n" % len(HIDDEN), HIDDEN)),
    ("a length with +", post(b"Content-Length: +%d\r\n" % len(HIDDEN), HIDDEN)),
    ("a length with -", post(b"Content-Length: -1\r\n", HIDDEN)),
    ("a length in hex", post(b"Content-Length: 0x%x\r\n" % len(HIDDEN), HIDDEN)),
    ("a length with a point", post(b"Content-Length: 4.0\r\n", HIDDEN)),
    ("a length with an exponent", post(b"Content-Length: 1e1\r\n", HIDDEN)),
    ("a length with an underscore", post(b"Content-Length: 1_0\r\n", HIDDEN)),
    ("a length with a space inside", post(b"Content-Length: 1 0\r\n", HIDDEN)),
    ("a length of nothing", post(b"Content-Length:\r\n", HIDDEN)),
    ("a length beyond 64 bits", post(b"Content-Length: 18446744073709551616\r\n", HIDDEN)),
    ("a length that wraps to 0", post(b"Content-Length: 18446744073709551617\r\n", b"a" + HIDDEN)),
    ("a length with other digits", post("Content-Length: \u0661\r\n".encode(), HIDDEN)),
    ("a length behind a vertical tab", post(b"Content-Length: \x0b%d\r\n" % len(HIDDEN), HIDDEN)),
    ("a length with a sign and chunks", post(b"Content-Length: +4\r\n" + TE, b"0\r\n\r\n")),
]

CODINGS = [
    ("a coding twice", post(TE + TE, IN_CHUNKS)),
    ("chunked, then identity", post(TE + b"Transfer-Encoding: identity\r\n", IN_CHUNKS)),
    ("identity, then chunked", post(b"Transfer-Encoding: identity, chunked\r\n", IN_CHUNKS)),
    ("chunked that is not last", post(b"Transfer-Encoding: chunked, gzip\r\n", IN_CHUNKS)),
    ("gzip, then chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", IN_CHUNKS)),
    ("an unknown coding", post(b"Transfer-Encoding: xchunked\r\n", IN_CHUNKS)),
    ("an unknown coding beside a length", post(b"Transfer-Encoding: xchunked\r\n" + CL, HIDDEN)),
    ("identity beside a length", post(b"Transfer-Encoding: identity\r\n" + CL, HIDDEN)),
    ("chunked in quotes", post(b'Transfer-Encoding: "chunked"\r\n', IN_CHUNKS)),
    ("chunked behind a comma", post(b"Transfer-Encoding: ,chunked\r\n", IN_CHUNKS)),
    ("chunked with a parameter", post(b"Transfer-Encoding: chunked;a=b\r\n", IN_CHUNKS)),
    ("chunked behind a vertical tab", post(b"Transfer-Encoding:\x0bchunked\r\n", IN_CHUNKS)),
    ("chunked behind a NUL", post(b"Transfer-Encoding: \0chunked\r\n", IN_CHUNKS)),
    ("chunked in front of a NUL", post(b"Transfer-Encoding: chunked\0\r\n", IN_CHUNKS)),
    ("a coding of nothing", post(b"Transfer-Encoding:\r\n" + CL, HIDDEN)),
    ("chunked in the next line", post(b"Transfer-Encoding:\r\n chunked\r\n" + CL, HIDDEN)),
    ("a space before the colon of the coding", post(b"Transfer-Encoding : chunked\r\n" + CL, HIDDEN)),
    ("a tab before the colon of the coding", post(b"Transfer-Encoding\t: chunked\r\n" + CL, HIDDEN)),
    ("a coding behind a bare line feed", post(b"X: y\nTransfer-Encoding: chunked\r\n" + CL, HIDDEN)),
    ("a coding behind a bare CR", post(b"X: y\rTransfer-Encoding: chunked\r\n" + CL, HIDDEN)),
    ("a length behind a bare CR", post(b"X: y\rContent-Length: 3\r\n", b"")),
    ("chunks by HTTP/1.0", post(TE, IN_CHUNKS, line=b"POST /one HTTP/1.0")),
    ("chunks and a length by HTTP/1.0", post(TE + CL, HIDDEN, line=b"POST /one HTTP/1.0")),
]

CHUNKS = [
    (f"a chunk's size {what}", post(TE, b"%s\r\n%s\r\n0\r\n\r\n" % (size, b"abcde")))
    for what, size in [
        ("of nothing", b""),
        ("with 0x", b"0x5"),
        ("with +", b"+5"),
        ("with -", b"-5"),
        ("with an underscore", b"0_5"),
        ("behind a space", b" 5"),
        ("that is no number", b"g"),
        ("beyond 64 bits", b"10000000000000005"),
        ("with twenty zeros before it", b"0" * 20 + b"5"),
        ("with a NUL", b"5\0"),
        ("with a vertical tab", b"5\x0b"),
        ("with a bare CR in its extension", b"5;a\rb"),
        ("with a bare line feed in its extension", b"5;a\nb"),
        ("with a NUL in its extension", b"5;a\0b"),
    ]
] + [
    ("a chunk without its end", post(TE, b"5\r\nabcde0\r\n\r\n")),
    ("a chunk that is longer than it says", post(TE, b"3\r\nabcde\r\n0\r\n\r\n")),
    ("a chunk's size ends with a bare line feed", post(TE, b"5\nabcde\r\n0\r\n\r\n")),
    ("a chunk's size ends with a bare CR", post(TE, b"5\rabcde\r\n0\r\n\r\n")),
    ("a chunk ends with a bare line feed", post(TE, b"5\r\nabcde\n0\r\n\r\n")),
    ("a chunk ends with two other bytes", post(TE, b"5\r\nabcdeXX0\r\n\r\n")),
    ("the last chunk's line ends with a bare line feed", post(TE, b"5\r\nabcde\r\n0\n\n")),
    ("a trailer with a space before its colon", post(TE, b"0\r\nX : y\r\n\r\n")),
    ("a trailer that is folded", post(TE, b"0\r\nX: y\r\n z\r\n\r\n")),
    ("a trailer with a bare line feed", post(TE, b"0\r\nX: y\nZ: a\r\n\r\n")),
    ("a trailer without a colon", post(TE, b"0\r\nGET /hidden HTTP/1.1\r\n\r\n")),
    ("an endless extension", post(TE, b"5;" + b"a" * 200_000 + b"\r\nabcde\r\n0\r\n\r\n")),
    ("an endless trailer", post(TE, b"0\r\n" + b"X: y\r\n" * 40_000 + b"\r\n")),
]

LINES = [
    (f"a head with {what}", get(field))
    for what, field in [
        ("a bare line feed for an end", b"X: y\nZ: a\r\n"),
        ("a bare CR", b"X: y\rZ: a\r\n"),
        ("a NUL in a value", b"X: a\0b\r\n"),
        ("a NUL in a name", b"X\0: a\r\n"),
        ("DEL in a value", b"X: a\x7fb\r\n"),
        ("a folded line", b"X: a\r\n b\r\n"),
        ("a folded line by a tab", b"X: a\r\n\tb\r\n"),
        ("a space before the colon", b"X : y\r\n"),
        ("a space in a name", b"X y: z\r\n"),
        ("a name in brackets", b"X[y]: z\r\n"),
        ("a name of other letters", "X-\u00e4: z\r\n".encode()),
        ("an empty name", b": z\r\n"),
        ("no colon", b"nothing\r\n"),
    ]
] + [
    ("a folded first line", b"GET /one HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n"),
    ("bare line feeds everywhere", b"GET /one HTTP/1.1\nHost: a.test\n\n"),
    ("bare line feeds for the empty line", b"GET /one HTTP/1.1\r\nHost: a.test\r\n\n"),
    ("bare CRs everywhere", b"GET /one HTTP/1.1\rHost: a.test\r\r"),
    ("an empty line that is a bare CR", get() [:-2] + b"\r" + HIDDEN),
    ("a line feed behind CR CR", b"GET /one HTTP/1.1\r\r\nHost: a.test\r\n\r\n"),
]

STARTS = [
    (f"a first line with {what}", get(line=line))
    for what, line in [
        ("a space before it", b" GET /one HTTP/1.1"),
        ("a tab between", b"GET\t/one HTTP/1.1"),
        ("two spaces", b"GET  /one HTTP/1.1"),
        ("two spaces behind", b"GET /one  HTTP/1.1"),
        ("a space at its end", b"GET /one HTTP/1.1 "),
        ("a space in the path", b"GET /one two HTTP/1.1"),
        ("a NUL in the path", b"GET /one\0 HTTP/1.1"),
        ("a CR in the path", b"GET /one\r HTTP/1.1"),
        ("a line feed in the path", b"GET /one\nX: y HTTP/1.1"),
        ("no version", b"GET /one"),
        ("version 1.2", b"GET /one HTTP/1.2"),
        ("version 2.0", b"GET /one HTTP/2.0"),
        ("version 1.10", b"GET /one HTTP/1.10"),
        ("version 0.9", b"GET /one HTTP/0.9"),
        ("a version in small letters", b"GET /one http/1.1"),
        ("another protocol", b"GET /one HTCPCP/1.1"),
        ("a version with a space", b"GET /one HTTP/ 1.1"),
        ("a method in brackets", b"G(E)T /one HTTP/1.1"),
        ("no path", b"GET HTTP/1.1"),
        ("a path without a slash", b"GET one HTTP/1.1"),
        ("a path with a fragment", b"GET /one#two HTTP/1.1"),
        ("raw bytes in the path", b"GET /\xff\xfe HTTP/1.1"),
        ("an asterisk", b"GET * HTTP/1.1"),
        ("CONNECT", b"CONNECT a.test:80 HTTP/1.1"),
        ("CONNECT of a path", b"CONNECT /one HTTP/1.1"),
        ("an authority", b"GET a.test:80 HTTP/1.1"),
        ("ftp", b"GET ftp://a.test/ HTTP/1.1"),
        ("the absolute form of no host", b"GET http:///one HTTP/1.1"),
        ("the absolute form with a user", b"GET http://u@a.test/one HTTP/1.1"),
        ("the absolute form of another host", b"GET http://b.test/one HTTP/1.1"),
        ("the start of HTTP/2", b"PRI * HTTP/2.0"),
    ]
]

HOSTS = [
    (f"a host: {what}", get(host=host))
    for what, host in [
        ("none", b""),
        ("two", b"Host: a.test\r\nHost: b.test\r\n"),
        ("the same twice", b"Host: a.test\r\nHost: a.test\r\n"),
        ("a list", b"Host: a.test, b.test\r\n"),
        ("with a path", b"Host: a.test/one\r\n"),
        ("with a user", b"Host: u@a.test\r\n"),
        ("with a space", b"Host: a.test b.test\r\n"),
        ("with a port that is none", b"Host: a.test:http\r\n"),
        ("with a NUL", b"Host: a.test\0.b\r\n"),
        ("with a backslash", b"Host: a.test\\b\r\n"),
        ("with a question mark", b"Host: a.test?b\r\n"),
        ("with a hash", b"Host: a.test#b\r\n"),
        ("in a bracket that stays open", b"Host: [::1\r\n"),
        ("folded", b"Host: a.test\r\n b.test\r\n"),
        ("behind a space before the colon", b"Host : a.test\r\n"),
    ]
]

REFUSED = LENGTHS + CODINGS + CHUNKS + LINES + STARTS + HOSTS

EITHER = [
    ("the same length twice", post(CL + CL, HIDDEN)),
    ("the same length twice in one field", post(b"Content-Length: 40, 40\r\n", HIDDEN[:40].ljust(40))),
    ("a length with zeros before it", post(b"Content-Length: 000%d\r\n" % len(HIDDEN), HIDDEN)),
    ("spaces behind a length", post(CL[:-2] + b" \t \r\n", HIDDEN)),
    ("a chunk's size with a space behind it", post(TE, b"5 \r\nabcde\r\n0\r\n\r\n")),
    ("the coding with underscores", post(b"Transfer_Encoding: chunked\r\n" + CL, HIDDEN)),
    ("the length with underscores", get(b"Content_Length: 5\r\n", line=b"POST /one HTTP/1.1")),
    ("a body for GET", post(CL, HIDDEN, line=b"GET /one HTTP/1.1")),
    ("a body for HEAD", post(CL, HIDDEN, line=b"HEAD /one HTTP/1.1")),
    ("a body for DELETE in chunks", post(TE, IN_CHUNKS, line=b"DELETE /one HTTP/1.1")),
    ("a body for OPTIONS of *", post(CL, HIDDEN, line=b"OPTIONS * HTTP/1.1")),
    ("a body for TRACE", post(CL, HIDDEN, line=b"TRACE /one HTTP/1.1")),
    ("Connection takes the length away", post(b"Connection: Content-Length\r\n" + CL, HIDDEN)),
    ("Connection takes the coding away", post(b"Connection: Transfer-Encoding\r\n" + TE, IN_CHUNKS)),
    ("Connection takes the host away", get(b"Connection: Host\r\n")),
    ("Keep-Alive in Connection, with a length", post(b"Connection: keep-alive, x\r\n" + CL, HIDDEN)),
    ("an upgrade with a body", post(b"Connection: upgrade\r\nUpgrade: websocket\r\n" + CL, HIDDEN)),
    ("an upgrade to h2c", get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")),
    ("an expectation nobody knows", post(b"Expect: 200-ok\r\n" + CL, HIDDEN)),
    ("an empty line before the request", b"\r\n" + get()),
    ("three empty lines before the request", b"\r\n\r\n\r\n" + get()),
    ("a path of dots", get(line=b"GET /a/../../etc HTTP/1.1")),
    ("a path of coded dots", get(line=b"GET /a/%2e%2e/%2e%2e/etc HTTP/1.1")),
    ("a path of two slashes", get(line=b"GET //b.test/one HTTP/1.1")),
    ("a path with coded line ends", get(line=b"GET /one%0d%0aX:%20y HTTP/1.1")),
    ("a path with a backslash", get(line=b"GET /one\\two HTTP/1.1")),
    ("a trailer that is a length", post(TE, b"0\r\nContent-Length: 5\r\n\r\n")),
    ("a trailer that is a host", post(TE, b"0\r\nHost: b.test\r\n\r\n")),
    ("a trailer that is a coding", post(TE, b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
]

SANE = [
    ("GET", get(), 1),
    ("a length", post(CL, HIDDEN), 1),
    ("chunks", post(TE, IN_CHUNKS), 1),
    ("chunks with an extension", post(TE, b'5;a="b"\r\nabcde\r\n0;c\r\n\r\n'), 1),
    ("chunks with a trailer", post(TE, b"5\r\nabcde\r\n0\r\nX: y\r\n\r\n"), 1),
    ("chunked in capitals", post(b"TRANSFER-ENCODING: CHUNKED\r\n", IN_CHUNKS), 1),
    ("HEAD", get(line=b"HEAD /one HTTP/1.1"), 1),
    ("OPTIONS of *", get(line=b"OPTIONS * HTTP/1.1"), 1),
    ("a method of one's own", get(line=b"PURGE /one HTTP/1.1"), 1),
    ("the absolute form", get(line=b"GET http://a.test/one HTTP/1.1"), 1),
    ("an IPv6 host", get(host=b"Host: [::1]:8080\r\n"), 1),
    ("a value of bytes beyond ASCII", get("X: \u00e4\r\n".encode()), 1),
    ("two in one write", get() + get(line=b"GET /two HTTP/1.1"), 2),
    ("one with a body, then another, in one write", post(CL, HIDDEN) + get(line=b"GET /two HTTP/1.1"), 2),
    ("one in chunks, then another, in one write", post(TE, IN_CHUNKS) + get(line=b"GET /two HTTP/1.1"), 2),
    ("HEAD, then GET, in one write", get(line=b"HEAD /one HTTP/1.1") + get(line=b"GET /two HTTP/1.1"), 2),
    ("ten in one write", get() * 10, 10),
]
