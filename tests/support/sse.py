"""sse.py - a reader of server-sent events on a raw socket, and what it makes of /api/stream.

    stream = sse.Stream(metricsd_port)
    picture = sse.Picture()
    picture.take(stream.take())        # the state
    while ...: picture.take(stream.take())
"""
import collections
import dataclasses
import json
import select
import socket
import time

import client

PATIENCE = 20  # sanitized programs on a busy machine


@dataclasses.dataclass
class Message:
    event: str
    id: str
    data: dict
    at: float  # time.monotonic() of its last byte

    @property
    def number(self):
        return int(self.id.split("-")[1])


class Stream:
    """Reads nothing by itself: who does not call is a reader that stalls. Strict about framing."""

    def __init__(self, port, last_id=None, target="/api/stream", request=None, buffer_bytes=None):
        self.socket = socket.socket()
        if buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.connect(("127.0.0.1", port))
        fields = [("Last-Event-ID", last_id)] if last_id is not None else []
        self.socket.sendall(request or client.request_bytes(target, "GET", fields))
        self.head = None  # its lines, once it is here
        self.lines = []  # the whole ones of the body that belong to no message yet
        self.retry = None
        self.ended = None  # or how: "last chunk", "fin", "reset"
        self.messages = collections.deque()
        self.raw = self.body = b""

    @property
    def status(self):
        self.wait(lambda: self.head)
        return int(self.head[0].split()[1])

    @property
    def fields(self):
        self.wait(lambda: self.head)
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in self.head[1:])}

    def wait(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            assert not self.ended, f"the stream has ended ({self.ended})"
            assert self.pump(end - time.monotonic()), f"nothing came for {seconds} s"

    def take(self, *events, seconds=PATIENCE):
        """The next message (of one of those kinds; others are dropped)."""
        while True:
            self.wait(lambda: self.messages, seconds)
            message = self.messages.popleft()
            if not events or message.event in events:
                return message

    def wait_end(self, seconds=PATIENCE):
        while not self.ended:
            assert self.pump(seconds), f"no end for {seconds} s"
        return self.ended

    def pump(self, seconds=0.0):
        """Reads what is there, or what comes first within that time; whether there was something."""
        if self.ended or not select.select([self.socket], [], [], max(seconds, 0))[0]:
            return False
        try:
            got = self.socket.recv(1 << 20)
        except ConnectionResetError:
            self.ended = "reset"
            return True
        if not got:
            self.ended = "fin"
        self.raw += got
        if self.head is None and b"\r\n\r\n" in self.raw:
            head, self.raw = self.raw.split(b"\r\n\r\n", 1)
            self.head = head.decode("ascii").split("\r\n")
        if self.head is not None:
            self.unchunk()
            self.parse()
        return True

    def unchunk(self):
        if "transfer-encoding" not in self.fields:
            self.body, self.raw = self.body + self.raw, b""
        while "transfer-encoding" in self.fields and b"\r\n" in self.raw:
            length, rest = self.raw.split(b"\r\n", 1)
            size = int(length, 16)
            if len(rest) < size + 2:
                return
            assert rest[size:size + 2] == b"\r\n"
            self.body, self.raw = self.body + rest[:size], rest[size + 2:]
            if size == 0:
                assert self.raw == b""
                self.ended = "last chunk"

    def parse(self):
        *lines, self.body = self.body.split(b"\n")
        for line in lines:
            if line:
                self.lines.append(line.decode())
                continue
            fields = dict(line.split(": ", 1) for line in self.lines)
            self.lines = []
            if "retry" in fields:
                assert self.retry is None and not self.messages
                self.retry = int(fields.pop("retry"))
            if fields:
                self.messages.append(Message(fields["event"], fields["id"], json.loads(fields["data"]), time.monotonic()))

    def close(self):
        self.socket.close()


class Picture:
    """The state, kept up to date; all events by id, and all points."""

    def __init__(self):
        self.state = None
        self.events = {}
        self.skipped = 0
        self.points = []
        self.last_id = None

    def take(self, message):
        self.last_id = message.id
        data = message.data
        if message.event == "state":
            self.state = {key: value for key, value in data.items() if key != "events"}
            self.add_events(reversed(data["events"]))
        elif message.event == "events":
            self.add_events(data["events"])
            self.skipped += data["skipped"]
        else:
            self.merge(data)
        return message

    def add_events(self, events):
        for event in events:
            assert event["id"] not in self.events, "an event came twice"
            assert event["id"] > max(self.events, default=0), "an older event came after a newer one"
            self.events[event["id"]] = event

    def merge(self, delta):
        for key, value in delta.items():
            if key in ("values", "quantiles"):
                self.state[key] |= value
            elif key == "windows":
                for window, pairs in value.items():
                    self.state[key][window] |= pairs
            elif key == "views":
                self.state[key] = {name: view for name, view in (self.state[key] | value).items() if view is not None}
            elif key == "point":
                self.points.append(value)
            else:
                self.state[key] = value
