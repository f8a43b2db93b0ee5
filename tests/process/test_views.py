"""test_views.py - what processes tell metricsd besides numbers: the options, the queue, who asks most, the breaker; heard in its place, and shown by
it, with the links that its page follows."""
import contextlib
import json
import re
import subprocess
import time

import client
import cpf
import msgpack
import pytest
import zmq
from stack import BIN, Stack, wait_for

VIEW = 55
PATIENCE = 10
SECRETS = {"ADMIN_TOKEN": "", "CLIENT_ID": "sesame-of-the-provider"}
MOST_A_SECOND = 4


class Ear:
    """Sits where metricsd sits, and keeps every view with the time it came."""

    def __init__(self, folder):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.rcvhwm = 0
        self.socket.subscribe("view")
        self.socket.bind(f"ipc://{folder}/run/events.ipc")
        self.heard = []  # (seconds, "scheduler.queue", the view)

    def listen(self, seconds=0.0):
        while self.socket.poll(seconds * 1000):
            topic, head, body = self.socket.recv_multipart()
            message = msgpack.unpackb(head)
            assert (topic, message["m"]) == (b"view", VIEW)
            assert len(body) <= 32768
            assert not any(number in body.decode() for number in cpf.used), "a whole CPF"
            assert not any(secret and secret in body.decode() for secret in SECRETS.values()), "a secret"
            self.heard.append((time.monotonic(), f"{message['p']}.{message['nm']}", json.loads(body)))
            seconds = 0

    def all(self, name):
        self.listen()
        return [(at, view) for at, heard, view in self.heard if heard == name]

    def wait(self, name, condition=lambda view: True, what="it came", since=0.0):
        """The first view of that name, and of a later time, of which the condition is true."""
        end = time.monotonic() + PATIENCE
        while True:
            for at, view in self.all(name):
                if at >= since and condition(view):
                    return view
            assert time.monotonic() < end, f"{name}: not within {PATIENCE} s: {what}; last {self.all(name)[-1:]}"
            self.listen(0.1)

    def close(self):
        self.socket.close(0)
        self.context.term()


@contextlib.contextmanager
def heard(**options):
    with Stack(**options) as stack:
        wait_for(lambda: stack.get("/admin/policy").status == 200, "the scheduler is there")
        stack.kill("metricsd")
        ear = Ear(stack.folder)
        try:
            yield stack, ear
        finally:
            ear.close()


@pytest.fixture(name="place", scope="module")
def a_place():
    with heard(RATE_LIMIT_SECONDS=0.05, RATE_LIMIT_BURST=1, QUEUE_MAX_SIZE=500, CACHE_TTL_SECONDS=0, CACHE_STALE_SECONDS=0,
               CIRCUIT_BREAKER_RESET_TIMEOUT=60, RETRY_MAX=0, **SECRETS) as (stack, ear):
        yield stack, ear


@pytest.mark.parametrize("process", ["gateway", "scheduler", "fetcher"])
def test_everybody_tells_its_options_and_no_secret(place, process):
    stack, ear = place
    printed = subprocess.run([BIN / f"sluice-{process}", "--print-config"], env=stack.environment, cwd=stack.folder,
                             capture_output=True, text=True, check=True).stdout
    wanted = {name: "set" if value == "********" else value
              for name, value in (line.split("=", 1) for line in printed.splitlines())}
    if process == "gateway":  # it was started before the stack knew which ports it would get
        wanted |= {"GATEWAY_PORT": "0", "METRICSD_PORT": "0"}
    view = ear.wait(f"{process}.configuration")
    assert view["options"] == wanted
    assert view.get("port") == (stack.port if process == "gateway" else None)


def test_the_queue_is_shown_as_it_is_asked_for(place):
    stack, ear = place
    with stack.paused():
        waiting = [stack.wait(number, [("client-id", f"c{i % 3}")]) for i, number in enumerate(cpf.make_many(60, 8000))]
        view = ear.wait("scheduler.queue", lambda view: view["total"] == 60 and view["paused"], "all 60 wait")
        asked = stack.get("/admin/queue?limit=50").json()
        assert [row["id"] for row in view["requests"]] == [row["id"] for row in asked["requests"]]
        assert view["next"] == asked["next"] == view["requests"][-1]["id"]
        assert all(row.keys() == asked["requests"][0].keys() for row in view["requests"])
        assert [row["position"] for row in view["requests"]] == list(range(1, 51))
        assert (view["policy"], view["policies"], view["window_ms"]) == ("fifo", ["fifo", "priority", "fair"], 50)
        stack.get("/admin/policy", method="PUT", body={"policy": "fair"})
        view = ear.wait("scheduler.queue", lambda view: view["policy"] == "fair", "the policy is another one")
        turns = [row["client"] for row in view["requests"][:3]]
        assert len(set(turns)) == 3, "the order is that of the policy"
        for one in waiting[:55]:
            one.leave_by_rst()
        since = time.monotonic()
        view = ear.wait("scheduler.queue", lambda view: view["total"] == 5, "55 have left", since)
        assert len(view["requests"]) == 5 and view["next"] is None
    for one in waiting[55:]:
        assert one.answer().status == 200
    ear.wait("scheduler.queue", lambda view: view["total"] == 0 and not view["paused"], "nobody waits any more", since)
    stack.get("/admin/policy", method="PUT", body={"policy": "fifo"})


def test_views_come_no_more_often_than_is_good(place):
    """However much happens: 80 requests come, are sent and are answered within some 4 s."""
    stack, ear = place
    begin = time.monotonic()
    assert {answer.status for answer in stack.ask_all(cpf.make_many(80, 8100))} == {200}
    took = time.monotonic() - begin
    for name in ("scheduler.queue", "fetcher.breaker", "scheduler.clients"):
        times = [at for at, _ in ear.all(name) if at >= begin]
        assert len(times) <= MOST_A_SECOND * took + 2, name
    totals = [view["total"] for at, view in ear.all("scheduler.queue") if at >= begin]
    assert len(totals) > took + 2, "a queue that moves is shown more often than once a second"
    assert sorted(totals, reverse=True)[1] > 20, "and as it moves"


def test_who_asks_most_is_told_and_every_request_is_somewhere(place):
    stack, ear = place
    since = time.monotonic()
    for client, count in [("loud", 12), ("quiet", 3)]:
        answers = stack.ask_all(cpf.make_many(count, 8200 + len(client) * 100), [("client-id", client)])
        assert {answer.status for answer in answers} == {200}

    def settled(view):
        counts = [row["submitted"] for row in view["top"]]
        return 12 in counts and 3 in counts and not any(row["waiting"] for row in view["top"])

    view = ear.wait("scheduler.clients", settled, "both are there", since)
    loud = next(row for row in view["top"] if row["submitted"] == 12)
    assert (loud["served"], loud["refused"], loud["left"], loud["missed_max"]) == (12, 0, 0, 0)
    assert re.fullmatch(r"[0-9a-z]+", loud["client"]), "a keyed hash, not the name"
    counts = [row["submitted"] for row in view["top"]]
    assert counts == sorted(counts, reverse=True) and len(counts) <= 10
    assert view["other"]["clients"] == 0 and view["rows"] == 64
    for row in view["top"]:
        assert row["submitted"] == row["waiting"] + row["served"] + row["refused"] + row["left"]


def test_the_breaker_is_shown_when_it_changes(place):
    stack, ear = place
    view = ear.wait("fetcher.breaker")
    assert view == view | {"state": "closed", "fail_max": 3, "opened_at_us": None, "probe_at_us": None, "tripped": False}
    before = time.time()
    stack.get("/admin/breaker", method="POST", body={"action": "trip", "seconds": 600})
    view = ear.wait("fetcher.breaker", lambda view: view["tripped"], "it is tripped")
    assert (view["state"], view["last_reason"]) == ("open", None)
    assert before - 1 <= view["opened_at_us"] / 1e6 <= time.time() + 1
    assert before + 599 <= view["probe_at_us"] / 1e6 <= time.time() + 601
    stack.get("/admin/breaker", method="POST", body={"action": "reset"})
    since = time.monotonic()
    ear.wait("fetcher.breaker", lambda view: view["state"] == "closed", "it is reset", since)
    stack.simulator.faults("status=500")
    for number in cpf.make_many(3, 8900):
        assert stack.ask(number).status == 500
    view = ear.wait("fetcher.breaker", lambda view: view["state"] == "open", "three failures have opened it", since)
    assert (view["failures"], view["last_reason"], view["tripped"]) == (3, "upstream_error", False)
    assert 55 < view["probe_at_us"] / 1e6 - time.time() < 61
    stack.simulator.faults("reset=1")
    stack.get("/admin/breaker", method="POST", body={"action": "reset"})


VIEWS = {"gateway.configuration", "scheduler.configuration", "fetcher.configuration", "metricsd.configuration",
         "scheduler.queue", "scheduler.clients", "fetcher.breaker"}


def policy(stack):
    """Whom the page may connect to."""
    fields = client.ask(stack.metricsd_port, "/").fields["content-security-policy"]
    return re.search(r"connect-src ([^;]*);", fields).group(1).split()


def hosts(port):
    return [f"http://localhost:{port}", f"http://127.0.0.1:{port}"]


def test_metricsd_shows_all_of_it_and_its_page_finds_the_others():
    with Stack(RATE_LIMIT_SECONDS=0.05) as stack:
        wait_for(lambda: stack.state()["views"].keys() == VIEWS, "all views are there")
        state = stack.state()
        assert state["links"] == {"gateway": f"http://127.0.0.1:{stack.port}", "simulator": None}
        assert state["views"]["metricsd.configuration"]["port"] == stack.metricsd_port
        assert state["views"]["metricsd.configuration"]["options"]["METRICSD_BIND"] == "127.0.0.1"
        assert policy(stack) == ["'self'", *hosts(stack.port)]
        assert "default-src 'none'" in client.ask(stack.metricsd_port, "/app.js").fields["content-security-policy"]
        stack.environment |= {"SIMULATOR_URL": f"http://127.0.0.1:{stack.simulator.port}", "GATEWAY_URL": "https://sluice.example/api/"}
        stack.restart("metricsd")
        wait_for(lambda: stack.state()["views"].keys() == VIEWS, "all views are told again")
        assert stack.state()["links"] == {"gateway": "https://sluice.example/api", "simulator": stack.environment["SIMULATOR_URL"]}
        assert policy(stack) == ["'self'", "https://sluice.example", *hosts(stack.simulator.port)]
        stack.kill("fetcher")
        wait_for(lambda: "fetcher.breaker" not in stack.state()["views"], "what nobody stands for any more is gone")
        stack.spawn("fetcher")
        wait_for(lambda: stack.state()["views"].keys() == VIEWS, "a new one tells anew")
