"""test_rfc9112.py - the rules of rules.py, tried on the real processes: clients on raw sockets before the gateway, a provider on a
raw socket behind the fetcher. conftest.py prints which rule holds by which test."""
import contextlib
import itertools
import json
import random
import re
import select
import socket
import ssl
import threading

import client
import cpf
import pytest
import smuggling
from face import CHUNKED, END, HEAD, LINE, OVERSIZED, PATH, PUT, REFUSALS, TABLE, Echo, Peer, get, judge
from provider import BODY, CUT, RawProvider, Tap, chunked, response
from rules import RULES
from stack import Stack, wait_for
from tls_front import make_certificates

rules = pytest.mark.rules
numbers = itertools.count(600_000)  # of CPFs, so that no answer comes from the cache
LIMITS = {
    "RATE_LIMIT_SECONDS": 0.01, "RATE_LIMIT_BURST": 2, "EXTERNAL_API_TIMEOUT": 15, "UPSTREAM_LOW_SPEED_SECONDS": 1, "UPSTREAM_LOW_SPEED_BYTES": 1000,
    "CIRCUIT_BREAKER_FAIL_MAX": 100000, "RETRY_MAX": 0, "HOLD_MAX_SECONDS": 0.1, "RESPONSE_MAX_BYTES": 4096,
    "CORS_ORIGINS": "http://page.example", "ABORT_ON_FIN": 0,
}
FORGED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\nforged"
APPLICATION_DATA = 23
TLS_TYPES = {20, 21, 22, APPLICATION_DATA}
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@pytest.fixture(name="provider", scope="module")
def provider_of_the_module():
    with RawProvider() as provider:
        yield provider


@pytest.fixture(name="stack", scope="module")
def stack_of_the_module(provider):
    with Stack(simulator=False, UPSTREAM_URL=provider.url, **LIMITS) as stack:
        yield stack


@pytest.fixture(autouse=True)
def still_alive(request):
    """After each test a client is served, and the provider was left no answer that a later test would get."""
    yield
    if "stack" in request.fixturenames:
        assert score(request.getfixturevalue("stack")).body == BODY
        assert request.getfixturevalue("provider").answers.empty()


def fresh():
    """A target that no cache has."""
    return f"/proxy/score?cpf={cpf.make(next(numbers))}"


def exchange(port, data, to="GET"):
    with Peer(port) as peer:
        peer.send(data)
        return peer.answer(to)


def score(stack, target=None, fields=b"", version=b"1.1"):
    return exchange(stack.port, b"GET %s HTTP/%s\r\nHost: a\r\n%s\r\n" % ((target or fresh()).encode(), version, fields))


def reason(answer):
    """Ours, if it is not the provider's answer."""
    problem = answer.fields.get("content-type") == "application/problem+json"
    return answer.status, json.loads(answer.body)["reason"] if problem else None


def told(stack, provider, answer, then="keep"):
    """What a client gets when the provider answers so, and the connection that it came over."""
    provider.answer_next(answer, then)
    got = score(stack)
    return got, provider.connections[provider.requests[-1].connection]


def silent(peer):
    """Nothing comes for a while."""
    return not select.select([peer.socket], [], [], 0.1)[0]


MALFORMED = (502, "upstream_malformed")


# --- the gateway as a server: rows of face.py

FACES = {what: (data, want) for _, what, data, want in TABLE + OVERSIZED}
ROWS = [pytest.param(*FACES[what], id=f"{rule.number} {what}", marks=rules(rule.number)) for rule in RULES for what in rule.faces]


@pytest.mark.parametrize("data, want", ROWS)
def test_face(stack, data, want):
    with Peer(stack.port) as peer:
        peer.send(data)
        judge(peer, want)


def test_the_gateway_reads_as_httpd_echo(stack):
    """What tests/e2e/llhttp compares is the gateway's own server: as many answers, and the same refusal, to a part of its cases."""
    with Echo() as echo:
        for case in [*smuggling.FOUND, *random.Random(1).sample(smuggling.systematic(), 250)]:
            assert statuses(stack.port, case) == statuses(echo.port, case), case


def statuses(port, case):
    """One for each request that was taken, and the last if it is a refusal."""
    with Peer(port) as peer:
        peer.send(case)
        peer.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while peer.read():
                pass
    found = re.findall(rb"HTTP/1\.1 (\d+) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n", peer.held)
    refused = [status for status, fields in found if int(status) in REFUSALS and b"Connection: close" in fields]
    return len(found), refused[-1:]


# --- section 2

@rules("2.2a")
@pytest.mark.parametrize("text", ["\u560a", "\u010a", "\u2028", "\x85"])
def test_no_character_but_lf_ends_a_line(stack, text):
    """Some of them have LF in their number, one ends a line in Unicode: none hides a Host."""
    assert exchange(stack.port, LINE + f"A: {text}Host: a\r\n\r\n".encode()).status == 400
    assert exchange(stack.port, HEAD + f"A: {text}b\r\n\r\n".encode()).status == 200


@rules("2.2c")
@pytest.mark.parametrize("raw", [response(b"ETag: a\rb"), response(status=b"200 O\rK"), chunked(b"3;a\r=b\r\nabc", b"0")],
                         ids=["field", "status line", "chunk extension"])
def test_a_bare_cr_of_the_provider_goes_no_further(stack, provider, raw):
    answer, _ = told(stack, provider, raw)
    assert reason(answer) == MALFORMED or b"\r" not in answer.raw.replace(b"\r\n", b"")


@rules("2.2h")
def test_the_provider_begins_its_fields_with_white_space(stack, provider):
    answer, _ = told(stack, provider, response().replace(b"\r\n", b"\r\n ", 1))
    assert answer.status == 502


@rules("2.3a")
def test_our_own_version_goes_both_ways(stack, provider):
    provider.answer_next(response(version=b"1.0"))
    answer = score(stack, version=b"1.0")
    assert provider.requests[-1].line.endswith(b" HTTP/1.1")
    assert answer.status == 200 and answer.raw.startswith(b"HTTP/1.1 200 ")


# --- section 3

@rules("3c")
def test_a_request_line_of_8000_octets(stack):
    line = b"GET %s?%s HTTP/1.1\r\n" % (PATH.encode(), b"x" * (8000 - len(PATH) - 16))
    assert len(line) >= 8000
    assert exchange(stack.port, line + b"Host: a\r\n\r\n").status == 200


@rules("2.2b", "2.2d", "2.2g", "3.2b", "3.2c", "3.2.1a", "5.2a", "6.1h", "6.3k", "7.4a", "7.4b", "9.3.1a", "9.6a", "9110 7.6.1", "9110 7.6.3")
def test_what_the_provider_is_sent(stack, provider):
    target = fresh()
    score(stack, target, b"TE: chunked\r\nTransfer-Encoding: chunked\r\nConnection: te, x-a\r\nX-A: b\r\n\r\n0\r\n")
    asked = provider.requests[-1]
    assert asked.line == b"GET /api/score?cpf=%s HTTP/1.1" % target.split("=")[1].encode()
    assert asked.fields["host"] == provider.authority and asked.fields["via"] == b"1.1 sluice"
    assert not asked.fields.keys() & {"te", "transfer-encoding", "content-length", "connection", "x-a"}
    for connection in provider.connections:
        heads = connection.raw.split(b"\r\n\r\n")
        assert heads.pop() == b"", "something stands behind the last request"
        for head in heads:
            check_head(head, rb"GET /\S+ HTTP/1\.1")


@rules("3.2.2c", "3.2.2d")
def test_neither_host_of_a_client_reaches_the_provider(stack, provider):
    for target in (fresh(), f"http://target.example{fresh()}"):
        assert exchange(stack.port, f"GET {target} HTTP/1.1\r\nHost: field.example\r\n\r\n".encode()).status == 200
        assert provider.requests[-1].fields["host"] == provider.authority


@rules("3.2.2e")
def test_the_host_of_the_target_counts(stack):
    """/admin answers to sure names of this host alone."""
    def ask(target, host):
        return exchange(stack.port, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status

    assert (ask("/admin/policy", "localhost"), ask("/admin/policy", "b.example")) == (200, 403)
    assert ask("http://localhost/admin/policy", "b.example") == 200
    assert ask("http://b.example/admin/policy", "localhost") == 403


# --- sections 4 and 5

@rules("4a")
def test_a_status_without_a_reason_keeps_its_space(stack, provider):
    answer, _ = told(stack, provider, response(status=b"299 "))
    assert answer.raw.startswith(b"HTTP/1.1 299 \r\n")


@rules("5.1b")
@pytest.mark.parametrize("field", [b"X-A : b", b"ETag : b", b"Content-Type\t: text/html"])
def test_the_provider_has_white_space_before_a_colon(stack, provider, field):
    answer, connection = told(stack, provider, response(field))
    assert reason(answer) == MALFORMED
    assert connection.ended.wait(20)


@rules("5.2c")
@pytest.mark.parametrize("field", [b"X-A: b\r\n c", b"ETag: b\r\n\tc", b"Content-Type: text/html\r\n  ; charset=utf-8"])
def test_the_provider_folds_a_line(stack, provider, field):
    answer, _ = told(stack, provider, response(field))
    assert reason(answer) == MALFORMED


# --- sections 6 and 7: how a message is framed

@rules("6.1a", "7.1a", "7.1.1a")
def test_chunks_of_a_client_are_joined(stack):
    for policy in ("fair", "fifo"):
        first, rest = b'{"pol', b'icy":"%s"}' % policy.encode()
        body = b"%x\r\n%s\r\n%X;a=b;c=\"d;\\\"e\"\r\n%s\r\n000;last\r\n\r\n" % (len(first), first, len(rest), rest)
        answer = exchange(stack.port, CHUNKED.replace(PATH.encode(), b"/admin/policy").replace(b"Host: a", b"Host: localhost") + body)
        assert (answer.status, json.loads(answer.body)["policy"]) == (200, policy)


@rules("6.1a", "7.1a", "7.1.1a")
def test_chunks_of_the_provider_are_joined(stack, provider):
    answer, _ = told(stack, provider, chunked(b"5;a=b\r\n" + BODY[:5], b"8;c=\"d;e\"\r\n" + BODY[5:], b"00;last"))
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.fields["content-length"] == str(len(BODY))


@rules("7.1b")
@pytest.mark.parametrize("size", [b"1000000000000000d", b"8000000000000000", b"ffffffffffffffff", b"ffffffff00000000d"])
def test_large_chunks_of_the_provider(stack, provider, size):
    answer, connection = told(stack, provider, chunked(size + b"\r\n" + BODY, b"0"))
    assert answer.status == 502
    assert connection.ended.wait(20)


@rules("6.1l", "6.3c")
@pytest.mark.parametrize("raw", [chunked(b"d\r\n" + BODY, b"0", version=b"1.0"),
                                 chunked(b"d\r\n" + BODY, b"0").replace(b"Transfer", b"Content-Length: 13\r\nTransfer"),
                                 chunked(b"d\r\n" + BODY, b"0").replace(b"chunked\r\n", b"chunked\r\nContent-Length: 13\r\n")],
                         ids=["HTTP/1.0", "length first", "length last"])
def test_doubtful_chunks_of_the_provider(stack, provider, raw):
    answer, connection = told(stack, provider, raw)
    assert reason(answer) == MALFORMED
    assert connection.ended.wait(20)


@rules("6.3a", "9110 9.3.2")
def test_no_body_where_none_can_be(stack, provider):
    """What the fields announce does not come, and what comes instead is the next answer."""
    early = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 500\r\n\r\n"
    for raw, status in [(early + response(), 200), (response(status=b"204 No Content", body=b"")[:-4] + b"\r\nETag: a\r\n\r\n", 204),
                        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", 304)]:
        answer, connection = told(stack, provider, raw)
        assert answer.status == status
        assert score(stack).body == BODY
    head = b"HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n" % fresh().encode()
    with Peer(stack.port) as peer:
        peer.send(head + HEAD + END)
        assert int(peer.answer("HEAD").fields["content-length"]) == len(BODY)
        assert json.loads(peer.answer().body)["status"] == "ok"


@rules("6.3e", "6.3g")
@pytest.mark.parametrize("length", [b"13, 14", b"13\r\nContent-Length: 14", b"+13", b"-13", b"0x0d", b"1 3", b"13x", b"",
                                    b"18446744073709551629"])
def test_the_provider_has_an_invalid_length(stack, provider, length):
    answer, connection = told(stack, provider, response().replace(b"Length: 13", b"Length: " + length))
    assert reason(answer) == MALFORMED
    assert connection.ended.wait(20)


@rules("6.3i")
def test_a_body_of_a_client_ends_early(stack):
    """All of the order is there, but one byte less than announced: it must not be obeyed."""
    order = b'{"policy":"priority"}'
    head = b"PUT /admin/policy HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (len(order) + 1)
    with Peer(stack.port) as peer:
        peer.send(head + order)
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.ended()
    assert stack.get("/admin/policy").json()["policy"] == "fifo"


@rules("6.3i", "9.5a")
def test_a_body_of_a_client_stalls():
    """On httpd_echo, which is the gateway's server with a shorter patience. Not reset: the 408 can be read, then comes FIN."""
    with Echo(ECHO_HEAD_MS=500, ECHO_IDLE_MS=1000) as echo, Peer(echo.port) as stalled, Peer(echo.port) as idle:
        stalled.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc")
        idle.send(get("/"))
        assert idle.answer().status == 200 and idle.ended()
        assert stalled.answer().status == 408 and stalled.ended()
        assert stalled.held == b""


INCOMPLETE = {
    "length": (response().replace(b": 13", b": 14"), CUT),
    "length, stalled": (response().replace(b": 13", b": 14"), "keep"),
    "amid a chunk": (chunked(b"d\r\n" + BODY)[:-4], CUT),
    "no last chunk": (chunked(b"d\r\n" + BODY)[:-2], CUT),
    "no end of trailers": (chunked(b"d\r\n" + BODY, b"0", trailers=b"A: b\r\n")[:-2], CUT),
    "a chunk that is none": (chunked(b"xyz\r\n" + BODY, b"0"), "keep"),
    "a chunk longer than its size": (chunked(b"c\r\n" + BODY, b"0"), "keep"),
    "head": (response()[:40], CUT),
}


@rules("6.3i", "8a")
@pytest.mark.parametrize("how", INCOMPLETE)
def test_an_incomplete_response_is_neither_passed_nor_stored(stack, provider, how):
    provider.answer_next(*INCOMPLETE[how])
    target = fresh()
    answer = score(stack, target)
    assert answer.status in (502, 504) and BODY not in answer.body
    assert provider.connections[provider.requests[-1].connection].ended.wait(20)
    before = len(provider.requests)
    assert score(stack, target).body == BODY
    assert len(provider.requests) == before + 1, "it came from the cache"


@rules("6.3l", "9.2b")
@pytest.mark.parametrize("then", ["with it", "later"])
def test_what_follows_a_response_is_none(stack, provider, then):
    target = fresh()
    if then == "with it":
        provider.answer_next(response() + FORGED)
    answer = score(stack, target)
    if then == "later":
        stream = provider.connections[provider.requests[-1].connection].stream
        with contextlib.suppress(OSError):  # closed by then, if it was not kept
            stream.sendall(FORGED)
    assert answer.body == BODY
    for again in (target, fresh(), fresh()):
        assert score(stack, again).body == BODY


@rules("7.1.2a", "7.1.2b")
def test_trailers_of_a_client_are_no_headers(stack):
    """In the head this Origin is that of a foreign page."""
    head = b"PUT /admin/policy HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n%s\r\n11\r\n{\"policy\":\"fifo\"}\r\n0\r\n%s\r\n"
    foreign = b"Origin: http://b.example\r\n"
    assert exchange(stack.port, head % (foreign, b"")).status == 403
    with Peer(stack.port) as peer:
        for _ in range(2):
            peer.send(head % (b"", foreign))
            assert peer.answer().status == 200


@rules("7.1.2a", "7.1.2b")
def test_trailers_of_the_provider_are_no_headers(stack, provider):
    """In the head these would be passed on, keep the answer out of the cache, and be an error."""
    trailers = b"ETag: trailed\r\nCache-Control: no-store\r\nContent-Length: 5\r\nConnection: close\r\n"
    provider.answer_next(chunked(b"d\r\n" + BODY, b"0", trailers=trailers))
    target = fresh()
    answer = score(stack, target)
    assert answer.body == BODY and not answer.fields.keys() & {"etag", "cache-control"}
    before = len(provider.requests)
    assert score(stack, target).body == BODY and len(provider.requests) == before


# --- section 9: connections

@rules("9.2a")
def test_each_response_goes_to_its_request(stack, provider):
    """Two requests at once: the first is answered when the second has come, too."""
    both = threading.Barrier(2)

    def when_both_are_here(body):
        def answer():
            both.wait(20)
            return response(body=body)
        return answer

    bodies = [b'{"first":1}', b'{"second":2}']
    for body in bodies:
        provider.answer_next(when_both_are_here(body))
    before = len(provider.requests)
    got = client.ask_all(stack.port, [fresh(), fresh()])
    pair = {request.line.split()[1].split(b"=")[1]: request.connection for request in provider.requests[before:]}
    assert len(pair) == 2 and len(set(pair.values())) == 2, "one connection, one request at a time"
    assert sorted(answer.body for answer in got) == bodies


@rules("9.3a", "9.3h")
def test_who_stays_connected(stack):
    """The last one asks for both: close wins."""
    for version, said, stays in [(b"1.1", b"", True), (b"1.1", b"Connection: keep-alive\r\n", True), (b"1.1", b"Connection: close\r\n", False),
                                 (b"1.0", b"", False), (b"1.0", b"Connection: keep-alive\r\n", True),
                                 (b"1.0", b"Connection: keep-alive, close\r\n", False)]:
        with Peer(stack.port) as peer:
            for _ in range(2 if stays else 1):
                peer.send(HEAD.replace(b"1.1", version) + said + END)
                assert peer.answer().status == 200
            assert stays or peer.ended()


@rules("9.3f")
def test_an_http_1_0_client_stays_only_when_it_asks_for_it(stack):
    with Peer(stack.port) as peer:
        peer.send(HEAD.replace(b"1.1", b"1.0") + b"Proxy-Connection: keep-alive\r\n" + END)
        assert peer.answer().fields["connection"] == "close" and peer.ended()


@rules("9.3d")
def test_a_body_that_nobody_wants_is_read(stack):
    inner = get("/nowhere")
    with Peer(stack.port) as peer:
        peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(inner) + inner + get("/admin/nowhere"))
        assert [peer.answer().status for _ in range(2)] == [200, 403]
        peer.send(HEAD + END)
        assert peer.answer().status == 200, "and nothing in between"


@rules("9.3e")
@pytest.mark.parametrize("raw", [response(body=b'{"a":"' + b"x" * 5000 + FORGED), chunked(b"1388\r\n" + b"x" * 5000 + FORGED)],
                         ids=["length", "chunks"])
def test_a_body_too_long_to_be_read_ends_its_connection(stack, provider, raw):
    answer, connection = told(stack, provider, raw)
    assert reason(answer) == (502, "upstream_too_large")
    assert connection.ended.wait(20)
    assert score(stack).body == BODY


@rules("9.3g")
def test_the_connection_to_the_provider_is_kept(stack, provider):
    score(stack)
    before = len(provider.requests)
    for _ in range(3):
        score(stack)
    assert len({request.connection for request in provider.requests[before:]}) == 1


@rules("9.3.2a")
def test_pipelined_requests_are_answered_in_order(stack, provider):
    """The slowest is the first: all behind it could be answered at once."""
    later = threading.Event()

    def slow():
        assert later.wait(20)
        return response(body=b'{"slow":1}')

    provider.answer_next(slow)
    with Peer(stack.port) as peer:
        peer.send(get(fresh()) + get(PATH) + get("/nowhere") + get(fresh()))
        wait_for(provider.answers.empty, "the first has come to the provider")
        assert silent(peer)
        later.set()
        got = [peer.answer() for _ in range(4)]
    assert [answer.status for answer in got] == [200, 200, 404, 200]
    assert (got[0].body, got[3].body) == (b'{"slow":1}', BODY)


@rules("9.6b", "9.6c", "9.6g")
def test_close_is_obeyed(stack, provider):
    last, beyond = fresh(), fresh()
    with Peer(stack.port) as peer:
        peer.send(get(PATH) + f"GET {last} HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n".encode() + get(beyond))
        assert "connection" not in peer.answer().fields
        answer = peer.answer()
        assert answer.body == BODY and answer.fields["connection"] == "close"
        assert peer.ended(), "and nothing of the third"
    assert not asked_for(provider, beyond)


@rules("9.6d", "9.6e", "9.6g")
@pytest.mark.parametrize("bad", [b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", LINE + END, HEAD + b"Expect: more\r\n" + END])
def test_our_own_close_is_meant(stack, provider, bad):
    beyond = fresh()
    with Peer(stack.port) as peer:
        peer.send(bad + get(beyond))
        assert peer.answer().fields["connection"] == "close"
        assert peer.ended()
    assert not asked_for(provider, beyond)


def asked_for(provider, target):
    number = target.split("=")[1].encode()
    return [request for request in provider.requests if number in request.raw]


@rules("9.6f")
def test_close_of_the_provider_is_obeyed(stack, provider):
    answer, connection = told(stack, provider, response(b"Connection: x, Close"))
    assert answer.body == BODY
    assert connection.ended.wait(20), "it is for the client to close, too"
    score(stack)
    assert provider.requests[-1].connection != connection.number


@rules("9.5b")
def test_who_leaves_is_let_go(stack, provider):
    """Between two requests, within one, and while it waits for its answer: half-closed it may stay for that."""
    target = fresh()
    left = threading.Event()
    provider.answer_next(lambda: left.wait(20) and response())
    with Peer(stack.port) as idle, Peer(stack.port) as amid, Peer(stack.port) as waiting:
        idle.send(get(PATH))
        assert idle.answer().status == 200
        amid.send(LINE)
        waiting.send(get(target))
        wait_for(provider.answers.empty, "it has come to the provider")
        for peer in (idle, amid, waiting):
            peer.socket.shutdown(socket.SHUT_WR)
        assert idle.ended() and amid.ended()
        left.set()
        assert waiting.answer().body == BODY and waiting.ended()


# --- all that the gateway sends

def check_head(head, first):
    """No line end but CR LF, nothing folded, each line a field. Gives the fields."""
    lines = head.split(b"\r\n")
    assert b"\r" not in b"".join(lines) and b"\n" not in b"".join(lines)
    assert re.fullmatch(first, lines[0]), lines[0]
    fields = [line.split(b":", 1) for line in lines[1:]]
    assert all(TOKEN.fullmatch(name) for name, _ in fields), lines
    return [(name.lower(), value.strip()) for name, value in fields]


def tour(stack, provider):
    """One answer of each kind."""
    yield from (exchange(stack.port, data) for data in [
        get("/livez"), get("/"), get("/nowhere"), get("/metrics"), get("/admin/queue"), get("/proxy/score"), get("/jobs/nowhere"),
        HEAD.replace(b"1.1", b"1.0") + END, b"\x00", get("/livez").replace(b"GET", b"PUT"), LINE + END, CHUNKED + b"x\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        b"OPTIONS /proxy/score HTTP/1.1\r\nHost: a\r\nOrigin: http://page.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"])
    yield exchange(stack.port, HEAD.replace(b"GET", b"HEAD") + END, "HEAD")
    yield score(stack, fields=b"Prefer: respond-async\r\n")
    yield score(stack, fields=b"Request-Timeout: 0\r\n")
    yield score(stack, fields=b"Cache-Control: only-if-cached\r\n")
    for raw in (response(), response(b"ETag: \xe9", b"Via: 1.0 b"), response(status=b"404 Not\tFound"), response(status=b"500 "),
                response(status=b"204 No Content", body=b""), chunked(b"d\r\n" + BODY, b"0"), b"garbage\r\n\r\n",
                response(b"Location: /b\r\nVary: a, b", status=b"302 Found")):
        yield told(stack, provider, raw)[0]


@rules("2.2b", "2.2g", "2.3b", "5.2a", "6.1b", "6.1d", "6.1e", "6.2a", "6.3m", "9110 6.6.1", "9110 8.6", "9110 15.5.6")
def test_what_clients_are_sent(stack, provider):
    got = list(tour(stack, provider))
    assert {200, 202, 204, 302, 400, 404, 405, 500, 501, 502, 503, 504} <= {answer.status for answer in got}
    for answer in got:
        check_framing(answer)
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.fields["date"])
        assert answer.status != 405 or answer.fields["allow"]


def check_framing(answer):
    fields = check_head(answer.raw.split(b"\r\n\r\n")[0], rb"HTTP/1\.1 \d{3} [\t -~\x80-\xff]*")
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    assert codings in ([], [b"chunked"])
    assert len(lengths) + len(codings) == (0 if answer.status in (100, 204, 304) else 1)


@rules("6.1e", "9110 8.6", "9110 10.1.1a", "9110 10.1.1b")
def test_who_expects_to_go_on_is_told_so(stack):
    with Peer(stack.port) as peer:
        peer.send(PUT + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert peer.answer().raw == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.send(b"abc")
        assert peer.answer().status == 405


@rules("9110 10.1.1c", "9110 15.2")
def test_http_1_0_expects_nothing(stack):
    for expected in (b"100-continue", b"miracles"):
        with Peer(stack.port) as peer:
            peer.send(PUT.replace(b"1.1", b"1.0") + b"Expect: " + expected + b"\r\nContent-Length: 3\r\n\r\n")
            assert silent(peer)
            peer.send(b"abc")
            assert peer.answer().status == 405


@rules("9110 7.8a", "9110 7.8b")
def test_the_protocol_stays(stack):
    for version in (b"1.0", b"1.1"):
        upgrade = b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n"
        assert exchange(stack.port, HEAD.replace(b"1.1", version) + upgrade).status == 200


@rules("9110 7.6.1")
def test_what_connection_names_stays_here(stack, provider):
    answer, _ = told(stack, provider, response(b"ETag: a", b"Connection: etag, x-b", b"X-B: c", b"Vary: d"))
    assert not answer.fields.keys() & {"etag", "x-b", "connection"} and b"\r\nVary: d\r\n" in answer.raw


@rules("9110 15.5.2")
def test_who_has_no_token_is_told_what_is_wanted(stack):
    gateway = stack.spawn_gateway(ADMIN_TOKEN="token")
    answer = exchange(gateway.port, get("/admin/policy"))
    assert (answer.status, answer.fields["www-authenticate"]) == (401, 'Bearer realm="sluice"')


@rules("6.1b", "6.1d", "6.1i", "6.2a")
def test_a_stream_has_chunks_for_who_knows_them(stack):
    """metricsd's stream of events, the only answers without a length."""
    for version, codings in [(b"1.1", "chunked"), (b"1.0", None)]:
        with Peer(stack.metricsd_port) as peer:
            peer.send(b"GET /api/stream HTTP/%s\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n" % version)
            answer = peer.answer()
            assert answer.status == 200 and answer.fields["connection"] == "close"
            assert answer.fields.get("transfer-encoding") == codings and "content-length" not in answer.fields
            while b"\n\n" not in peer.held:
                assert peer.read()
            assert bool(re.match(rb"[0-9a-f]+\r\n", peer.held)) == (version == b"1.1")


# --- other ways to the provider; last, since each needs a fetcher of its own

@contextlib.contextmanager
def fetcher_with(stack, **options):
    """Until the end of the block the stack has a fetcher with other options."""
    def fit(more):
        assert stack.processes["fetcher"].stop() == 0
        stack.spawn_again("fetcher", stack.environment | {name: str(value) for name, value in more.items()})

    fit(options)
    try:
        yield
    finally:
        fit({})


@rules("3.2b", "3.2c", "3.2.1b")
def test_a_url_without_a_path(stack, provider):
    with fetcher_with(stack, UPSTREAM_URL=f"http://localhost:{provider.port}"):
        assert score(stack).status == 200
    assert re.fullmatch(rb"GET /\?cpf=\d+ HTTP/1\.1", provider.requests[-1].line)
    assert provider.requests[-1].fields["host"] == b"localhost:%d" % provider.port


@rules("3.2c", "3.2.1b", "3.2.2a", "3.2.2b")
def test_a_proxy_on_the_way(stack, provider):
    proxy = f"http://127.0.0.1:{provider.port}"
    with fetcher_with(stack, UPSTREAM_URL="http://provider.example:81", UPSTREAM_PROXY=proxy):
        assert score(stack).status == 200
    assert re.fullmatch(rb"GET http://provider\.example:81/\?cpf=\d+ HTTP/1\.1", provider.requests[-1].line)
    assert provider.requests[-1].fields["host"] == b"provider.example:81"


@rules("3.2.3a", "6.3b")
def test_a_tunnel_on_the_way(stack, provider):
    """What follows the head of its 200 is TLS, whatever that head says: both sides begin at once."""
    proxy = f"http://127.0.0.1:{provider.port}"
    with fetcher_with(stack, UPSTREAM_URL="https://provider.example/api", UPSTREAM_PROXY=proxy):
        provider.answer_next(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        waiting = client.Waiting(stack.port, fresh())
        wait_for(provider.answers.empty, "CONNECT has come")
        asked = provider.requests[-1]
        assert asked.line == b"CONNECT provider.example:443 HTTP/1.1"
        connection = provider.connections[asked.connection]
        wait_for(lambda: connection.raw[len(asked.raw):].startswith(b"\x16\x03"), "TLS begins")
        waiting.leave_by_rst()


@pytest.fixture(name="secure", scope="module")
def provider_over_tls(tmp_path_factory):
    """And where its authority's certificate is."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # which Python sets
    context.load_cert_chain(folder / "good.pem", folder / "good.key")
    with RawProvider(context) as provider:
        yield provider, folder / "ca.pem"


@rules("9.7a", "9.8a")
def test_tls_carries_it_all_and_is_closed(stack, secure):
    far, authority = secure
    with Tap(far.port) as tap, fetcher_with(stack, UPSTREAM_URL=f"https://localhost:{tap.port}/", UPSTREAM_CA_FILE=authority):
        assert score(stack).body == BODY
        far.answer_next(response(b"Connection: close"))
        assert score(stack).body == BODY
        assert far.connections[-1].ended.wait(20) and far.connections[-1].how == "fin", "it was cut"
        assert {APPLICATION_DATA} < set(tap.records()) <= TLS_TYPES
        assert not any(b"GET" in stream or b"cpf" in stream for stream in tap.streams)


@rules("8b")
def test_a_body_that_only_the_end_of_tls_delimits(stack, secure):
    """It cannot be seen whether it was cut: it may pass, but is not kept."""
    far, authority = secure
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + BODY
    target = fresh()
    with fetcher_with(stack, UPSTREAM_URL=f"https://localhost:{far.port}/", UPSTREAM_CA_FILE=authority):
        before = len(far.requests)
        for _ in range(2):
            far.answer_next(endless, CUT)
            assert score(stack, target).status in (200, 502)
        assert len(far.requests) == before + 2
