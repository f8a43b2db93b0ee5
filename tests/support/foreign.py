"""foreign.py - a sluice-metricsd alone, and foreign programs that talk to it: publishers that speak as the processes do (or
lie), and subscribers of its feed."""
import random
import time

import msgpack
import zmq

import client
from stack import START_SECONDS, Process, clean_environment, wait_for

EVENT, TOTALS, DISTRIBUTION, SNAPSHOT, EXPOSITION, VIEW = 50, 51, 52, 53, 54, 55
BUCKETS = 134
SECOND = 1_000_000


class Metricsd:
    """The process in a folder of its own, and all that talks to it."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.context = zmq.Context()
        self.environment = clean_environment() | {
            "METRICSD_PORT": "0", "FEED_ENDPOINT": "tcp://127.0.0.1:0", "RUNTIME_DIR": f"{folder}/run",
            "ASAN_OPTIONS": "quarantine_size_mb=1",  # so that memory can be judged
        } | options
        self.process = None

    def start(self):
        self.process = Process("metricsd", self.environment, self.folder)
        self.process.wait_ready()
        self.environment["METRICSD_PORT"] = self.process.ready["port"]
        return self

    def get(self, target, method="GET"):
        return client.ask(int(self.process.ready["port"]), target, method=method)

    def state(self):
        return self.get("/api/state").json()

    def value(self, key):
        return self.state()["values"][key]

    def wait_value(self, key, wanted):
        wait_for(lambda: self.value(key) == wanted, f"{key} is {wanted}, not {self.value(key)}")

    def publisher(self, process, epoch=None):
        return Publisher(self, process, epoch or random.getrandbits(60) + 1)

    def subscriber(self, *topics, local=False):
        """It has said what it wants when a first message is there, which it keeps."""
        return Subscriber(self, f"ipc://{self.folder}/run/feed.ipc" if local else self.process.ready["feed"], topics)


class Publisher:
    """One process that publishes, as common/event.c does. It is connected when metricsd's subscription is here."""

    def __init__(self, metricsd, process, epoch):
        self.process, self.epoch, self.seq = process, epoch, 0
        self.socket = metricsd.context.socket(zmq.XPUB)
        self.socket.linger = 1000
        self.socket.sndhwm = 0
        self.socket.connect(f"ipc://{metricsd.folder}/run/events.ipc")
        assert self.socket.poll(START_SECONDS * 1000), "metricsd does not subscribe"
        assert self.socket.recv() == b"\x01"

    def send(self, topic, number, version=1, **fields):
        message = {"v": version, "m": number, "e": self.epoch, "to": 0, **fields}
        self.socket.send_multipart([topic.encode(), msgpack.packb(message)])

    def totals(self, uptime_us=3600 * SECOND, pid=77, **values):
        """Those of a process that is much older than metricsd, unless it is told otherwise."""
        self.send("totals", TOTALS, p=self.process, pid=pid, up=uptime_us, n=self.seq, val=values)

    def distribution(self, name, buckets, sum_us):
        counts = [buckets.get(i, 0) for i in range(BUCKETS)]
        self.send("distribution", DISTRIBUTION, p=self.process, nm=name, sum=sum_us, b=counts)

    def view(self, name, json):
        message = {"v": 1, "m": VIEW, "e": self.epoch, "to": 0, "p": self.process, "nm": name}
        self.socket.send_multipart([b"view", msgpack.packb(message), json])

    def event(self, name="granted", skip=0, **fields):
        self.seq += 1 + skip
        message = {"p": self.process, "n": self.seq, "t": time.time_ns() // 1000, "ev": name, **fields}
        self.send(f"event.{self.process}.{name}", EVENT, **message)
        return message


class Subscriber:
    def __init__(self, metricsd, endpoint, topics):
        self.socket = metricsd.context.socket(zmq.SUB)
        self.socket.rcvhwm = 0
        for topic in topics:
            self.socket.subscribe(topic)
        self.socket.connect(endpoint)

    def take(self, seconds=START_SECONDS):
        assert self.socket.poll(seconds * 1000), "the feed is silent"
        topic, head, *body = self.socket.recv_multipart()
        return topic.decode(), msgpack.unpackb(head), body

    def take_topic(self, wanted):
        while True:
            topic, message, body = self.take()
            if topic == wanted:
                return message, body
