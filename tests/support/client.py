"""client.py - HTTP clients for tests: one request, many at once, and a raw connection to leave at will."""
import asyncio
import dataclasses
import http.client
import json
import select
import socket
import struct
import time

PATIENCE = 90  # longer than any request may wait


@dataclasses.dataclass
class Answer:
    status: int
    fields: dict  # names in lower case
    body: bytes
    started: float  # time.monotonic() before the request was written
    ended: float

    @property
    def seconds(self):
        return self.ended - self.started

    def json(self):
        return json.loads(self.body)


def request_bytes(target, method="GET", fields=(), body=None):
    """The body is sent as it is where it is bytes, else as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in fields)]
    if content:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


async def read_answer(reader, started, method="GET"):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(0 if method == "HEAD" else int(fields.get("content-length", 0)))
    return Answer(int(head[0].split()[1]), fields, body, started, time.monotonic())


async def ask_async(port, target, fields=(), method="GET", body=None):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        started = time.monotonic()
        writer.write(request_bytes(target, method, fields, body))
        return await asyncio.wait_for(read_answer(reader, started, method), PATIENCE)
    finally:
        writer.close()


def ask(port, target, fields=(), method="GET", body=None):
    return asyncio.run(ask_async(port, target, fields, method, body))


def ask_all(port, targets, fields=()):
    """All at once, each on a connection of its own; the answers in the order of the targets."""
    async def run():
        return await asyncio.gather(*(ask_async(port, target, fields) for target in targets))
    return asyncio.run(run())


def ask_in_turn(port, targets, fields=()):
    """One after the other on one connection."""
    async def run():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for target in targets:
            started = time.monotonic()
            writer.write(request_bytes(target, "GET", fields))
            answers.append(await asyncio.wait_for(read_answer(reader, started), PATIENCE))
        writer.close()
        return answers
    return asyncio.run(run())


class Waiting:
    """A request whose answer is not read at once: its client may leave by FIN or RST."""

    def __init__(self, port, target, fields=()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.started = time.monotonic()
        self.socket.sendall(request_bytes(target, "GET", fields))

    def answered(self, seconds=0.0):
        """Whether the answer, or the end, has come within that time."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def answer(self):
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read(), self.started, time.monotonic())

    def leave_by_fin(self):
        self.socket.shutdown(socket.SHUT_WR)
        return time.monotonic()

    def leave_by_rst(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        return time.monotonic()

    def close(self):
        self.socket.close()
