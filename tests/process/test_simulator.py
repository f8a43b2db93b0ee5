"""test_simulator.py - the provider's stand-in, as a process: contract, timing, faults, log, limits.

The programs are looked for in $SLUICE_BIN, else in build/dev/bin and build/release/bin.
"""

import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MS = 1_000_000
SECOND = 1_000_000_000
CPF, OTHER_CPF = "52998224725", "11144477735"
OK_BODY = '{"cpf":"529.982.247-25","score":308,"message":"O score de 529.982.247-25 é 308"}'
FIVE = {"retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-reset-in"}
PATIENCE = 10


def program(name):
    places = [os.environ.get("SLUICE_BIN"), ROOT / "build/dev/bin", ROOT / "build/release/bin"]
    for place in places:
        if place and (pathlib.Path(place) / name).exists():
            return str(pathlib.Path(place) / name)
    raise FileNotFoundError(name)


def wait_for(condition, what):
    """Polls a condition; what it returns is the result."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.002)
    raise AssertionError(f"never happened: {what}")


def wait_until_ns(ns):
    """Until the monotonic clock shows ns: for what is about time itself."""
    while (rest := ns - time.monotonic_ns()) > 0:
        time.sleep(rest / SECOND)


class Answer:
    def __init__(self, head, body, first_ns):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.body = body.decode()
        self.first_ns = first_ns

    def limited(self):
        return FIVE <= self.fields.keys()


class Wire:
    """One raw connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""
        self.sent_ns = 0

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.sent_ns = time.monotonic_ns()
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.read)
        self.read += data

    def answer(self, head=False):
        while not self.read:
            self.more()
        first_ns = time.monotonic_ns()
        while b"\r\n\r\n" not in self.read:
            self.more()
        start, rest = self.read.split(b"\r\n\r\n", 1)
        answer = Answer(start, b"", first_ns)
        length = 0 if head else int(answer.fields["content-length"])
        while len(rest) < length:
            self.more()
            rest = self.read.split(b"\r\n\r\n", 1)[1]
        self.read = rest[length:]
        return Answer(start, rest[:length], first_ns)

    def ask(self, **how):
        self.send(request(**how))
        return self.answer(head=how.get("method") == "HEAD")


def request(cpf=CPF, client="1", attempt=None, method="GET", target=None, extra=""):
    target = target or ("/api/score" if cpf is None else f"/api/score?cpf={cpf}")
    lines = [f"{method} {target} HTTP/1.1", "Host: simulator"]
    lines += [f"client-id: {client}"] if client is not None else []
    lines += [f"X-Request-Id: {attempt}"] if attempt else []
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode()


class Simulator:
    def __init__(self, *flags, **environment):
        names = {f"SIMULATOR_{name.upper()}": str(value) for name, value in environment.items()}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
        self.process = subprocess.Popen(
            [program("sluice-simulator"), "--port=0", *flags], env=clean | names, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wires = []
        ready = self.process.stdout.readline()
        assert ready.startswith("READY simulator port="), self.process.stderr.read()
        self.port = int(ready.split("=")[1])

    def wire(self):
        self.wires.append(Wire(self.port))
        return self.wires[-1]

    def ask(self, **how):
        return self.wire().ask(**how)

    def control(self, method, what, status=200):
        wire = Wire(self.port)
        wire.send(f"{method} /control/{what} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        answer = wire.answer()
        wire.close()
        assert answer.status == status, answer.body
        return json.loads(answer.body)

    def faults(self, form):
        return self.control("POST", f"faults?{form}")

    def state(self):
        return self.control("GET", "state")

    def log(self, since=0):
        return self.control("GET", f"log?since={since}")["entries"]

    def verdicts(self):
        return [entry["verdict"] for entry in self.log()]

    def arrived(self, count):
        wait_for(lambda: self.state()["arrivals"] >= count, f"{count} arrivals")
        return self.log()

    def stop(self):
        for wire in self.wires:
            wire.close()
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=PATIENCE)[1]
        assert self.process.returncode == 0 and errors == "", errors


@pytest.fixture
def start():
    running = []

    def run(*flags, **environment):
        running.append(Simulator(*flags, **environment))
        return running[-1]

    yield run
    for simulator in running:
        simulator.stop()


# ---- the contract, over a socket -------------------------------------------------------------------------

CASES = [
    # title, how it is asked, status, body, costs a slot
    ("ok", {}, 200, OK_BODY, True),
    ("formatted", {"cpf": "111.444.777-35"}, 200,
     '{"cpf":"111.444.777-35","score":319,"message":"O score de 111.444.777-35 é 319"}', True),
    ("escaped", {"cpf": "390%2E533.447%2D05"}, 200,
     '{"cpf":"390.533.447-05","score":252,"message":"O score de 390.533.447-05 é 252"}', True),
    ("no cpf", {"cpf": None}, 400, '{"message":"CPF é obrigatório"}', True),
    ("empty cpf", {"cpf": ""}, 400, '{"message":"CPF é obrigatório"}', True),
    ("bad cpf", {"cpf": "52998224724"}, 400, '{"message":"CPF inválido"}', True),
    ("equal digits", {"cpf": "00000000000"}, 400, '{"message":"CPF inválido"}', True),
    ("12345678909", {"cpf": "12345678909"}, 400, '{"message":"CPF inválido"}', True),
    ("cpf twice", {"cpf": CPF + "&cpf=" + CPF}, 500, "Internal Server Error", True),
    ("HEAD", {"method": "HEAD"}, 200, "", True),
    ("no client-id", {"client": None}, 401, "Client ID is required", False),
    ("empty client-id", {"client": ""}, 401, "Client ID is required", False),
    ("client-id in the query", {"client": None, "target": f"/api/score?cpf={CPF}&client-id=1"}, 401,
     "Client ID is required", False),
    ("no client-id and no cpf", {"client": None, "cpf": None}, 401, "Client ID is required", False),
    ("another path", {"target": "/api"}, 404, "Not Found", False),
    ("another method", {"method": "DELETE"}, 404, "Not Found", False),
]


@pytest.mark.parametrize("how,status,body,limited", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_contract(start, how, status, body, limited):
    simulator = start(window_seconds=60)
    wall = int(time.time() * 1000) / 1000  # the provider counts in milliseconds
    answer = simulator.ask(**how)
    assert (answer.status, answer.body) == (status, body)
    plain = status in (401, 404, 500)
    assert answer.fields["content-type"] == ("text/html" if plain else "application/json") + "; charset=utf-8"
    assert answer.limited() == limited
    assert limited or not FIVE & answer.fields.keys()
    if limited:
        assert [answer.fields[name] for name in ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining",
                                                 "x-ratelimit-reset-in")] == ["60", "1", "0", "60000"]
        assert wall + 60 <= int(answer.fields["x-ratelimit-reset"]) <= time.time() + 61
    # what cost a slot makes the next one early; what was free does not
    assert simulator.ask().status == (429 if limited else 200)


def test_head_counts_the_body_it_leaves_out(start):
    wire = start(window_seconds=0).wire()
    assert wire.ask(method="HEAD").fields["content-length"] == str(len(OK_BODY.encode()))
    assert wire.ask().body == OK_BODY


def test_the_client_id_is_checked_before_the_window_and_the_cpf_after_it(start):
    simulator = start(window_seconds=30, penalty_seconds=30)
    assert [simulator.ask(**how).status for how in
            ({}, {"client": None}, {"cpf": "1"}, {"client": ""}, {"cpf": None})] == [200, 401, 429, 401, 429]
    assert simulator.verdicts() == ["ok", "no_client_id", "early", "no_client_id", "blocked"]


def test_each_client_id_has_its_own_window(start):
    simulator = start(window_seconds=30)
    assert [simulator.ask(client=name).status for name in ("a", "b", "a", "c")] == [200, 200, 429, 200]


def test_the_penalty_counts_down_and_is_not_prolonged(start):
    simulator = start()
    wire = simulator.wire()
    wire.ask()
    first = wire.ask()
    assert (first.status, first.body) == (429, '{"error":"Aguarde 2000ms"}')
    assert first.fields["content-type"] == "application/json; charset=utf-8"
    assert (first.fields["retry-after"], first.fields["x-ratelimit-reset-in"]) == ("2", "2000")
    block_ns = simulator.log()[1]["ns"]
    for after_ms in (300, 514, 1000, 1900):
        wait_until_ns(block_ns + after_ms * MS)
        answer = wire.ask()
        entry = simulator.log()[-1]
        rest_ns = block_ns + 2 * SECOND - entry["ns"]
        rest_ms = -(-rest_ns // MS)
        assert answer.status == 429 and entry["verdict"] == "blocked" and entry["rest_ns"] == rest_ns
        assert answer.body == '{"error":"Aguarde %dms"}' % rest_ms
        assert answer.fields["x-ratelimit-reset-in"] == str(rest_ms)
        assert answer.fields["retry-after"] == ("%g" % (rest_ms / 1000))
    wait_until_ns(block_ns + 2 * SECOND)
    assert wire.ask().status == 200


def test_delay_answers_the_early_one_late_and_opens_the_next_window_with_it(start):
    simulator = start(penalty="delay", window_seconds=1.5, penalty_seconds=0.7)
    wire = simulator.wire()
    wire.ask()
    late = wire.ask(cpf=OTHER_CPF)
    arrival_ns = simulator.log()[1]["ns"]
    assert late.status == 200 and "111.444.777-35" in late.body
    assert late.fields["x-ratelimit-reset-in"] == "1500"
    assert 700 * MS <= late.first_ns - arrival_ns < 2 * SECOND
    wait_until_ns(arrival_ns + 1550 * MS)
    assert simulator.verdicts() == ["ok", "early"]
    again = wire.ask()  # the first window is over, the one that the late answer opened is not
    assert again.status == 200
    entry = simulator.log()[2]
    assert entry["verdict"] == "early" and again.first_ns - entry["ns"] >= 700 * MS
    wait_until_ns(entry["ns"] + 2200 * MS)
    wire.ask()
    assert simulator.verdicts()[-1] == "ok"


def test_a_burst_of_several_per_window(start):
    simulator = start("--burst", "3", "--window-seconds=30")
    answers = [simulator.ask() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.fields["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.fields["x-ratelimit-limit"] for answer in answers} == {"3"}


# ---- time ------------------------------------------------------------------------------------------------

def judge_again(entries, window_ns, penalty_ns):
    """The rule of the limiter, once more, over the times of the log."""
    end_ns = blocked_ns = 0
    verdicts = []
    for entry in entries:
        if entry["ns"] < blocked_ns:
            verdicts.append("blocked")
        elif entry["ns"] < end_ns:
            verdicts.append("early")
            blocked_ns, end_ns = entry["ns"] + penalty_ns, 0
        else:
            verdicts.append("ok")
            end_ns = entry["ns"] + window_ns
    return verdicts


@pytest.mark.parametrize("faults", ["", "forward_ms=5&forward_jitter_ms=30&backward_jitter_ms=10",
                                    "forward_jitter_ms=3&forward_distribution=pareto&service_ms=2"])
def test_every_verdict_follows_from_the_logged_times(start, faults):
    simulator = start(window_seconds=0.02, penalty_seconds=0.03, faults=faults)
    bounds = {}

    def client(number):
        chance = random.Random(number)
        wire = Wire(simulator.port)
        for i in range(60):
            attempt = f"{number}.{i}"
            answer = wire.ask(attempt=attempt)
            bounds[attempt] = (wire.sent_ns, answer.first_ns, answer.status)
            wait_until_ns(time.monotonic_ns() + chance.choice((0, 5, 15, 20, 40)) * MS)
        wire.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = simulator.log()
    assert len(entries) == len(bounds) == 180
    times = [entry["ns"] for entry in entries]
    assert times == sorted(times)
    assert [entry["verdict"] for entry in entries] == judge_again(entries, 20 * MS, 30 * MS)
    assert {entry["verdict"] for entry in entries} == {"ok", "early", "blocked"}
    for before, entry in zip(entries, entries[1:]):
        assert entry["gap_ns"] == entry["ns"] - before["ns"]
    for entry in entries:
        sent_ns, first_ns, status = bounds[entry["attempt"]]
        assert sent_ns + entry["forward_ns"] <= entry["ns"] <= first_ns - entry["backward_ns"]
        assert status == (200 if entry["verdict"] == "ok" else 429)
    state = simulator.state()
    assert state["min_gap_ns"] == min(entry["gap_ns"] for entry in entries[1:])
    assert state["accepted"] + state["rejected"] == state["arrivals"] == 180


def test_the_window_is_exact_at_a_steady_pace(start):
    """A pace of exactly the window after each arrival is never early; the judge adds nothing of its own."""
    simulator = start(window_seconds=0.02)
    wire = simulator.wire()
    wire.ask()
    for since in range(50):
        last = simulator.log(since)[-1]["ns"]
        wait_until_ns(last + 20 * MS)
        assert wire.ask().status == 200


def test_latency_delays_the_arrival_and_the_answer(start):
    simulator = start(faults="forward_ms=60&backward_ms=40&service_ms=20")
    wire = simulator.wire()
    answer = wire.ask()
    entry = simulator.log()[0]
    assert 60 * MS <= entry["ns"] - wire.sent_ns < SECOND
    assert 60 * MS <= answer.first_ns - entry["ns"] < SECOND
    assert entry["forward_ns"] >= 60 * MS and entry["backward_ns"] == 60 * MS


def test_requests_of_one_connection_do_not_overtake(start):
    simulator = start(window_seconds=0, faults="forward_jitter_ms=30&backward_jitter_ms=30")
    wire = simulator.wire()
    for burst in range(4):
        wire.send(b"".join(request(attempt=f"{burst}.{i}") for i in range(10)))
        for _ in range(10):
            assert wire.answer().status == 200
    assert [entry["attempt"] for entry in simulator.log()] == [f"{b}.{i}" for b in range(4) for i in range(10)]


def test_the_same_seed_gives_the_same_delays(start):
    def delays(seed):
        simulator = start(window_seconds=0, seed=seed, faults="backward_jitter_ms=5")
        wire = simulator.wire()
        for _ in range(5):
            wire.ask()
        return [entry["backward_ns"] for entry in simulator.log()]

    assert delays(7) == delays(7) != delays(8)


@pytest.mark.parametrize("offset_ms,status", [(1900, 200), (0, 429), (-1900, 429)])
def test_a_clock_ahead_ends_windows_early(start, offset_ms, status):
    simulator = start(window_seconds=2)
    simulator.faults(f"clock_offset_ms={offset_ms}")
    wire = simulator.wire()
    wire.ask()
    wait_until_ns(simulator.log()[0]["ns"] + 150 * MS)
    assert wire.ask().status == status


def test_a_clock_behind_ends_windows_late(start):
    simulator = start(window_seconds=0.1, faults="clock_offset_ms=-3000")
    wire = simulator.wire()
    wire.ask()
    wait_until_ns(simulator.log()[0]["ns"] + 150 * MS)
    assert wire.ask().status == 429


# ---- faults ----------------------------------------------------------------------------------------------

def test_a_status_in_the_place_of_the_answer(start):
    simulator = start(window_seconds=30)
    simulator.faults("status=503&retry_after=1.5&reset_in=1500")
    wire = simulator.wire()
    answer = wire.ask()
    assert (answer.status, answer.fields["retry-after"], answer.fields["x-ratelimit-reset-in"]) == (503, "1.5", "1500")
    assert "x-ratelimit-limit" not in answer.fields
    assert [(entry["verdict"], entry["fault"]) for entry in simulator.log()] == [("ok", "status=503")]
    simulator.faults("reset=1")
    assert wire.ask().status == 429  # the faulty one had cost its slot


def test_a_stall_is_logged_and_never_answered(start):
    simulator = start(window_seconds=0, faults="stall=1&count=1")
    stalled = simulator.wire()
    stalled.send(request(attempt="a.1"))
    assert [(e["attempt"], e["fault"]) for e in simulator.arrived(1)] == [("a.1", "stall")]
    assert simulator.ask().status == 200
    assert select.select([stalled.socket], [], [], 0.1)[0] == []
    stalled.socket.shutdown(socket.SHUT_WR)
    assert stalled.socket.recv(1) == b""


@pytest.mark.parametrize("forward_ms", [0, 100])
def test_a_stalled_client_that_pipelined_too_much_is_seen_leaving(start, forward_ms):
    simulator = start(window_seconds=0, faults=f"stall=1&forward_ms={forward_ms}")
    wire = simulator.wire()
    wire.send(request() * 200)
    simulator.arrived(64)
    wire.close()
    wait_for(lambda: simulator.state()["connections"]["open"] == 1, "its connection is closed")


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("count", [0, 1, 30, 100000])
def test_a_cut_answer(start, how, count):
    simulator = start(window_seconds=0, faults=f"cut_bytes={count}&cut_with={how}&count=1")
    wire = simulator.wire()
    wire.send(request())
    seen, ended = b"", None
    while ended is None:
        try:
            data = wire.socket.recv(65536)
            seen, ended = seen + data, None if data else "fin"
        except ConnectionResetError:
            ended = "rst"
    assert ended == how
    assert len(seen) == count if count < 100 else seen.endswith(b"308\"}")
    assert simulator.log()[0]["fault"] == f"cut={count}/{how}"
    assert simulator.ask().status == 200


def test_garbage_is_no_http(start):
    simulator = start(faults="garbage=1")
    wire = simulator.wire()
    wire.send(request())
    with pytest.raises(EOFError):
        while True:
            wire.more()
    assert len(wire.read) == 64 and not wire.read.startswith(b"HTTP")


def test_a_dripping_answer(start):
    simulator = start(faults="drip_bytes=60&drip_ms=20")
    wire = simulator.wire()
    answer = wire.ask()
    pieces = (len(OK_BODY.encode()) + 200) // 60
    assert answer.body == OK_BODY
    assert time.monotonic_ns() - answer.first_ns >= (pieces - 1) * 20 * MS


def test_connection_close(start):
    wire = start(faults="connection_close=1").wire()
    assert wire.ask().fields["connection"] == "close"
    with pytest.raises(EOFError):
        wire.more()


def test_an_idle_connection_is_closed_silently(start):
    simulator = start(window_seconds=0, faults="close_after_ms=400")
    wire = simulator.wire()
    assert wire.ask().fields["connection"] == "keep-alive"
    wait_until_ns(time.monotonic_ns() + 100 * MS)
    answer = wire.ask()  # a request in between starts the time anew
    with pytest.raises(EOFError):
        wire.more()
    assert 400 * MS <= time.monotonic_ns() - answer.first_ns < 5 * SECOND


def test_a_fault_for_the_next_requests_only(start):
    simulator = start(window_seconds=0)
    state = simulator.faults("status=502&count=2")
    assert state["passing_left"] == 2 and state["passing_faults"]["status"] == 502 and state["faults"]["status"] == 0
    assert [simulator.ask().status for _ in range(3)] == [502, 502, 200]


@pytest.mark.parametrize("form,name", [("nonsense=1", "nonsense"), ("status=200", "status"), ("stall=1&cut_bytes=x",
                                       "cut_bytes"), ("forward_ms=-5", "forward_ms"), ("=1", "")])
def test_a_bad_fault_is_named_and_changes_nothing(start, form, name):
    simulator = start()
    before = simulator.state()["faults"]
    assert simulator.control("POST", f"faults?{form}", status=400) == {"error": "bad fault", "name": name}
    assert simulator.state()["faults"] == before


def test_faults_may_come_in_the_body(start):
    simulator = start()
    wire = simulator.wire()
    wire.send(b"PUT /control/faults HTTP/1.1\r\nContent-Length: 19\r\n\r\nstatus=500&count=10")
    assert json.loads(wire.answer().body)["passing_left"] == 10


def test_what_was_sent_arrives_although_its_sender_has_left(start):
    simulator = start(faults="forward_ms=400")
    for name, leave in (("fin", Wire.close), ("rst", Wire.reset)):
        wire = Wire(simulator.port)
        wire.send(request(client=name, attempt=name))
        wait_for(lambda: simulator.state()["in_progress"] == 1, "the request is under way")
        leave(wire)
        wait_for(lambda: simulator.state()["in_progress"] == 0, "it is through")
    assert [(entry["attempt"], entry["verdict"]) for entry in simulator.log()] == [("fin", "ok"), ("rst", "ok")]
    assert simulator.state()["connections"]["open"] == 1


# ---- the log and the control -----------------------------------------------------------------------------

def test_the_log_hides_cpfs_and_long_client_ids(start, tmp_path):
    path = tmp_path / "arrivals.jsonl"
    simulator = start(window_seconds=0, log=path)
    secret = "a-long-client-id-that-may-be-a-secret"
    simulator.ask(client=secret, attempt='job"1\\.2')
    simulator.ask(cpf=OTHER_CPF, method="HEAD", attempt="x" * 200)
    simulator.ask(target="/elsewhere?cpf=" + CPF, client='"')
    entries = simulator.log()
    assert [json.loads(line) for line in path.read_text().splitlines()] == entries
    text = path.read_text()
    for hidden in (CPF, "529.982.247", OTHER_CPF, secret):
        assert hidden not in text
    assert [entry["cpf"] for entry in entries] == ["***.***.***-25", "***.***.***-35", "***.***.***-25"]
    assert entries[0]["client"].startswith("#") and len(entries[0]["client"]) == 17
    assert entries[0]["attempt"] == "job?1?.2" and entries[1]["attempt"] == "x" * 71
    assert [entry["method"] for entry in entries] == ["GET", "HEAD", "GET"]
    assert entries[2]["client"] == "?"


def test_the_log_is_read_in_pieces_and_bounded(start):
    simulator = start(window_seconds=0, log_entries=10)
    wire = simulator.wire()
    for i in range(25):
        wire.ask(attempt=str(i))
    page = simulator.control("GET", "log?since=3&limit=4")
    assert page["lost"] == 12 and [entry["seq"] for entry in page["entries"]] == [16, 17, 18, 19]
    page = simulator.control("GET", f"log?since={page['last']}")
    assert page["lost"] == 0 and [entry["attempt"] for entry in page["entries"]] == [str(i) for i in range(19, 25)]
    assert simulator.control("GET", "log?since=25") == {"lost": 0, "entries": [], "last": 25}
    simulator.control("GET", "log?since=x", status=400)


def test_reset_clears_log_counters_and_windows(start, tmp_path):
    simulator = start(window_seconds=30, log=tmp_path / "log", faults="service_ms=1")
    assert [simulator.ask().status for _ in range(2)] == [200, 429]
    state = simulator.control("POST", "reset")
    assert (state["arrivals"], state["min_gap_ns"], state["rejected"]) == (0, None, 0)
    assert state["faults"]["service_ms"] == 1 and simulator.log() == []
    assert simulator.ask().status == 200
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line.get("verdict", "reset") for line in lines] == ["ok", "early", "reset", "ok"]


def test_the_control_refuses_what_it_does_not_know(start):
    simulator = start()
    simulator.control("GET", "nothing", status=404)
    simulator.control("GET", "reset", status=405)
    simulator.control("POST", "state", status=405)
    assert simulator.state()["arrivals"] == 0


@pytest.mark.parametrize("page,mine", [("http://localhost:5001", True), ("http://[::1]:5001", True), ("http://evil.example", False),
                                       ("http://localhost.evil.example", False), ("null", False)])
def test_the_control_is_for_pages_of_this_host_alone(start, page, mine):
    """The dashboard shows and sets faults; a page from elsewhere, open in the same browser, must not."""
    simulator = start()

    def asks(method, target):
        answer = simulator.ask(target=target, method=method, client=None, extra=f"Origin: {page}\r\nAccess-Control-Request-Method: POST\r\n")
        assert answer.fields.get("access-control-allow-origin") == (page if mine else None)
        return answer

    assert asks("GET", "/control/state").status == (200 if mine else 403)
    assert asks("POST", "/control/faults?stall=1").status == (200 if mine else 403)
    assert simulator.state()["faults"]["stall"] == mine
    preflight = asks("OPTIONS", "/control/faults")
    assert preflight.status == (200 if mine else 403)
    assert ("POST" in preflight.fields.get("access-control-allow-methods", "")) == mine
    assert simulator.state()["arrivals"] == 0


# ---- sockets and limits ----------------------------------------------------------------------------------

def test_byte_by_byte(start):
    wire = start().wire()
    for byte in request():
        wire.send(bytes([byte]))
    assert wire.answer().body == OK_BODY


def test_more_pipelined_requests_than_it_takes_at_once(start):
    simulator = start(window_seconds=0, faults="service_ms=5")
    wire = simulator.wire()
    wire.send(b"".join(request(attempt=str(i)) for i in range(300)))
    assert [wire.answer().status for _ in range(300)] == [200] * 300
    assert [entry["attempt"] for entry in simulator.log()] == [str(i) for i in range(300)]


def test_half_closed_clients_get_their_answers(start):
    wire = start(faults="service_ms=50").wire()
    wire.send(request())
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 200
    with pytest.raises(EOFError):
        wire.more()


@pytest.mark.parametrize("bytes_,status", [
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nX: " + b"x" * 70000, 413),
    (b"POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
])
def test_what_is_malformed_or_too_large(start, bytes_, status):
    simulator = start(window_seconds=0)
    wire = simulator.wire()
    wire.send(request())
    assert wire.answer().status == 200
    try:
        wire.send(bytes_)
        answer = wire.answer()
        assert answer.status == status and answer.fields["connection"] == "close"
    except ConnectionError:
        assert len(bytes_) > 65536  # it closed while this was still being sent
    assert simulator.state()["malformed"] == 1 and simulator.state()["arrivals"] == 1
    assert simulator.ask().status == 200


def test_connections_are_bounded(start):
    simulator = start(max_connections=3, window_seconds=0)
    wires = [simulator.wire() for _ in range(2)]
    for wire in wires:
        wire.ask()
    third, fourth = simulator.wire(), simulator.wire()
    third.ask()
    with pytest.raises((EOFError, ConnectionResetError)):
        fourth.more()
    third.close()
    state = wait_for(lambda: try_state(simulator), "room for one more")
    assert state["connections"]["refused"] >= 1


def try_state(simulator):
    try:
        return simulator.state()
    except (EOFError, ConnectionError):
        return None


def test_clients_with_an_open_window_are_bounded(start):
    simulator = start(max_clients=2, window_seconds=1)
    assert [simulator.ask(client=name).status for name in "abc"] == [200, 200, 503]
    assert simulator.verdicts() == ["ok", "ok", "overloaded"]
    wait_until_ns(simulator.log()[1]["ns"] + SECOND)
    assert simulator.ask(client="c").status == 200


def test_thousands_of_requests_a_second(start):
    simulator = start(window_seconds=0)
    wire = simulator.wire()
    batch = request() * 50
    began, done = time.monotonic(), 0
    while done < 10000:
        wire.send(batch)
        done += 50
        while wire.read.count(b"O score") < 50:
            wire.more()
        wire.read = b""
    assert done / (time.monotonic() - began) > 5000
    assert simulator.state()["arrivals"] == done


# ---- start and end ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("name,value", [
    ("PORT", "70000"), ("PORT", "http"), ("WINDOW_SECONDS", "-1"), ("WINDOW_SECONDS", "1s"), ("BURST", "0"),
    ("BURST", "1.5"), ("PENALTY", "later"), ("PENALTY_SECONDS", "0"), ("FAULTS", "nonsense=1"), ("SEED", "x"),
    ("LOG", "/no/such/directory/log"), ("BIND", "300.1.1.1"), ("MAX_CLIENTS", "0"),
])
def test_a_bad_option_stops_the_start_and_is_named(name, value):
    environment = os.environ | {"SIMULATOR_PORT": "0", f"SIMULATOR_{name}": value}
    run = subprocess.run([program("sluice-simulator")], env=environment, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1 and run.stdout == ""
    assert f"SIMULATOR_{name}" in run.stderr


@pytest.mark.parametrize("flags", [["--window"], ["--port"], ["--port=x"], ["stray"], ["--no-such=1"], ["--"]])
def test_a_bad_flag_stops_the_start(flags):
    run = subprocess.run([program("sluice-simulator"), *flags], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1 and run.stdout == "" and flags[0].split("=")[0] in run.stderr


def test_help_lists_options_and_faults():
    run = subprocess.run([program("sluice-simulator"), "--help"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0
    assert "SIMULATOR_WINDOW_SECONDS" in run.stdout and "forward_jitter_ms" in run.stdout


def test_it_tells_its_supervisor_that_it_is_ready():
    readable, writable = os.pipe()
    process = subprocess.Popen([program("sluice-simulator"), "--port=0"], pass_fds=[writable], text=True,
                               stdout=subprocess.PIPE, env=os.environ | {"NOTIFY_FD": str(writable)})
    os.close(writable)
    assert os.read(readable, 10) == b"\n"
    assert process.stdout.readline().startswith("READY simulator port=")
    assert os.read(readable, 10) == b""
    os.close(readable)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_a_port_in_use_is_an_error(start):
    simulator = start()
    run = subprocess.run([program("sluice-simulator"), f"--port={simulator.port}"], capture_output=True, text=True,
                         timeout=20)
    assert run.returncode == 1 and "SIMULATOR_PORT" in run.stderr


def test_sigterm_ends_it_in_the_middle_of_everything(start):
    simulator = start(window_seconds=0, faults="forward_ms=30000&count=3")
    for wire in [simulator.wire() for _ in range(3)]:
        wire.send(request() * 2)
    simulator.arrived(0)
    began = time.monotonic()
    simulator.process.send_signal(signal.SIGTERM)
    assert simulator.process.wait(timeout=PATIENCE) == 0
    assert time.monotonic() - began < 2
