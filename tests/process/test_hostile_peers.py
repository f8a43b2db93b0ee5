"""test_hostile_peers.py - a hostile process of this host at each socket of RUNTIME_DIR: every kind of message with every
field at and beyond its limits, garbage, other epochs, replays, floods. None of it ends a process or stays in its memory, and
afterwards the stack serves as before."""
import contextlib
import itertools
import random
import time

import cpf
import msgpack
import pytest
import zmq
from catalogue import NUMBERS, Forger, everything, junk
from stack import PROCESSES, Process, Stack, clean_environment, wait_for
from test_gateway import Gateway

FLOOD = 30_000
GROWTH_KB = 96 * 1024
# What a fetcher claims of holds and sends counts until then, whoever claims it.
OPTIONS = {"RATE_LIMIT_SECONDS": 0.02, "HOLD_MAX_SECONDS": 2, "EXTERNAL_API_TIMEOUT": 2, "QUEUE_MAX_SIZE": 1000, "ASAN_OPTIONS": "quarantine_size_mb=4", "LOG_LEVEL": "error"}
LINKS = {"gateways.ipc": "gateway", "fetcher.ipc": "fetcher"}


class Peer:
    """A client of a link; it speaks as whoever it likes."""

    def __init__(self, folder, endpoint, role, epoch=None):
        self.epoch = epoch or random.getrandbits(60) + 1
        self.role = role
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 1000
        self.socket.sndtimeo = 20_000
        self.socket.routing_id = b"%016x" % self.epoch
        self.socket.connect(f"ipc://{folder}/run/{endpoint}")
        self.forger = Forger(self.epoch)

    def hello(self):
        self.socket.send(self.forger.head("hello", role=self.role, pid=1, cr=8192))
        self.forger.to = self.read(NUMBERS["welcome"])["e"]

    def read(self, number, seconds=20):
        """The next message of that kind."""
        while True:
            assert self.socket.poll(seconds * 1000), f"no message {number}"
            message = msgpack.unpackb(self.socket.recv_multipart()[0])
            if message["m"] == number:
                return message

    def empty(self):
        while self.socket.poll(0):
            self.socket.recv_multipart()

    def answers(self):
        """All that was said before has been handled when the answer to this is here; of a link that is gone, too."""
        self.empty()
        mark = random.getrandbits(40)
        self.socket.send(self.forger.head("ping", t=mark))
        while True:
            assert self.socket.poll(20_000), "the server is silent"
            message = msgpack.unpackb(self.socket.recv_multipart()[0])
            if message.get("t") == mark or message["m"] == NUMBERS["goodbye"]:
                return

    def close(self):
        self.socket.close(0)


@pytest.fixture(name="house")
def house_under_attack():
    with Stack(**OPTIONS) as stack:
        serves(stack, 1)
        pids = {name: stack.processes[name].popen.pid for name in PROCESSES}
        before_kb = {name: stack.processes[name].memory_kb() for name in PROCESSES}
        yield stack
        serves(stack, 3)
        assert {name: stack.processes[name].popen.pid for name in PROCESSES} == pids
        assert all(stack.processes[name].running() for name in PROCESSES)
        grown = {name: stack.processes[name].memory_kb() - before_kb[name] for name in PROCESSES}
        assert max(grown.values()) < GROWTH_KB, grown


def serves(stack, first):
    """It does again, soon: whoever took a hostile peer for another process knows better after its silence. Who speaks as a gateway
    may give orders, and has: those that are still on their way pause the sends once more."""
    numbers = itertools.count(8000 + 100 * first)

    def all_of_five():
        stack.order("resume")
        answers = stack.ask_all([cpf.make(next(numbers)) for _ in range(5)], fields=[("Request-Timeout", "3")])
        return all(answer.status == 200 for answer in answers)
    wait_for(all_of_five, "answers from afar", 30)


@pytest.mark.parametrize("endpoint", LINKS)
def test_every_message_to_the_scheduler(house, endpoint):
    """Before a hello, and on a link of every role."""
    for role in (None, LINKS[endpoint], "nobody"):
        peer = Peer(house.folder, endpoint, role)
        if role:
            peer.hello()
        for name, frames in everything(peer.forger, 7):
            peer.socket.send_multipart(frames)
            if role and name == "goodbye":
                peer.hello()
        peer.answers()
        peer.close()


@pytest.mark.parametrize("endpoint", LINKS)
def test_who_speaks_for_somebody_else(house, endpoint):
    """A routing id that is no epoch, or another one than the message's: nobody can speak in another's name."""
    log = house.processes["scheduler"].log_text()
    for identity in (b"x", b"0" * 16, b"gateway", b"\xff" * 16, b"%016X" % 0xabcdef, b"%016x" % 12345):
        peer = Peer(house.folder, endpoint, LINKS[endpoint], 4711)
        peer.socket.close(0)
        peer.socket = zmq.Context.instance().socket(zmq.DEALER)
        peer.socket.linger = 1000
        peer.socket.routing_id = identity
        peer.socket.connect(f"ipc://{house.folder}/run/{endpoint}")
        for name in ("hello", "submit", "ready", "goodbye"):
            peer.socket.send(peer.forger.head(name))
        assert not peer.socket.poll(200), "it was answered"
        peer.close()
    assert house.processes["scheduler"].log_text() == log


def test_replays_to_the_scheduler(house):
    """The same request a thousand times is one: one call, and one answer."""
    peer = Peer(house.folder, "gateways.ipc", "gateway")
    peer.hello()
    request = msgpack.packb({"v": 1, "m": NUMBERS["request"], "e": peer.epoch, "to": 0, "m1": "GET",
                             "qs": f"cpf={cpf.make(8500)}", "ci": "hostile"})
    submit = peer.forger.head("submit", id=1, rq="replayed", k=b"k" * 16, cl="c", pr=1, rem=20_000_000, age=0, ag=0)
    arrivals = house.simulator.state()["arrivals"]
    with house.paused():
        for _ in range(1000):
            peer.socket.send_multipart([submit, request])
        wait_for(lambda: house.queued() == 1, "it waits once")
    assert peer.read(NUMBERS["result"])["id"] == 1
    assert house.simulator.state()["arrivals"] == arrivals + 1
    peer.socket.send_multipart([submit, request])
    peer.answers()
    for _ in range(1000):
        peer.socket.send(peer.forger.head("cancel", id=1, gw=0))
    peer.answers()
    peer.close()


@pytest.mark.parametrize("endpoint", LINKS)
def test_floods_of_the_scheduler(house, endpoint):
    """Far more than its credits, and it reads none of the answers; others are served meanwhile."""
    peer = Peer(house.folder, endpoint, LINKS[endpoint])
    peer.hello()
    flood = ["ping", "submit", "query", "cancel", "control"] if endpoint == "gateways.ipc" else ["ping", "sent", "fetched", "breaker"]
    with contextlib.suppress(zmq.Again):
        for i in range(FLOOD):
            name = flood[i % len(flood)]
            more = {"or": 1 + i // len(flood) % 2} if name == "control" else {"id": i} if name in ("submit", "query", "cancel") else {}
            peer.socket.send_multipart([peer.forger.head(name, **more), b"x" * 100])
            if i == FLOOD // 2:
                assert house.get("/livez").status == 200
    peer.close()


@pytest.mark.parametrize("endpoint", LINKS)
def test_a_crowd_of_peers(house, endpoint):
    """More than the scheduler keeps, each with a hello, and then silent."""
    peers = [Peer(house.folder, endpoint, LINKS[endpoint]) for _ in range(300)]
    for peer in peers:
        peer.socket.send(peer.forger.head("hello", role=peer.role, pid=1, cr=1))
    peers[0].read(NUMBERS["welcome"])
    serves(house, 2)
    for peer in peers:
        peer.close()


# --- the scheduler's clients, with a scheduler that has gone mad

class Mad:
    """The server's end of a link."""

    def __init__(self, folder, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{folder}/run/{endpoint}")
        self.forger = Forger(random.getrandbits(60) + 1)

    def wait(self, number):
        """The next message of that kind; hello and ping are answered meanwhile."""
        while True:
            assert self.socket.poll(20_000), f"no message {number}"
            self.lead, head, *_ = self.socket.recv_multipart()
            message = msgpack.unpackb(head)
            self.forger.to = message["e"]
            if message["m"] == number:
                return message
            if message["m"] == NUMBERS["hello"]:
                self.say(self.forger.head("welcome", cr=8192))
            elif message["m"] == NUMBERS["ping"]:
                self.say(self.forger.head("pong", t=message["t"]))

    def say(self, *frames):
        self.socket.send_multipart([self.lead, *frames])

    def rave(self):
        self.wait(NUMBERS["ping"])
        for name, frames in everything(self.forger, 11):
            self.say(*frames)
            if name in ("goodbye", "junk", "welcome"):
                while self.socket.poll(0):
                    self.socket.recv_multipart()
        for _ in range(FLOOD):
            self.say(self.forger.head("state"))
        self.forger = Forger(self.forger.epoch + 2)
        self.wait(NUMBERS["hello"])
        self.say(self.forger.head("welcome", cr=8192))
        self.wait(NUMBERS["ping"])
        self.wait(NUMBERS["ping"])

    def close(self):
        self.socket.close(0)


def feed_junk(folder):
    """metricsd's end of the gateway's feed: what is no snapshot, and no exposition."""
    socket = zmq.Context.instance().socket(zmq.XPUB)
    socket.linger = 1000
    socket.bind(f"ipc://{folder}/run/feed.ipc")
    assert socket.poll(20_000), "the gateway does not subscribe"
    for topic in (b"snapshot", b"exposition"):
        for _, frames in everything(Forger(99), 13):
            socket.send_multipart([topic, *frames])
        for frame in junk(random.Random(5)):
            socket.send_multipart([topic + frame[:20], frame])
        socket.send(topic)
    return socket


def test_a_gateway_whose_scheduler_and_metricsd_rave():
    with Gateway(ASAN_OPTIONS="quarantine_size_mb=4", LOG_LEVEL="error") as gateway:
        mad = Mad(gateway.folder, "gateways.ipc")
        feed = feed_junk(gateway.folder)
        mad.wait(NUMBERS["ping"])
        before_kb = gateway.process.memory_kb()
        waiting = [gateway.pool.submit(gateway.get, fields=[("Request-Timeout", "3")]) for _ in range(4)]
        mad.wait(NUMBERS["submit"])
        mad.rave()
        assert gateway.get("/livez").status == 200
        assert {answer.result().status for answer in waiting} <= {200, 304, 500, 502, 503, 504}
        mad.close()
        feed.close()
        scheduler = gateway.connect()
        served = gateway.pool.submit(gateway.get, "/proxy/score?cpf=11144477735", [("Request-Timeout", "20")])

        def answer_all():
            """It may still have to be told of another's end."""
            with scheduler.lock:
                asked = [message for message, _ in scheduler.inbox if message["m"] == NUMBERS["submit"]]
                scheduler.inbox.clear()
            for submit in asked:
                scheduler.result(submit)
            return served.done()
        wait_for(answer_all, "it is served")
        assert served.result().status == 200
        assert gateway.process.memory_kb() - before_kb < GROWTH_KB


def test_a_fetcher_whose_scheduler_raves(tmp_path):
    """It takes orders from it; but no message ends it, or makes it send what is no request."""
    (tmp_path / "run").mkdir(mode=0o700)
    environment = clean_environment() | {"UPSTREAM_URL": "http://127.0.0.1:9/api/score", "ASAN_OPTIONS": "quarantine_size_mb=4",
                                         "LOG_LEVEL": "error"}
    process = Process("fetcher", environment, tmp_path)
    try:
        process.wait_ready()
        mad = Mad(tmp_path, "fetcher.ipc")
        mad.wait(NUMBERS["ready"])
        before_kb = process.memory_kb()
        mad.rave()
        now_us = time.monotonic_ns() // 1000
        mad.say(mad.forger.head("fetch", at=5, rq="r", ear=now_us, lat=now_us + 5_000_000, dl=now_us + 9_000_000),
                msgpack.packb({"v": 1, "m": NUMBERS["request"], "e": 1, "to": 0, "m1": "GET", "qs": "cpf=1", "ci": "x"}))
        while (ended := mad.wait(NUMBERS["fetched"]))["at"] != 5:
            pass
        assert ended["why"], "it has tried"
        assert process.memory_kb() - before_kb < GROWTH_KB
        mad.close()
        assert process.stop() == 0, process.log_text()[-4000:]
        assert "Sanitizer" not in process.log_text() and "runtime error" not in process.log_text()
    finally:
        if process.running():
            process.kill()


# --- metricsd

def test_every_message_to_metricsd(house):
    """At its end of the events, as a publisher; and at its feed, as a subscriber that speaks."""
    bad = house.state()["values"]["metricsd.bad_messages_total"]
    publisher = zmq.Context.instance().socket(zmq.XPUB)
    publisher.linger = 2000
    publisher.sndhwm = 0
    publisher.connect(f"ipc://{house.folder}/run/events.ipc")
    assert publisher.poll(20_000) and publisher.recv() == b"\x01"
    for topic in (b"event.gateway.answered", b"totals", b"distribution", b"view", b"", b"\xff" * 300):
        for _, frames in everything(Forger(123_456), 17):
            publisher.send_multipart([topic, *frames])
        publisher.send(topic)
    wait_for(lambda: house.state()["values"]["metricsd.bad_messages_total"] > bad + 1000, "they are counted", 30)
    publisher.close()
    subscriber = zmq.Context.instance().socket(zmq.XSUB)
    subscriber.linger = 2000
    subscriber.connect(f"ipc://{house.folder}/run/feed.ipc")
    subscriber.send(b"\x01snapshot")
    assert subscriber.poll(20_000), "the feed is silent"
    for i in range(FLOOD // 3):
        subscriber.send(bytes([i % 3]) + b"%d" % i * (1 + i % 50))
    for frame in junk(random.Random(3)):
        subscriber.send(frame or b"\x02")
    while not subscriber.recv_multipart()[0].startswith(b"snapshot"):
        pass
    subscriber.close()
