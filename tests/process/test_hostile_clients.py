"""test_hostile_clients.py - clients that dawdle, flood, break off or speak something else, at the gateway and at the
dashboard's port: each gets a definite answer or is cut by a limit, which is counted; the process lives on in bounded memory,
and a normal client goes on."""
import collections
import contextlib
import os
import time

import client
import cpf
import pytest
from rude import Rude, get
from stack import Stack, wait_for

SEND, READ, IDLE = 1.0, 1.0, 1.5  # the limits, in seconds
LATE = 5.0  # on a busy machine
ALL, OF_ONE = 120, 40  # connections
STREAMS = 4
FACES = ["gateway", "metricsd"]
CUTS = ["send", "read", "idle", "room", "buffers"]
REFUSED = ["connections_full", "client_connections"]
GROWTH_KB = 64 * 1024
LIMITS = {"CLIENT_SEND_SECONDS": SEND, "CLIENT_READ_SECONDS": READ, "CLIENT_IDLE_SECONDS": IDLE, "CLIENT_BUFFERS_MB": 8,
          "GATEWAY_CONNECTIONS": ALL, "GATEWAY_CLIENT_CONNECTIONS": OF_ONE, "METRICSD_CONNECTIONS": ALL - STREAMS,
          "STREAMS_MAX": STREAMS, "RATE_LIMIT_SECONDS": 0.02, "ASAN_OPTIONS": "quarantine_size_mb=4", "LOG_LEVEL": "info"}


expected = collections.Counter()


class Face:
    """One HTTP face of a stack, and what it counts."""

    def __init__(self, stack, name, port=None):
        self.stack, self.name = stack, name
        self.process = stack.processes[name]
        self.port = port or self.process.port
        self.of_one = OF_ONE if name == "gateway" else ALL - ALL // 4

    def rude(self, data=b"", **how):
        peer = Rude(self.port, **how)
        peer.send(data)
        return peer

    def value(self, key):
        return self.stack.state()["values"][f"{self.name.split('-')[0]}.{key}"]

    def counts(self, **more):
        """So many more must have been counted when all tests have been: the numbers come once a second only."""
        for name, count in more.items():
            key = f'connections_cut_total{{limit="{name}"}}' if name in CUTS else name
            key = f'connections_refused_total{{reason="{name}"}}' if name in REFUSED else key
            expected[self.name, key] += count

    def serves(self):
        assert client.ask(self.port, "/livez").status == 200


@pytest.fixture(name="house", scope="module")
def house_of_the_module():
    with Stack(**LIMITS) as stack:
        before = {name: stack.processes[name].memory_kb() for name in FACES}
        yield stack
        for (name, key), count in expected.items():
            face = Face(stack, name)
            wait_for(lambda face=face, key=key, count=count: face.value(key) >= count, f"{name} has counted {count} of {key}")
        for name in FACES:
            wait_for(lambda name=name: Face(stack, name).value("connections") <= 1, "the hostile ones have gone")
            wait_for(lambda name=name: Face(stack, name).value("connections_buffered_bytes") == 0, "nothing is held for them")
        grown = {name: stack.processes[name].memory_kb("VmHWM") - before[name] for name in FACES}
        assert max(grown.values()) < GROWTH_KB, grown


@pytest.fixture(name="face", params=FACES)
def each_face(house, request):
    face = Face(house, request.param)
    pid = face.process.popen.pid
    yield face
    face.serves()
    assert face.process.running() and face.process.popen.pid == pid


@pytest.fixture(name="gateway")
def gateway_alone(house):
    return Face(house, "gateway")


def in_time(peer, limit):
    assert limit * 0.9 <= peer.seconds <= limit + LATE, peer.seconds


# --- who dawdles

def dawdle(face, peers, text=b"1"):
    """All send a byte now and then until all have an answer; others are served meanwhile."""
    while not all(peer.answered(0.02 / len(peers)) for peer in peers):
        for peer in peers:
            peer.send(text)
        face.serves()


BODIES = [b"POST /admin/pause HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{",
          b"POST /admin/pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nea60\r\n"]


def test_slow_senders_are_cut(face):
    """A byte now and then does not prolong the time for the whole, wherever the request stands."""
    starts = [b"GET /", b"GET /livez?", b"GET /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: "]
    starts += BODIES if face.name == "gateway" else []
    peers = [face.rude(start) for start in starts]
    dawdle(face, peers)
    for peer in peers:
        status, fields, body = peer.answer()
        in_time(peer, SEND)
        assert (status, fields["connection"]) == (408, "close") and b"did not come in time" in body
        assert peer.read_all() == b""
    face.counts(send=len(starts))


def test_who_holds_its_body_back_is_cut(gateway):
    with gateway.rude(BODIES[0].replace(b"Host", b"Expect: 100-continue\r\nHost")[:-1]) as peer:
        assert peer.answer()[0] == 100
        assert peer.answer()[0] == 408
        in_time(peer, SEND)
    gateway.counts(send=1)


def test_empty_lines_are_no_request(face):
    """Not even those that come for ever."""
    with face.rude(b"\r\n") as peer:
        dawdle(face, [peer], b"\r\n")
        assert peer.answer()[0] in (400, 408)
        assert peer.seconds < SEND + LATE


def there_are_metrics(face):
    """Long ones: the gateway must have heard of them first."""
    wait_for(lambda: client.ask(face.port, "/metrics").status == 200, "there are metrics")


def test_slow_readers_are_cut(face):
    """Nothing is taken, or a byte now and then: both are reset, and what waited for them is let go."""
    there_are_metrics(face)
    peers = [face.rude(get("/metrics") * 40, receive_bytes=2048) for _ in range(2)]
    for peer in peers:
        while not peer.was_reset():
            assert peer.seconds < READ + LATE, "it is still there"
            peers[0].read(1)
            face.serves()
        assert peer.seconds >= READ * 0.9
    face.counts(read=2)
    wait_for(lambda: face.value("connections_buffered_bytes") == 0, "nothing is held for them")


def test_idle_connections_are_ended(face):
    peers = [face.rude(), face.rude(get("/livez")), face.rude(get("/livez", "Connection: keep-alive", version="1.0"))]
    for peer in peers[1:]:
        assert peer.answer()[0] == 200
    for peer in peers:
        assert peer.read_all() == b"" and peer.end == "fin"
        in_time(peer, IDLE)
    face.counts(idle=3)


# --- who floods

def test_one_client_cannot_have_all_connections(face):
    """Beyond its share it is told so, and others are served as ever."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(face.rude(b"GET /livez HT", source="127.0.0.7")) for _ in range(face.of_one + 60)]
        with face.rude(get("/livez"), source="127.0.0.8") as other:
            assert other.answer()[0] == 200
        told = []
        for peer in peers[face.of_one:]:
            status, fields, body = peer.answer()
            if status:
                told.append((status, fields["retry-after"], b'"reason":"client_connections"' in body))
            else:
                assert peer.end == "fin" or peer.end == "rst"
        assert told and set(told) == {(503, "1", True)}
        assert {peer.answer()[0] for peer in peers[:face.of_one]} == {408}, "those within the limit were let in"
    face.counts(client_connections=60, send=face.of_one)
    with face.rude(get("/livez"), source="127.0.0.7") as again:
        assert again.answer()[0] == 200


def crowd(face, stack, data):
    """As many as may be, of many clients, a few each."""
    limit = face.value("connections_limit")
    return [stack.enter_context(face.rude(data, source=f"127.1.{i // 10}.1")) for i in range(limit)]


def test_beyond_the_limit_there_is_a_reason_and_then_a_place(face):
    face.serves()
    face.counts(connections_full=1, send=1)
    with contextlib.ExitStack() as stack:
        crowd(face, stack, b"GET /livez HT")

        def full():
            with face.rude(get("/livez"), source="127.2.0.1") as one:
                status, _, body = one.answer()
                return status == 503 and b'"reason":"connections_full"' in body
        assert wait_for(full, "it is full")

        def room():
            with face.rude(get("/livez"), source="127.2.0.1") as one:
                return one.answer()[0] == 200
        wait_for(room, "their time is over")


def test_who_idles_makes_room_for_who_asks(face):
    """A crowd of idle connections is no reason to refuse anybody: the one that has idled for longest goes."""
    face.counts(room=1)
    with contextlib.ExitStack() as stack:
        peers = crowd(face, stack, b"")

        def served():
            with face.rude(get("/livez"), source="127.2.0.1") as one:
                return one.answer()[0] == 200
        began = time.monotonic()
        wait_for(served, "there is room")
        assert time.monotonic() - began < LATE
        assert peers[0].read_all() == b"" and peers[0].end == "fin"


def test_streams_have_a_limit_of_their_own(house):
    face = Face(house, "metricsd")
    with contextlib.ExitStack() as stack:
        for _ in range(STREAMS):
            with_ = stack.enter_context(face.rude(get("/api/stream")))
            wait_for(lambda peer=with_: b"200 OK" in peer.held or not peer.read(), "it streams")
        status, _, body = stack.enter_context(face.rude(get("/api/stream"))).answer()
        assert status == 503 and b"STREAMS_MAX" in body
        face.serves()


BOMBS = [
    (414, b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n"),
    (414, b"GET /" + b"x" * 100_000),
    (431, get("/livez", "A: " + "x" * 1_000_000)),
    (431, get("/livez", "A" * 100_000 + ": b")),
    (431, get("/livez", *(f"A{i}: {'x' * 1000}" for i in range(60)))),
    (431, get("/livez", *["A: b"] * 2000)),
    (413, b"PUT /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 500_000),
    (413, b"PUT /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * 500_000),
    (400, b"PUT /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;" + b"x" * 500_000),
    (431, b"PUT /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: bbbbbbbb\r\n" * 50_000),
]


def test_bombs_are_refused(face):
    for wanted, bomb in BOMBS:
        with face.rude(bomb) as peer:
            status, fields, _ = peer.answer()
            assert (status, fields["connection"]) == (wanted, "close"), bomb[:80]
            assert peer.read_all() == b""
    face.counts(http_refused_total=len(BOMBS))


def test_unfinished_requests_have_a_bound_together(gateway):
    """Half of CLIENT_BUFFERS_MB is theirs, and who comes with a whole request needs none of it."""
    gateway.counts(buffers=8)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(gateway.rude(BODIES[0] + b"x" * 50_000, source=f"127.3.0.{1 + i // 10}")) for i in range(80)]
        gateway.serves()
        assert gateway.stack.ask(cpf.make(7001)).status == 200
        ends = [peer.answer()[0] for peer in peers]
        assert 8 <= ends.count(0) < len(peers) and set(ends) == {0, 408}


def test_ten_thousand_requests_on_one_connection(gateway):
    """All are answered, in their order, in the memory of a few."""
    hit = gateway.stack.target(cpf.make(7000))
    assert gateway.stack.get(hit).status == 200
    pattern = [(hit, 200), ("/nothing", 404), ("/livez", 200), ("/proxy/score?cpf=1", 400), (hit, 200)]
    asked = b"".join(get(path) for path, _ in pattern)
    before_kb = gateway.process.memory_kb()
    with gateway.rude() as peer:
        statuses = peer.exchange(asked * 2000, 10_000)
    assert statuses == [status for _, status in pattern] * 2000
    assert gateway.process.memory_kb() - before_kb < 8 * 1024


def test_ten_thousand_requests_that_nobody_reads(gateway):
    hit = gateway.stack.target(cpf.make(7000))
    gateway.stack.get(hit)
    before_kb = gateway.process.memory_kb()
    gateway.counts(read=1)
    with gateway.rude(receive_bytes=2048) as peer:
        peer.socket.settimeout(READ + LATE)
        peer.send(get(hit) * 10_000)
        while not peer.was_reset():
            assert peer.seconds < 2 * READ + LATE
            gateway.serves()
    assert gateway.process.memory_kb() - before_kb < 8 * 1024


def test_requests_that_wait_are_answered_in_their_order(gateway):
    """Behind one that waits, others may come: hits do not overtake it."""
    hit = gateway.stack.target(cpf.make(7000))
    gateway.stack.get(hit)
    targets = [target for i in range(20) for target in (gateway.stack.target(cpf.make(7100 + i)), hit, "/nothing")]
    with gateway.rude(b"".join(map(get, targets))) as peer:
        answers = [peer.answer() for _ in targets]
    assert [status for status, _, _ in answers] == [200, 200, 404] * 20
    assert ["hit" in fields.get("cache-status", "") for _, fields, _ in answers] == [False, True, False] * 20


# --- who breaks off

PARTS = {"before a request": b"", "in the line": b"GET /li", "in the fields": b"GET /livez HTTP/1.1\r\nHost:",
         "in the body": BODIES[0], "in a chunk": BODIES[1]}


@pytest.fixture(name="patient", scope="module")
def gateway_that_heeds_no_fin(house):
    """Another gateway of the same stack, for which a half-closed client has not left."""
    process = house.spawn_gateway(ABORT_ON_FIN=0)
    yield Face(house, "gateway-2", process.port)


def either(house, patient, abort):
    return Face(house, "gateway") if abort else patient


@pytest.mark.parametrize("abort", [1, 0])
@pytest.mark.parametrize("part", PARTS)
def test_half_closed_within_a_request(house, patient, abort, part):
    """There is nothing to answer, whatever the policy."""
    face = either(house, patient, abort)
    with face.rude(PARTS[part]) as peer:
        peer.fin()
        assert peer.read_all() == b"" and peer.end == "fin"
        assert peer.seconds < LATE
    face.serves()


@pytest.mark.parametrize("abort", [1, 0])
def test_half_closed_while_it_waits(house, patient, abort):
    """By the policy it has left, and no slot is spent on it; or it gets its answer."""
    face, number = either(house, patient, abort), cpf.make(7200 + abort)
    with house.paused():
        gone = face.value("clients_gone_total")
        peer = face.rude(get(house.target(number)))
        wait_for(lambda: house.queued() == 1, "it waits")
        peer.fin()
        if abort:
            wait_for(lambda: house.queued() == 0, "it has left")
            assert peer.read_all() == b""
            wait_for(lambda: face.value("clients_gone_total") == gone + 1, "it is counted")
        else:
            face.serves()
            assert house.queued() == 1
    if not abort:
        assert peer.answer()[0] == 200
        assert peer.read_all() == b"" and peer.end == "fin"
        assert face.value("clients_gone_total") == gone


@pytest.mark.parametrize("abort", [1, 0])
def test_half_closed_while_its_answer_is_sent(house, patient, abort):
    """What it has asked for is sent, for it may be read: all that came before its end."""
    face = either(house, patient, abort)
    there_are_metrics(face)
    with face.rude(get("/metrics") * 40, receive_bytes=4096) as peer:
        assert peer.answered(LATE)
        peer.fin()
        assert peer.statuses() == [200] * 40
        assert peer.end == "fin"


@pytest.mark.parametrize("part", PARTS)
def test_reset_within_a_request(face, part):
    peer = face.rude(PARTS[part])
    peer.rst()
    face.serves()


def test_reset_while_it_waits(gateway):
    gateway.counts(clients_gone_total=5)
    with gateway.stack.paused():
        peers = [gateway.rude(get(gateway.stack.target(cpf.make(7300 + i)))) for i in range(5)]
        wait_for(lambda: gateway.stack.queued() == 5, "they wait")
        for peer in peers:
            peer.rst()
        wait_for(lambda: gateway.stack.queued() == 0, "they have left")


def test_reset_while_its_answer_is_sent(face):
    there_are_metrics(face)
    peers = [face.rude(get("/metrics") * 40, receive_bytes=2048) for _ in range(5)]
    for peer in peers:
        assert peer.answered(LATE)
        peer.rst()


def test_reset_of_a_stream(house):
    face = Face(house, "metricsd")
    peer = face.rude(get("/api/stream"))
    wait_for(lambda: face.value("streams") == 1, "it streams")
    peer.rst()
    wait_for(lambda: face.value("streams") == 0, "it has left")


# --- who speaks something else

HELLO_TLS = bytes.fromhex("16030100c8010000c40303") + bytes(194)
OK = 200
REFUSALS = {400, 413, 414, 417, 431, 501, 505}  # of what is no good HTTP; others come from who understood it
SPEECH = [
    ("absolute-form", get("http://elsewhere/livez"), [OK]),
    ("absolute-form of another scheme", get("https://elsewhere:99/livez"), None),
    ("asterisk for OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("asterisk for GET", get("*"), [400]),
    ("CONNECT", b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n" + HELLO_TLS, [501]),
    ("upgrade to a web socket", get("/livez", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), [OK]),
    ("upgrade to HTTP/2", get("/livez", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), [OK]),
    ("HTTP/1.0", get("/livez", version="1.0") + get("/livez", version="1.0"), [OK]),
    ("HTTP/1.0, kept", get("/livez", "Connection: keep-alive", version="1.0") + get("/livez", version="1.0"), [OK, OK]),
    ("HTTP/0.9", b"GET /livez\r\n\r\n", [400]),
    ("HTTP/3.0", get("/livez", version="3.0"), [505]),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), [505]),
    ("TLS", HELLO_TLS, [400]),
    ("nothing", b"", []),
    ("garbage", b"\x00\xff\x80garbage" * 1000, [400]),
    ("a million zeros", bytes(1_000_000), [400]),
    ("a file", os.urandom(100_000), None),
    ("SMTP", b"EHLO a\r\nMAIL FROM:<a@b>\r\n", [400]),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", [400]),
    ("a proxy's word", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get("/livez"), [400]),
    ("an unknown expectation", get("/livez", "Expect: miracles"), [417]),
    ("a body that is too long and expected", b"PUT /livez HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n",
     [413]),
]


@pytest.mark.parametrize("data, wanted", [pytest.param(*rest, id=what) for what, *rest in SPEECH])
def test_a_definite_answer_to_everything(face, data, wanted):
    """And, once its client has no more to say, the end. What follows a refusal is never taken for a request."""
    with face.rude(data) as peer:
        peer.fin()
        statuses = peer.statuses()
        assert statuses == wanted if wanted is not None else len(statuses) == 1
        assert peer.end == "fin" and peer.held == b"" and peer.seconds < LATE
    face.counts(http_refused_total=sum(status in REFUSALS for status in statuses))


def test_who_expects_to_be_told_is_told(gateway):
    with gateway.stack.paused():
        body = b'{"policy":"fifo"}'
        head = b"PUT /admin/policy HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        with gateway.rude(head) as peer:
            assert peer.answer()[0] == 100
            peer.send(body)
            assert peer.answer()[0] == 200
        with gateway.rude(head + body) as peer:
            assert peer.answer()[0] == 200, "who sends it along is not told"
        with gateway.rude(head.replace(b"1.1\r", b"1.0\r") + body) as peer:
            assert peer.answer()[0] == 200, "HTTP/1.0 knows no such thing"
