"""clients.py - the crowd: clients with keep-alive connections that ask, wait, sometimes hang up, and keep a record of all
that they see. A client asks again, once, when a connection that it had used before is closed before any byte of an answer
(RFC 9112, 9.3.1)."""
import asyncio
import itertools
import json
import random
import socket
import struct
import time

import client
import cpf

COMMON = 20  # numbers that many ask for
EXTRA_PATIENCE = 15.0  # how long after its deadline an answer is still awaited, to tell late from never
REST = 0.3  # after a refusal, at most


class Connection(asyncio.Protocol):
    """answer() gives "answered" and the answer, or "closed" (before any byte of one), "broken" (within it)."""

    def __init__(self):
        self.open, self.used, self.extra, self.buffer, self.waiter, self.transport = True, False, 0, b"", None, None

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def data_received(self, data):
        if self.waiter is None or self.waiter.done():
            self.extra += len(data)
            return
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        if len(body) >= length:
            self.extra += len(body) - length
            self.buffer = b""
            if fields.get("connection") == "close":
                self.open = False
            self.waiter.set_result(("answered", (int(lines[0].split()[1]), fields, body[:length])))

    def connection_lost(self, _):
        self.open = False
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(("broken" if self.buffer else "closed", None))

    async def answer(self, request, seconds):
        """"silent" when nothing has come within that time."""
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        self.used = True
        done, _ = await asyncio.wait([self.waiter], timeout=seconds)
        return self.waiter.result() if done else ("silent", None)

    def leave(self, how):
        """By FIN or RST."""
        self.open = False
        if how == "rst":
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


class Crowd:
    """records: one dictionary for each request, as oracle.py describes them."""

    def __init__(self, port, seed, patience, first_number):
        self.port, self.seed, self.patience = port, seed, patience
        self.numbers = itertools.count(first_number + COMMON)
        self.common = cpf.make_many(COMMON, first_number)
        self.records, self.over = [], False

    async def run(self, count):
        """Until over is set, and each has its last answer."""
        await asyncio.gather(*(self.live(place) for place in range(count)))

    def draw(self, rng, name):
        patience = rng.choice([3.0, 5.0, 8.0]) if rng.random() < 0.15 else self.patience
        number = rng.choice(self.common) if rng.random() < 0.15 else cpf.make(next(self.numbers))
        leaves = rng.uniform(0, 1.5) if rng.random() < 0.06 else None
        fields = [("X-Request-Id", name)]
        if patience != self.patience:
            fields.append(("Request-Timeout", f"{patience:g}"))
        record = {"id": name, "start": time.monotonic(), "patience": patience, "shared": number in self.common, "outcome": "",
                  "status": 0, "reason": None, "good": False, "extra": 0, "tries": []}
        return record, number, leaves, client.request_bytes(f"/proxy/score?cpf={number}", fields=fields)

    async def live(self, place):
        rng, connection = random.Random(f"{self.seed}/{place}"), None
        for turn in itertools.count():
            await asyncio.sleep(rng.uniform(0, 0.05))
            if self.over:
                break
            record, number, leaves, request = self.draw(rng, f"c{place}-{turn}")
            self.records.append(record)
            connection = await self.ask(record, connection, request, leaves, rng)
            if record["outcome"] == "answered":
                record["good"] = record["body"] == cpf.answer(number)
            record.pop("body", None)
            if record["status"] != 200:
                await asyncio.sleep(rng.uniform(0.1, REST))
            elif connection and rng.random() < 0.05:
                connection.leave("fin")
        if connection:
            connection.leave("fin")

    async def ask(self, record, connection, request, leaves, rng):
        """Gives the connection that was used last."""
        seconds = self.patience + EXTRA_PATIENCE if leaves is None else leaves
        for _ in range(2):
            reused = connection is not None and connection.open
            attempt = {"port": 0, "reused": reused, "sent": time.monotonic(), "end": 0.0, "how": "refused"}
            record["tries"].append(attempt)
            try:
                if not reused:
                    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
            except OSError:
                connection = None
                break
            before, attempt["port"], attempt["sent"] = connection.extra, connection.port, time.monotonic()
            attempt["how"], answer = await connection.answer(request, seconds)
            attempt["end"] = time.monotonic()
            record["extra"] += connection.extra - before
            if not (reused and attempt["how"] == "closed"):
                break
        self.conclude(record, attempt, answer if connection else None)
        if connection and attempt["how"] == "silent":
            if leaves is not None:
                attempt["how"] = record["outcome"] = "left"
            connection.leave(rng.choice(["fin", "rst"]))
        return connection

    @staticmethod
    def conclude(record, attempt, answer):
        record["end"] = attempt["end"] = attempt["end"] or time.monotonic()
        record["outcome"] = {"answered": "answered", "silent": "silent"}.get(attempt["how"], "cut")
        if not answer:
            return
        record["status"], fields, record["body"] = answer
        if fields.get("content-type", "").startswith("application/problem+json"):
            record["reason"] = json.loads(record["body"]).get("reason")
