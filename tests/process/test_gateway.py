"""test_gateway.py - the gateway alone, between real clients and a scheduler and metricsd played by the test."""
import concurrent.futures
import contextlib
import json
import pathlib
import shutil
import signal
import socket
import struct
import tempfile
import threading
import time

import client
import cpf
import msgpack
import pytest
import zmq
from stack import Process, clean_environment, wait_for

HELLO, WELCOME, PING, PONG, CREDIT, GOODBYE = 1, 2, 3, 4, 5, 6
SUBMIT, CANCEL, RESULT, REJECTED, STATE = 10, 11, 21, 22, 23
TOTALS, SNAPSHOT, EXPOSITION = 51, 53, 54
PATIENCE = 10
CPF = "52998224725"
TARGET = f"/proxy/score?cpf={CPF}"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def record(status=200, body=b'{"score":308}', fields=b"Content-Type: application/json\r\n", fresh_us=0):
    """An answer record (common/answer.c)."""
    now_us = time.time_ns() // 1000
    return struct.pack("<IIIIqqqq", 0x32726E41, status, len(fields), len(body), now_us, now_us, fresh_us, 0) + fields + body


class Scheduler:
    """The other end of the gateway's link: says welcome and pong by itself, and keeps what else comes."""

    def __init__(self, folder, epoch=1001, credits=8192):
        self.epoch, self.credits = epoch, credits
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{folder}/run/gateways.ipc")
        self.lock = threading.Lock()
        self.inbox = []
        self.peer, self.lead = 0, None
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            with self.lock:
                while self.socket.poll(0):
                    self.receive(self.socket.recv_multipart())
            time.sleep(0.002)

    def receive(self, frames):
        message = msgpack.unpackb(frames[1])
        self.lead, self.peer = frames[0], message["e"]
        if message["m"] == HELLO:
            self.say(WELCOME, cr=self.credits)
        elif message["m"] == PING:
            self.say(PONG, t=message["t"])
        elif message["m"] in (SUBMIT, CANCEL):
            self.inbox.append((message, msgpack.unpackb(frames[2]) if len(frames) > 2 else None))

    def say(self, number, body=None, **fields):
        head = msgpack.packb({"v": 1, "m": number, "e": self.epoch, "to": self.peer} | fields)
        self.socket.send_multipart([self.lead, head] + ([body] if body is not None else []))

    def send(self, number, body=None, **fields):
        with self.lock:
            self.say(number, body, **fields)

    def next(self, number=SUBMIT):
        """The oldest message of that kind and its body."""
        def find():
            with self.lock:
                for i, (message, _) in enumerate(self.inbox):
                    if message["m"] == number:
                        return self.inbox.pop(i)
            return None
        return wait_for(find, f"message {number}", PATIENCE)

    def idle(self):
        with self.lock:
            return not self.inbox

    def result(self, submit, body=None, why="none", src="upstream", joined=0):
        self.send(RESULT, body or record(), id=submit["id"], src=src, why=why, at=7, wt=1500, up=2500, jn=joined)

    def reject(self, submit, why, after_us=0, position=0, eta_us=0):
        self.send(REJECTED, id=submit["id"], why=why, ra=after_us, pos=position, eta=eta_us, wt=0)

    def state(self, **told):
        self.send(STATE, **{"ln": "score", "pol": "fifo", "q": 0, "qm": 100, "ft": 1, "stk": 0, "hld": 0, "nxt": 0,
                            "br": "closed", "bf": 0, "bm": 3, "bu": 0} | told)

    def restart(self, epoch):
        """As a new process at the same place: nothing is known, and the gateway learns it by `goodbye`."""
        with self.lock:
            self.say(GOODBYE, why="leaving")
            self.epoch = epoch
            self.inbox.clear()

    def close(self):
        self.running = False
        self.thread.join()
        self.socket.close()


class Gateway:
    def __init__(self, **options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-gw-"))
        (self.folder / "run").mkdir(mode=0o700)
        self.process = Process("gateway", clean_environment() | {"GATEWAY_PORT": "0", "LOG_LEVEL": "debug"} | {
            name: str(value) for name, value in options.items()}, self.folder)
        self.scheduler = None
        self.pool = concurrent.futures.ThreadPoolExecutor(32)

    def __enter__(self):
        self.process.wait_ready()
        self.port = int(self.process.ready["port"])
        return self

    def __exit__(self, kind, error, trace):
        if self.scheduler:
            self.scheduler.close()
        with contextlib.suppress(Exception):
            self.process.stop()
        log = self.process.log_text()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind:
            print(log[-4000:])
            return
        assert self.process.popen.returncode == 0, log
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert CPF not in log and "529.982" not in log

    def connect(self, **how):
        self.scheduler = Scheduler(self.folder, **how)
        wait_for(lambda: self.check("scheduler") == "ok", "the link is up", PATIENCE)
        return self.scheduler

    def check(self, name):
        return self.get("/readyz").json()["checks"].get(name, {}).get("status")

    def get(self, target=TARGET, fields=(), method="GET"):
        return client.ask(self.port, target, fields, method)

    def ask(self, target=TARGET, fields=(), method="GET"):
        """The answer in time to come."""
        return self.pool.submit(self.get, target, fields, method)


def test_the_provider_s_answer_passes_unchanged():
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask("/proxy/score?cpf=529.982.247-25&priority=3&other=1",
                            [("client-id", "alice"), ("X-Request-Id", "req-1"), ("traceparent", TRACE)])
        submit, request = scheduler.next()
        scheduler.result(submit, record(body="{\"message\":\"é\"}".encode(), fresh_us=2**59), joined=1)
        answer = asked.result(PATIENCE)
    assert (submit["rq"], submit["ln"], submit["pr"], submit["ag"], len(submit["k"])) == ("req-1", "score", 3, 0, 16)
    assert 59_000_000 < submit["rem"] <= 60_000_000 and "alice" not in submit["cl"]
    assert (request["m1"], request["qs"], request["ci"], request["tp"]) == ("GET", f"cpf={CPF}", "alice", TRACE)
    assert (answer.status, answer.body) == (200, "{\"message\":\"é\"}".encode())
    assert answer.fields["content-type"] == "application/json"
    assert answer.fields["cache-status"] == "sluice; fwd=miss; collapsed; stored"
    assert answer.fields["server-timing"] == "queue;dur=1.500, upstream;dur=2.500"
    assert answer.fields["x-request-id"] == "req-1"
    assert answer.fields["x-content-type-options"] == "nosniff"


def test_equal_requests_have_equal_keys():
    targets = [("/proxy/score?cpf=52998224725", "a"), ("/proxy/score?priority=1&cpf=529.982.247-25", "a"),
               ("/proxy/score?cpf=52998224725", "b"), ("/proxy/score?cpf=11144477735", "a"),
               ("/proxy/score?cpf=52998224725&client_id=a", "")]
    with Gateway() as gateway:
        scheduler = gateway.connect()
        keys = []
        for target, name in targets:
            asked = gateway.ask(target, [("client-id", name)])
            submit, _ = scheduler.next()
            keys.append((submit["k"], submit["cl"]))
            scheduler.result(submit)
            assert asked.result(PATIENCE).status == 200
    assert keys[0] == keys[1] == keys[4]
    assert len({key for key, _ in keys}) == 3
    assert keys[0][1] == keys[3][1] != keys[2][1]


def test_head_is_a_get_without_its_body():
    with Gateway() as gateway, socket.create_connection(("127.0.0.1", gateway.port)) as raw:
        scheduler = gateway.connect()
        raw.sendall(client.request_bytes(TARGET, "HEAD") + client.request_bytes("/livez"))
        submit, request = scheduler.next()
        scheduler.result(submit, record(body=b"x" * 308))
        raw.settimeout(PATIENCE)
        text = b""
        while not text.endswith(b'{"status":"ok"}'):
            text += raw.recv(65536)
    assert request["m1"] == "GET"
    assert b"Content-Length: 308\r\n" in text and b"xxx" not in text


@pytest.mark.parametrize("why, status, error", [
    ("queue_full", 503, "connection_limit_reached"),
    ("breaker_open", 503, "destination_unavailable"),
    ("deadline_passed", 504, "http_response_timeout"),
    ("upstream_unreachable", 502, "connection_refused"),
    ("a reason of a later version", 500, "proxy_internal_error"),
    ("none", 500, "proxy_internal_error"),
])
def test_a_refusal_explains_itself(why, status, error):
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask()
        scheduler.reject(scheduler.next()[0], why, after_us=2_000_001, position=101, eta_us=5_000_000)
        answer = asked.result(PATIENCE)
    problem = answer.json()
    assert answer.status == problem["status"] == status
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.fields["retry-after"] == "3" and problem["retry_after"] == 3
    assert (problem["queue_position"], problem["eta_ms"]) == (101, 5000)
    assert problem["type"] == f"urn:sluice:problem:{problem['reason']}"
    assert problem["error"] and problem["title"] and problem["detail"]
    assert answer.fields["proxy-status"] == f'sluice; error={error}; details="{problem["reason"]}"'
    assert status == 500 or problem["reason"] == why


def test_the_provider_s_own_error_passes_when_nothing_is_cached():
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask()
        scheduler.result(scheduler.next()[0], record(503, b"busy", b"Content-Type: text/html\r\n"), "upstream_error")
        answer = asked.result(PATIENCE)
    assert (answer.status, answer.body, answer.fields["content-type"]) == (503, b"busy", "text/html")
    assert answer.fields["proxy-status"] == "sluice; received-status=503"


def test_a_torn_record_is_our_own_error():
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask()
        scheduler.result(scheduler.next()[0], b"rubbish")
        assert asked.result(PATIENCE).status == 500


@pytest.mark.parametrize("query, status, body", [
    ("", 400, '{"message":"CPF é obrigatório"}'),
    ("?cpf=", 400, '{"message":"CPF é obrigatório"}'),
    ("?cpf=52998224724", 400, '{"message":"CPF inválido"}'),
    ("?cpf=11111111111", 400, '{"message":"CPF inválido"}'),
    ("?cpf=12345678909", 400, '{"message":"CPF inválido"}'),
])
def test_a_bad_cpf_gets_the_provider_s_own_words(query, status, body):
    with Gateway() as gateway:
        scheduler = gateway.connect()
        answer = gateway.get(f"/proxy/score{query}")
        assert scheduler.idle()
    assert (answer.status, answer.body) == (status, body.encode())
    assert answer.fields["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("target, fields, name", [
    (f"{TARGET}&cpf={CPF}", [], "cpf"),
    (f"{TARGET}&priority=abc", [], "priority"),
    (f"{TARGET}&priority=1&priority=1", [], "priority"),
    (TARGET, [("X-Priority", "100")], "priority"),
    (TARGET, [("client-id", "a b")], "client-id"),
    (TARGET, [("client-id", "x" * 129)], "client-id"),
    (f"{TARGET}&client-id=b", [("client-id", "a")], "client-id"),
])
def test_malformed_parameters_are_named(target, fields, name):
    with Gateway() as gateway:
        answer = gateway.get(target, fields)
    assert (answer.status, answer.json()["reason"]) == (400, "bad_parameter")
    assert answer.json()["detail"].endswith(f": {name}")


@pytest.mark.parametrize("fields, seconds, applied", [
    ([("Request-Timeout", "2.5")], 2.5, None),
    ([("Request-Timeout", "600")], 60, None),
    ([("Prefer", "return=minimal"), ("Prefer", 'lenient, wait="7"; x=y')], 7, "wait=7"),
    ([("Prefer", "respond-async, wait=7")], 60, None),
    ([("Prefer", "wait=7"), ("Request-Timeout", "3")], 3, None),
    ([("Prefer", "wait=61")], 60, None),
    ([("Prefer", "wait=7.5, wait=2")], 60, None),
])
def test_a_deadline_of_the_caller_s_own(fields, seconds, applied):
    """It goes to the scheduler as what remains; the answer says whether the preference counted."""
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask(fields=fields)
        submit, _ = scheduler.next()
        scheduler.result(submit)
        answer = asked.result(PATIENCE)
    assert (seconds - 1) * 1_000_000 < submit["rem"] <= seconds * 1_000_000
    assert answer.fields.get("preference-applied") == applied


def test_a_deadline_of_the_caller_s_own_is_kept_while_the_scheduler_is_away():
    with Gateway() as gateway:
        answer = gateway.get(fields=[("Request-Timeout", "0.3")])
    assert (answer.status, answer.json()["reason"]) == (503, "scheduler_gone")
    assert 0.3 <= answer.seconds < 2


def test_paths_methods_and_bad_http():
    with Gateway() as gateway:
        assert gateway.get("/nothing").json()["reason"] == "not_found"
        refused = gateway.get("/proxy/score", method="POST")
        assert (refused.status, refused.fields["allow"]) == (405, "GET, HEAD")
        assert gateway.get("/livez", method="DELETE").json()["reason"] == "method_not_allowed"
        index = gateway.get("/").json()
        assert {"/proxy/score", "/health", "/metrics"} <= index["endpoints"].keys()
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            raw.settimeout(PATIENCE)
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            head, _, body = b"".join(iter(lambda: raw.recv(65536), b"")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400") and b"application/problem+json" in head
        assert json.loads(body)["status"] == 400


@pytest.mark.parametrize("leave", ["leave_by_fin", "leave_by_rst"])
def test_who_hangs_up_is_cancelled(leave):
    with Gateway() as gateway:
        scheduler = gateway.connect()
        waiting = client.Waiting(gateway.port, TARGET)
        submit, _ = scheduler.next()
        getattr(waiting, leave)()
        cancel, _ = scheduler.next(CANCEL)
        assert cancel["id"] == submit["id"]
        scheduler.result(submit)  # was on its way: harmless
        waiting.close()
        assert gateway.get("/livez").status == 200


def test_requests_wait_for_the_scheduler_to_come():
    with Gateway() as gateway:
        asked = [gateway.ask(f"/proxy/score?cpf={number}") for number in cpf.make_many(3)]
        assert gateway.check("scheduler") == "degraded"
        scheduler = gateway.connect()
        submits = [scheduler.next()[0] for _ in asked]
        assert all(submit["ag"] == 0 for submit in submits)
        for submit in submits:
            scheduler.result(submit)
        assert [answer.result(PATIENCE).status for answer in asked] == [200] * 3


def test_a_restarted_scheduler_is_told_everything_again():
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = []
        for number in cpf.make_many(3):
            asked.append(gateway.ask(f"/proxy/score?cpf={number}"))
            wait_for(lambda: len(scheduler.inbox) == len(asked), "submitted")
        before = [scheduler.next()[0] for _ in asked]
        scheduler.restart(epoch=2002)
        after = [scheduler.next()[0] for _ in asked]
        assert [s["id"] for s in after] == [s["id"] for s in before]
        assert [s["k"] for s in after] == [s["k"] for s in before]
        assert all(s["ag"] == 1 and s["to"] == 2002 and s["age"] > 0 for s in after)
        assert all(new["rem"] < old["rem"] for new, old in zip(after, before))
        for submit in after:
            scheduler.result(submit)
            scheduler.result(submit)  # twice: the second one finds nobody
        assert [answer.result(PATIENCE).status for answer in asked] == [200] * 3


def test_without_credit_requests_wait_in_order():
    with Gateway() as gateway:
        scheduler = gateway.connect(credits=1)
        asked = [gateway.ask(f"/proxy/score?cpf={number}") for number in cpf.make_many(4)]
        submits = [scheduler.next()[0]]
        for _ in asked[1:]:
            assert gateway.get("/livez").status == 200 and scheduler.idle()
            scheduler.send(CREDIT, n=1)
            submits.append(scheduler.next()[0])
        assert [submit["id"] for submit in submits] == sorted(submit["id"] for submit in submits)
        for submit in submits:
            scheduler.result(submit)
        assert [answer.result(PATIENCE).status for answer in asked] == [200] * 4


def test_a_cancel_without_credit_is_sent_later():
    with Gateway() as gateway:
        scheduler = gateway.connect(credits=1)
        waiting = client.Waiting(gateway.port, TARGET)
        submit, _ = scheduler.next()
        waiting.leave_by_rst()
        wait_for(lambda: " gone " in gateway.process.log_text(), "the gateway has noticed")
        assert scheduler.idle()
        scheduler.send(CREDIT, n=1)
        assert scheduler.next(CANCEL)[0]["id"] == submit["id"]


def test_a_scheduler_that_says_nothing():
    with Gateway(REQUEST_TIMEOUT_SECONDS=0.3) as gateway:
        scheduler = gateway.connect()
        answer = gateway.get()
        assert (answer.status, answer.json()["reason"]) == (504, "deadline_passed")
        assert 0.3 <= answer.seconds < 3
        submit, _ = scheduler.next()
        assert scheduler.next(CANCEL)[0]["id"] == submit["id"]


def test_no_scheduler_until_the_deadline():
    with Gateway(REQUEST_TIMEOUT_SECONDS=0.3) as gateway:
        answer = gateway.get()
    assert (answer.status, answer.json()["reason"], answer.fields["retry-after"]) == (503, "scheduler_gone", "1")


def test_only_so_many_wait():
    with Gateway(WAITERS_MAX=2) as gateway:
        scheduler = gateway.connect()
        asked = [gateway.ask(f"/proxy/score?cpf={number}") for number in cpf.make_many(2)]
        submits = [scheduler.next()[0] for _ in asked]
        answer = gateway.get()
        assert (answer.status, answer.json()["reason"]) == (503, "waiters_full")
        for submit in submits:
            scheduler.result(submit)
        assert [answer.result(PATIENCE).status for answer in asked] == [200] * 2


def test_drain_serves_who_waits():
    with Gateway() as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask()
        submit, _ = scheduler.next()
        gateway.process.popen.send_signal(signal.SIGTERM)
        wait_for(lambda: "drain" in gateway.process.log_text(), "the drain has begun")
        scheduler.result(submit)
        answer = asked.result(PATIENCE)
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert gateway.process.popen.wait(PATIENCE) == 0


def test_drain_answers_who_would_wait_too_long():
    with Gateway(DRAIN_SECONDS=2) as gateway:
        scheduler = gateway.connect()
        asked = gateway.ask()
        submit, _ = scheduler.next()
        gateway.process.popen.send_signal(signal.SIGTERM)
        answer = asked.result(PATIENCE)
        assert (answer.status, answer.json()["reason"]) == (503, "draining")
        assert scheduler.next(CANCEL)[0]["id"] == submit["id"]
        assert gateway.process.popen.wait(PATIENCE) == 0


def test_readiness_follows_the_scheduler():
    with Gateway() as gateway:
        assert gateway.check("scheduler") == "degraded"
        scheduler = gateway.connect()
        assert gateway.get("/circuit-breaker-status").status == 503
        scheduler.state(br="half_open", bf=2, bm=3)
        breaker = wait_for(lambda: (a := gateway.get("/circuit-breaker-status")).status == 200 and a, "a state")
        assert breaker.json() == {"state": "half_open", "failures": 2, "fail_max": 3}
        assert gateway.check("score.breaker") == "degraded" and gateway.get("/readyz").status == 200
        scheduler.state(stk=10_000_000)
        wait_for(lambda: gateway.get("/readyz").status == 503, "stuck dispatch is not ready")
        assert "score.dispatch" in gateway.get("/readyz").json()["missing"]
        assert gateway.get("/health").status == 503 and gateway.get("/livez").status == 200
        scheduler.state()
        wait_for(lambda: gateway.get("/health").status == 200, "well again")


def test_metrics_come_from_the_feed():
    with Gateway() as gateway:
        assert gateway.get("/metrics").status == gateway.get("/dashboard-metrics").status == 503
        feed = zmq.Context.instance().socket(zmq.XPUB)
        feed.bind(f"ipc://{gateway.folder}/run/feed.ipc")
        assert {feed.recv(), feed.recv()} == {b"\x01snapshot", b"\x01exposition"}
        values = {"gateway.requests_total": 9, "gateway.requests_successful_total": 5,
                  "gateway.requests_failed_total": 1, "gateway.requests_dropped_total": 2,
                  "scheduler.queue_length": 4, "gateway.request_seconds.sum_us": 3_000_000,
                  "gateway.request_seconds.count": 4}
        head = {"v": 1, "e": 5, "to": 0}
        feed.send_multipart([b"snapshot", msgpack.packb(head | {"m": SNAPSHOT, "sv": 1, "n": 1, "t": 1,
                                                                "val": values, "q": {}})])
        feed.send_multipart([b"exposition", msgpack.packb(head | {"m": EXPOSITION, "n": 1}), b"sluice_up 1\n"])
        metrics = wait_for(lambda: (a := gateway.get("/metrics")).status == 200 and a, "metrics")
        dashboard = gateway.get("/dashboard-metrics")
        feed.close(0)
    assert metrics.body == b"sluice_up 1\n"
    assert metrics.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert dashboard.json() == {"requests_total": 9, "requests_successful_total": 5, "requests_failed_total": 1,
                                "requests_dropped_total": 2, "queue_size_current": 4,
                                "average_latency_seconds": 0.75}


def test_totals_add_up_at_every_moment():
    def totals():
        """The next ones that the gateway posts."""
        while True:
            topic, head = events.recv_multipart()[:2]
            message = msgpack.unpackb(head)
            if message["m"] == TOTALS:
                return message["val"]

    def balanced(values):
        return values["requests_total"] == sum(values[name] for name in (
            "requests_successful_total", "requests_failed_total", "requests_dropped_total", "requests_waiting"))

    with Gateway() as gateway:
        events = zmq.Context.instance().socket(zmq.SUB)
        events.setsockopt(zmq.SUBSCRIBE, b"")
        events.setsockopt(zmq.RCVTIMEO, PATIENCE * 1000)
        events.bind(f"ipc://{gateway.folder}/run/events.ipc")
        scheduler = gateway.connect()
        numbers = cpf.make_many(4)
        gone = client.Waiting(gateway.port, f"/proxy/score?cpf={numbers[0]}")
        scheduler.next()
        gone.leave_by_rst()
        scheduler.next(CANCEL)
        asked = [gateway.ask(f"/proxy/score?cpf={number}") for number in numbers[1:]]
        submits = [scheduler.next()[0] for _ in asked]
        scheduler.result(submits[0])
        scheduler.reject(submits[1], "queue_full")
        gateway.get("/proxy/score?cpf=1")
        values = totals()
        while values["requests_total"] < 5 or values["requests_waiting"] > 1:
            assert balanced(values)
            values = totals()
        scheduler.result(submits[2])
        for answer in asked:
            answer.result(PATIENCE)
        events.close(0)
    assert balanced(values)
    assert [values[f"requests_{name}"] for name in ("successful_total", "failed_total", "dropped_total", "waiting")] \
        == [1, 1, 2, 1]
    assert values['refused_total{reason="queue_full"}'] == values["clients_gone_total"] == 1
    assert values["cache_misses_total"] == 4 and values["scheduler_up"] == 1
