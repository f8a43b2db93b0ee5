"""face.py - the HTTP face of a server from outside: a client that may do anything, and tables of what it may send."""
import json
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/dev/bin"))
PATH = os.environ.get("HTTP_FACE_PATH", "/livez")
PATIENCE = 20
REFUSALS = {400, 408, 413, 414, 417, 431, 501, 505}
FINE = "fine"  # the face understood it, whatever the handler thinks of method and path



class Echo:
    """httpd_echo with limits of its own, given as its environment."""

    def __init__(self, **options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ECHO_", "LISTEN_"))}
        environment |= {name: str(value) for name, value in options.items()}
        self.process = subprocess.Popen([BIN / "httpd_echo"], env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.told = False
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], "httpd_echo does not get ready"
        line = self.process.stdout.readline().decode()
        self.port = int(re.fullmatch(r"READY httpd_echo port=(\d+)\n", line).group(1))

    def stats(self):
        with Peer(self.port) as peer:
            peer.send(get("/stats"))
            return json.loads(peer.answer().body)

    def wait_stats(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition(self.stats()):
            assert time.monotonic() < end, self.stats()

    def terminate(self):
        """Once: a second signal would cut the drain short."""
        if not self.told:
            self.process.terminate()
        self.told = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminate()
        _, log = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, log.decode()
        assert b"Sanitizer" not in log and b"runtime error" not in log, log.decode()


class Answer:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        assert re.fullmatch(r"HTTP/1\.1 \d{3} ([A-Z][\w ]+)?", lines[0]), lines[0]
        self.raw = head + b"\r\n\r\n"
        self.status = int(lines[0].split()[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
        self.body = b""


class Peer:
    """One connection, as a client that may do anything."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, piece=0):
        for at in range(0, len(data), piece or len(data) or 1):
            self.socket.sendall(data[at:at + piece] if piece else data)

    def read(self):
        data = self.socket.recv(1 << 16)
        self.held += data
        return bool(data)

    def answer(self, to="GET"):
        while b"\r\n\r\n" not in self.held:
            assert self.read(), f"closed without an answer: {self.held!r}"
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        answer = Answer(head)
        size = 0 if to == "HEAD" or answer.status < 200 else int(answer.fields.get("content-length", 0))
        while len(self.held) < size:
            assert self.read(), "the body is cut short"
        answer.body, self.held = self.held[:size], self.held[size:]
        return answer

    def ended(self):
        """Waits for the server's FIN; a reset is an error here, since it can destroy the answer."""
        while self.read():
            pass
        return self.held == b""

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


LINE = b"GET %s HTTP/1.1\r\n" % PATH.encode()
HEAD = LINE + b"Host: a\r\n"
PUT = b"PUT %s HTTP/1.1\r\nHost: a\r\n" % PATH.encode()
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"

TABLE = [
    ("9112 2.1", "the plain case", HEAD + END, FINE),
    ("9112 2.2", "one empty line before", END + HEAD + END, FINE),
    ("9112 2.2", "bare LF everywhere", HEAD.replace(b"\r\n", b"\n") + b"\n", 400),
    ("9112 2.2", "bare LF after a field", HEAD + b"A: b\n" + END, 400),
    ("9112 2.2", "bare LF at the end", HEAD + b"\n", 400),
    ("9112 2.2", "bare CR in a field", HEAD + b"A: b\rc\r\n" + END, 400),
    ("9112 2.2", "bare CR in the request line", HEAD.replace(b"GET ", b"GET\r ") + END, 400),
    ("9112 2.2", "bare CR in a chunk extension", CHUNKED + b"3;a\r=b\r\nabc\r\n0\r\n\r\n", 400),
    ("9112 2.2", "bare CR in a trailer", CHUNKED + b"0\r\nA: b\rc\r\n\r\n", 400),
    ("9112 2.2", "white space before the first field", LINE + b" Host: a\r\n" + END, 400),
    ("9112 2.2", "a tab before the first field", LINE + b"\tA: b\r\nHost: a\r\n" + END, 400),
    ("9112 2.3", "HTTP/1.0 without Host", b"GET %s HTTP/1.0\r\n\r\n" % PATH.encode(), FINE),
    ("9112 2.3", "HTTP/1.2", HEAD.replace(b"1.1", b"1.2") + END, 505),
    ("9112 2.3", "HTTP/2.0", HEAD.replace(b"1.1", b"2.0") + END, 505),
    ("9113 3.4", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("9112 3", "no version", b"GET /\r\nHost: a\r\n\r\n", 400),
    ("9112 3", "two spaces", HEAD.replace(b"GET ", b"GET  ") + END, 400),
    ("9112 3", "a tab", HEAD.replace(b"GET ", b"GET\t") + END, 400),
    ("9112 3", "garbage", b"\x00\x01\x02\x03\r\n\r\n", 400),
    ("8446 4.1.2", "TLS on a plain port", bytes.fromhex("16030100c8010000c40303") + bytes(194), 400),
    ("9112 3.1", "a method that is no token", HEAD.replace(b"GET", b"G@T") + END, 400),
    ("9112 3.1", "a method without end", b"X" * 5000, 501),
    ("9112 3.2.1", "a fragment", b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("9112 3.2.1", "NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("9112 3.2", "a space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("3986 2.1", "a broken percent", b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("3986 2", "no ASCII", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("9112 3.2.2", "absolute-form", b"GET http://b%s HTTP/1.1\r\nHost: a\r\n\r\n" % PATH.encode(), FINE),
    ("9110 4.2.4", "a user in the target", b"GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("9112 3.2.3", "CONNECT", b"CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 501),
    ("9112 3.2.3", "authority-form", b"GET b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 400),
    ("9112 3.2.4", "asterisk for GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("9112 3.2.4", "asterisk for OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", FINE),
    ("9112 3.2", "no Host", LINE + END, 400),
    ("9112 3.2", "Host twice", HEAD + b"Host: a\r\n" + END, 400),
    ("9112 3.2", "Host twice in HTTP/1.0", HEAD.replace(b"1.1", b"1.0") + b"Host: a\r\n" + END, 400),
    ("9112 3.2", "a bad Host", LINE + b"Host: a b\r\n" + END, 400),
    ("9110 7.2", "an empty Host", LINE + b"Host:\r\n" + END, 400),
    ("9110 7.2", "a Host with a user", LINE + b"Host: u@a\r\n" + END, 400),
    ("9110 7.2", "a Host with a bad port", LINE + b"Host: a:99999\r\n" + END, 400),
    ("9112 5.1", "a space before the colon", HEAD + b"A : b\r\n" + END, 400),
    ("9112 5.1", "a tab before the colon", HEAD + b"A\t: b\r\n" + END, 400),
    ("9110 5.1", "an empty field name", HEAD + b": b\r\n" + END, 400),
    ("9110 5.1", "a field name that is no token", HEAD + b"A(): b\r\n" + END, 400),
    ("9110 5.1", "a field name that is no ASCII", HEAD + b"\xc3\xa9: b\r\n" + END, 400),
    ("9110 5.1", "a field without a colon", HEAD + b"Ab\r\n" + END, 400),
    ("9112 5.2", "obs-fold", HEAD + b"A: b\r\n c\r\n" + END, 400),
    ("9112 5.2", "obs-fold with a tab", HEAD + b"A: b\r\n\tc\r\n" + END, 400),
    ("9110 5.5", "NUL in a field", HEAD + b"A: b\0c\r\n" + END, 400),
    ("9110 5.5", "a control in a field", HEAD + b"A: b\x01c\r\n" + END, 400),
    ("9110 5.5", "obs-text in a field", HEAD + b"A: \xe9\r\n" + END, FINE),
    ("9110 8.6", "a body", PUT + b"Content-Length: 3\r\n\r\nabc", FINE),
    ("9110 8.6", "equal lengths", PUT + b"Content-Length: 3\r\n" * 2 + b"\r\nabc", 400),
    ("9110 8.6", "a list of equal lengths", PUT + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    ("9112 6.3", "lengths that differ", PUT + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("9112 6.3", "a list that differs", PUT + b"Content-Length: 3, 4\r\n\r\nabcd", 400),
    ("9110 8.6", "plus", PUT + b"Content-Length: +3\r\n\r\nabc", 400),
    ("9110 8.6", "minus", PUT + b"Content-Length: -3\r\n\r\nabc", 400),
    ("9110 8.6", "a space in it", PUT + b"Content-Length: 3 0\r\n\r\nabc", 400),
    ("9110 8.6", "no number", PUT + b"Content-Length: 3x\r\n\r\nabc", 400),
    ("9110 8.6", "nothing", PUT + b"Content-Length:\r\n\r\nabc", 400),
    ("9110 8.6", "2^64 + 3", PUT + b"Content-Length: 18446744073709551619\r\n\r\nabc", 400),
    ("9112 7.1", "chunks", CHUNKED + b"3\r\nabc\r\n2;a=\"b\"\r\nde\r\n0\r\nT: u\r\n\r\n", FINE),
    ("9112 7.1", "a parameter of chunked", PUT + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400),
    ("9112 7.1", "a chunk size that overflows", CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    ("9112 7.1", "a bad chunk size", CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    ("9112 7.1", "a chunk size with a sign", CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
    ("9112 7.1", "a chunk longer than its size", CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    ("9112 7.1", "bare LF between chunks", CHUNKED + b"3\nabc\n0\n\n", 400),
    ("9112 7.1.1", "a bad chunk extension", CHUNKED + b"3;\0\r\nabc\r\n0\r\n\r\n", 400),
    ("9112 7.1.1", "bad white space in a chunk extension", CHUNKED + b"3; a\r\nabc\r\n0\r\n\r\n", 400),
    ("9110 6.5.1", "a length in the trailers", CHUNKED + b"0\r\nContent-Length: 0\r\n\r\n", 400),
    ("9112 7.1.2", "a bad trailer", CHUNKED + b"0\r\nA b\r\n\r\n", 400),
    ("9112 6.1", "both framings", PUT + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("9112 6.1", "both framings, the other way round",
     PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    ("9112 6.1", "Transfer-Encoding in HTTP/1.0",
     PUT.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("9112 6.3", "an unknown coding alone", PUT + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    ("9112 6.3", "identity", PUT + b"Transfer-Encoding: identity\r\n\r\n", 400),
    ("9112 6.3", "chunked, but not last", PUT + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    ("9112 6.1", "chunked and one more", PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("9112 6.1", "chunked twice", PUT + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", 501),
    ("9112 6.1", "VT before chunked", PUT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("9110 10.1.1", "an unknown expectation", HEAD + b"Expect: miracles\r\n" + END, 417),
]

OVERSIZED = [
    ("9112 3", "the request line", b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n", 414),
    ("9112 3", "a request line without end", b"GET /" + b"x" * 1_000_000, 414),
    ("6585 5", "a field", HEAD + b"A: " + b"x" * 1_000_000 + b"\r\n\r\n", 431),
    ("6585 5", "a field name", HEAD + b"A" * 1_000_000 + b": b\r\n\r\n", 431),
    ("6585 5", "all fields together", HEAD + b"".join(b"A%d: " % i + b"x" * 4000 + b"\r\n" for i in range(60)), 431),
    ("6585 5", "the number of fields", HEAD + b"A: b\r\n" * 2000 + END, 431),
    ("9110 15.5.14", "a body that is announced", PUT + b"Content-Length: 99999999\r\n\r\n" + b"x" * 500_000, 413),
    ("9110 15.5.14", "a body in chunks", CHUNKED + b"10000\r\n" + b"x" * 65536 + b"\r\n10000000\r\n", 413),
    ("9112 7.1.1", "a chunk extension", CHUNKED + b"3;" + b"x" * 500_000, 400),
    ("9112 7.1.2", "trailers", CHUNKED + b"0\r\n" + b"A: bbbbbbbb\r\n" * 50_000, 431),
]


def rows(table):
    return [pytest.param(data, want, id=f"{section} {what}") for section, what, data, want in table]


def judge(peer, want):
    answer = peer.answer()
    if want == FINE:
        assert answer.status not in REFUSALS
        return
    assert answer.status == want
    assert answer.fields["connection"] == "close"
    assert peer.ended(), "something follows the refusal"
