"""peers.py - what Sluice's pacing is measured against: two clients of the provider that keep its rate in the usual
ways. Each asks for every CPF once and gives the times of its sends (time.monotonic_ns)."""
import collections
import select
import socket
import time

CONNECTIONS = 256  # of the metronome, at most: one each for what is not answered yet
SPIN = 0.0003  # the last bit before a send is not slept: select wakes up a little late


def request(number):
    return (f"GET /api/score?cpf={number} HTTP/1.1\r\nHost: provider\r\nclient-id: peer\r\n\r\n").encode()


class Connection:
    """One kept-alive connection; `busy` until the whole answer has come."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.busy = False

    def send(self, number):
        self.busy = True
        sent = time.monotonic_ns()
        self.socket.sendall(request(number))
        return sent

    def receive(self):
        data = self.socket.recv(65536)
        assert data, "the provider has closed the connection"
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        if len(body) >= length:
            self.buffer = body[length:]
            self.busy = False


def sleep_after_answer(port, interval, numbers):
    """One call at a time, and so long a sleep after its answer."""
    connection, sends = Connection(port), []
    for number in numbers:
        sends.append(connection.send(number))
        while connection.busy:
            connection.receive()
        time.sleep(interval)
    return sends


def metronome(port, interval, numbers):
    """A send every interval by its own clock, on an absolute schedule, whatever the answers do."""
    idle = collections.deque(Connection(port) for _ in range(8))
    busy, sends, due = {}, [], time.monotonic() + 0.01
    for number in numbers:
        while (left := due - time.monotonic()) > 0:
            for fd in select.select(list(busy), [], [], max(0, left - SPIN))[0]:
                busy[fd].receive()
                if not busy[fd].busy:
                    idle.append(busy.pop(fd))
        assert len(busy) < CONNECTIONS, "the provider does not answer"
        connection = idle.popleft() if idle else Connection(port)
        sends.append(connection.send(number))
        busy[connection.socket.fileno()] = connection
        due += interval
    while busy:
        for fd in select.select(list(busy), [], [])[0]:
            busy[fd].receive()
            if not busy[fd].busy:
                del busy[fd]
    return sends


RULES = {"sleep after answer": sleep_after_answer, "metronome": metronome}
