"""provider.py - a provider on a raw socket: it answers what a test tells it to, byte by byte, and keeps all that it was sent.

    with RawProvider() as provider, Stack(simulator=False, UPSTREAM_URL=provider.url) as stack:
        provider.answer_next(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nless", then=CUT)
"""
import contextlib
import dataclasses
import queue
import socket
import ssl
import threading

KEEP, CUT = "keep", "cut"  # what becomes of the connection after an answer
BODY = b'{"score":500}'
PATIENCE = 20


def response(*fields, status=b"200 OK", body=BODY, version=b"1.1"):
    """A good one, but for its fields."""
    lines = [b"HTTP/%s %s" % (version, status), b"Content-Type: application/json", *fields]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def chunked(*chunks, trailers=b"", version=b"1.1"):
    head = b"HTTP/%s 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" % version
    return head + b"".join(b"%s\r\n" % chunk for chunk in chunks) + trailers + b"\r\n"


@dataclasses.dataclass
class Request:
    raw: bytes
    connection: int

    @property
    def line(self):
        return self.raw.split(b"\r\n", 1)[0]

    @property
    def fields(self):
        """Names in lower case; said twice: an error."""
        lines = [line.split(b": ", 1) for line in self.raw.split(b"\r\n")[1:-2]]
        fields = {name.lower().decode(): value for name, value in lines}
        assert len(fields) == len(lines)
        return fields


class Connection:
    """raw: all that came; ended: told how, when the peer has left ("fin", "rst")."""

    def __init__(self, number, stream):
        self.number, self.stream = number, stream
        self.raw = b""
        self.how = None
        self.ended = threading.Event()

    def read(self):
        try:
            data = self.stream.recv(65536)
            self.how = None if data else "fin"
        except OSError as error:
            data, self.how = b"", "rst" if isinstance(error, ConnectionResetError) else str(error)
        self.raw += data
        if not data:
            self.ended.set()
        return data


class Listener:
    """Serves each connection in a thread of its own, by serve(), for the time of a `with`."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()


class RawProvider(Listener):
    """With a TLS context it speaks TLS."""

    def __init__(self, context=None):
        super().__init__()
        self.context = context
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/api/score"
        self.authority = b"127.0.0.1:%d" % self.port
        self.answers = queue.Queue()
        self.connections, self.requests = [], []

    def __exit__(self, *_):
        super().__exit__()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.stream.shutdown(socket.SHUT_RDWR)

    def answer_next(self, answer, then=KEEP):
        """Instead of a good one; a function is called when its request has come."""
        self.answers.put((answer, then))

    def serve(self, stream):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            if self.context:
                stream = self.context.wrap_socket(stream, server_side=True, suppress_ragged_eofs=False)
            connection = Connection(len(self.connections), stream)
            self.connections.append(connection)
            self.converse(connection)
        stream.close()

    def converse(self, connection):
        taken = 0
        while True:
            while b"\r\n\r\n" not in connection.raw[taken:]:
                if not connection.read():
                    return
            end = connection.raw.index(b"\r\n\r\n", taken) + 4
            self.requests.append(Request(connection.raw[taken:end], connection.number))
            taken = end
            answer, then = (response(), KEEP) if self.answers.empty() else self.answers.get()
            connection.stream.sendall(answer() if callable(answer) else answer)
            if then == CUT:
                cut(connection.stream)
                connection.ended.set()
                return


def cut(stream):
    """Without a word, of TLS neither; returns when the peer has left, too."""
    plain = socket.socket(fileno=stream.detach()) if isinstance(stream, ssl.SSLSocket) else stream
    plain.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):
        while plain.recv(65536):
            pass
    plain.close()


class Tap(Listener):
    """A relay in front of a port, that keeps what the side which connects has sent."""

    def __init__(self, port):
        super().__init__()
        self.target = port
        self.streams = []  # bytes of each connection

    def serve(self, near):
        with contextlib.suppress(OSError):
            far = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
            kept = bytearray()
            self.streams.append(kept)
            threading.Thread(target=relay, args=(far, near, bytearray()), daemon=True).start()
            relay(near, far, kept)

    def records(self):
        """The types of all TLS records; an error, if what was sent are no whole records."""
        types = []
        for stream in map(bytes, self.streams):
            while stream:
                assert stream[1] == 3, "no TLS record"
                types.append(stream[0])
                size = int.from_bytes(stream[3:5], "big")
                assert len(stream) >= 5 + size
                stream = stream[5 + size:]
        return types


def relay(source, sink, kept):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
