"""rude.py - one connection to an HTTP face, by a client that may do anything, from any address of the loopback network."""
import contextlib
import select
import socket
import struct
import time

PATIENCE = 30


def get(path, *fields, version="1.1"):
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: a", *fields, "", ""]).encode()


class Rude:
    def __init__(self, port, source="127.0.0.1", receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = time.monotonic()
        self.held = b""
        self.end = None  # "fin", "rst"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def seconds(self):
        return time.monotonic() - self.since

    def send(self, data):
        """Whether it could be; who has been cut may have been told so only now."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def read(self, count=1 << 16):
        """Waits for something; False at the end."""
        try:
            data = self.socket.recv(count)
        except ConnectionError:
            self.end = "rst"
            return False
        if not data:
            self.end = "fin"
        self.held += data
        return bool(data)

    def read_all(self):
        while self.read():
            pass
        return self.held

    def answered(self, seconds=0.0):
        """Whether something, or the end, has come within that time."""
        return bool(self.held or self.end or select.select([self.socket], [], [], seconds)[0])

    def was_reset(self):
        """Seen even by who has not read what came before."""
        poll = select.poll()
        poll.register(self.socket, select.POLLERR)
        return bool(poll.poll(0))

    def answer(self, to="GET"):
        """Status, fields (names in lower case) and body of the next answer; (0, {}, b"") at the end."""
        while b"\r\n\r\n" not in self.held:
            if not self.read():
                return 0, {}, b""
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        size = 0 if to == "HEAD" or status < 200 else int(fields.get("content-length", 0))
        while len(self.held) < size:
            if not self.read():
                return 0, {}, b""
        body, self.held = self.held[:size], self.held[size:]
        return status, fields, body

    def statuses(self):
        """Of all answers until the end."""
        found = []
        while status := self.answer()[0]:
            found.append(status)
        return found

    def exchange(self, data, count):
        """Sends and reads at the same time, as a client must that asks for more than the sockets hold; the statuses."""
        rest, found, at = memoryview(data), [], 0
        self.socket.setblocking(False)
        while len(found) < count:
            readable, writable, _ = select.select([self.socket], [self.socket] if rest else [], [], PATIENCE)
            assert readable or writable, f"{len(found)} answers, and then nothing"
            if writable:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[self.socket.send(rest[:65536]):]
            if readable and not self.read():
                break
            while (end := self.held.find(b"\r\n\r\n", at)) >= 0:
                head = self.held[at:end]
                size = int(head.split(b"Content-Length: ", 1)[1].split(b"\r\n", 1)[0])
                if len(self.held) < end + 4 + size:
                    break
                found.append(int(head[9:12]))
                at = end + 4 + size
            self.held, at = self.held[at:], 0
        self.socket.settimeout(PATIENCE)
        return found

    def fin(self):
        self.socket.shutdown(socket.SHUT_WR)

    def rst(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
