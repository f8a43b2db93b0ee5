"""test_reconciliation.py - everybody tells the same totals: the clients, the gateways, metricsd, Prometheus, the feed
and the provider's own log, also when metricsd and a gateway are killed in between. `pytest -s` prints the table."""
import asyncio
import collections
import random
import re
import threading

import msgpack
import zmq

import client
import cpf
from stack import Stack, wait_for

REQUESTS = 10000
CONNECTIONS = 40
OUTCOMES = ["requests_successful_total", "requests_failed_total", "requests_dropped_total"]


class Load:
    """Mixed requests over kept connections: hits and misses, what is malformed, what the provider rejects, and clients
    that leave. Everything that was written is counted by what came back."""

    def __init__(self, ports, seed):
        self.ports, self.random = ports, random.Random(seed)
        self.seen = collections.Counter()
        self.left = REQUESTS

    def target(self, number):
        kind = self.random.random()
        if kind < 0.02:
            return "/proxy/score?cpf=123"
        if kind < 0.03:
            return "/proxy/score"
        if kind < 0.04:
            return f"/proxy/score?cpf={cpf.make(1)}&priority=abc"
        if kind < 0.60:
            return f"/proxy/score?cpf={cpf.make(self.random.randrange(50))}"
        return f"/proxy/score?cpf={cpf.make(1000 + number % 1500)}"

    async def ask(self, reader, writer, target):
        writer.write(client.request_bytes(target))
        self.seen["sent"] += 1
        if self.random.random() < 0.005:
            self.seen["left"] += 1
            writer.transport.abort()
            return False
        try:
            answer = await asyncio.wait_for(client.read_answer(reader, 0), client.PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.seen["cut"] += 1
            return False
        self.seen["below 400" if answer.status < 400 else "400 and above"] += 1
        return answer.fields.get("connection") != "close"

    async def connection(self, port):
        while self.left > 0:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.02)  # a gateway that is down: a client comes again
                continue
            going_on = True
            while going_on and self.left > 0:
                self.left -= 1
                going_on = await self.ask(reader, writer, self.target(self.left))
            writer.close()

    async def all(self):
        await asyncio.gather(*(self.connection(self.ports[i % len(self.ports)]) for i in range(CONNECTIONS)))


class Feed(threading.Thread):
    """Keeps the snapshots that came."""

    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.connect(endpoint)
        self.socket.subscribe("snapshot")
        self.snapshots, self.over = [], False
        self.start()

    def run(self):
        while not self.over:
            if self.socket.poll(100):
                self.snapshots.append(msgpack.unpackb(self.socket.recv_multipart()[1])["val"])
        self.socket.close(linger=0)


def gateway_totals(values):
    """From /api/state or the feed, whose names are the same."""
    return {name: values[f"gateway.{name}"] for name in ["requests_total", *OUTCOMES, "requests_waiting"]}


def prometheus_totals(text):
    found = dict(re.findall(r"^sluice_(gateway_requests_\w+|fetcher_upstream_requests_total) (\d+)$", text, re.M))
    return {name: int(value) for name, value in found.items()}


def quiet(stack):
    """What /api/state says once nothing changes any more."""
    def values():
        return {key: value for key, value in stack.state()["values"].items() if key.endswith("_total")
                and key.startswith(("gateway.requests", "fetcher.upstream_requests"))}
    last = values()
    while True:
        seq = stack.state()["seq"]
        wait_for(lambda: stack.state()["seq"] > seq, "another snapshot")  # pylint: disable=cell-var-from-loop
        now = values()
        if now == last and stack.state()["values"]["gateway.requests_waiting"] == 0:
            return stack.state()["values"]
        last = now


def run(stack, ports, seed, deeds=()):
    """The load, and beside it the deeds: (after so many requests, what to do)."""
    load = Load(ports, seed)
    thread = threading.Thread(target=lambda: asyncio.run(load.all()))
    thread.start()
    for after, deed in deeds:
        wait_for(lambda: load.left <= REQUESTS - after, f"{after} requests", 120)  # pylint: disable=cell-var-from-loop
        deed()
    thread.join(120)
    assert not thread.is_alive() and load.left <= 0
    return load.seen, quiet(stack)


def reconcile(stack, seen, values):
    """Prints who tells what, and compares."""
    told = gateway_totals(values)
    provider = stack.simulator.state()
    arrived = provider["accepted"] + provider["rejected"]
    text = prometheus_totals(client.ask(stack.metricsd_port, "/metrics").body.decode())
    by_gateway = prometheus_totals(stack.get("/metrics").body.decode())
    print(f"\n{'clients':34}", dict(seen))
    print(f"{'metricsd':34}", told)
    print(f"{'Prometheus (metricsd, gateway)':34}", text, by_gateway == text)
    print(f"{'sent to the provider, arrived':34}", values["fetcher.upstream_requests_total"], arrived)
    assert told["requests_total"] == sum(told[name] for name in OUTCOMES)
    assert text == by_gateway == {f"gateway_{name}": count for name, count in told.items()} | {
        "fetcher_upstream_requests_total": arrived}
    assert values["fetcher.upstream_requests_total"] == arrived
    shown = stack.get("/dashboard-metrics").json()
    assert {name: shown[name] for name in ["requests_total", *OUTCOMES]} == {
        name: told[name] for name in ["requests_total", *OUTCOMES]}
    answered = seen["below 400"] + seen["400 and above"]
    unsure = seen["cut"] + seen["left"]  # they may have been read, and answered, before the connection ended
    assert seen["sent"] == answered + unsure
    assert answered <= told["requests_total"] <= seen["sent"]
    assert seen["below 400"] <= told["requests_successful_total"] <= seen["below 400"] + unsure


def options(**more):
    return {"RATE_LIMIT_SECONDS": 0.002, "SIMULATOR_WINDOW_SECONDS": 0, "CACHE_TTL_SECONDS": 600, "QUEUE_MAX_SIZE": 60,
            "REQUEST_TIMEOUT_SECONDS": 20, "LOG_LEVEL": "warn", "CIRCUIT_BREAKER_FAIL_MAX": 100000} | more


def test_everybody_tells_the_same_totals():
    with Stack(**options()) as stack:
        feed = Feed(stack.processes["metricsd"].ready["feed"])
        stack.simulator.faults("status=500&count=20")
        seen, values = run(stack, [stack.port], 1)
        reconcile(stack, seen, values)
        wait_for(lambda: feed.snapshots and gateway_totals(feed.snapshots[-1]) == gateway_totals(values), "the feed agrees")
        feed.over = True
        assert len(feed.snapshots) > 2
        for snapshot in map(gateway_totals, feed.snapshots):
            assert snapshot["requests_total"] == sum(snapshot[name] for name in [*OUTCOMES, "requests_waiting"])


def test_and_after_kills_too():
    """metricsd twice, a gateway once, and a gateway while there is no metricsd to hear of it."""
    with Stack(**options()) as stack:
        second = stack.spawn_gateway()
        place = stack.environment | {"GATEWAY_PORT": str(second.port)}

        def kill_second():
            stack.kill("gateway-2")
            stack.spawn_again("gateway-2", place)

        def kill_both():
            stack.kill("metricsd")
            kill_second()
            stack.spawn_again("metricsd")

        seen, values = run(stack, [stack.port, second.port], 2, [
            (1500, kill_second), (3000, lambda: stack.restart("metricsd")), (5000, kill_both), (7000, kill_second)])
        reconcile(stack, seen, values)
        assert seen["cut"] > 0 and values["gateway.up"] == 2
        assert values["gateway.requests_dropped_total"] > 0
