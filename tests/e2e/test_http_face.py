"""test_http_face.py - the HTTP face on raw sockets: each oddity gets the right status, and the process lives on.

By default against httpd_echo (from SLUICE_BIN, else build/dev/bin); the tables also run against any server on
HTTP_FACE_PORT whose HTTP_FACE_PATH (/livez) answers GET with 200.
"""
import os
import select
import socket
import time

import pytest
from face import CHUNKED, END, HEAD, LINE, OVERSIZED, PATH, PATIENCE, PUT, REFUSALS, TABLE, Echo, Peer, get, judge, rows

FOREIGN = os.environ.get("HTTP_FACE_PORT")

echo_only = pytest.mark.skipif(bool(FOREIGN), reason="needs a path that waits, and the numbers of httpd_echo")


@pytest.fixture(scope="module")
def echo():
    with Echo(ECHO_HEAD_MS=2000) as server:
        yield server


@pytest.fixture(scope="module")
def port(request):
    return int(FOREIGN) if FOREIGN else request.getfixturevalue("echo").port


@pytest.fixture(autouse=True)
def still_alive(request):
    yield
    if "port" in request.fixturenames:
        with Peer(request.getfixturevalue("port")) as peer:
            peer.send(get(PATH))
            assert peer.answer().status == 200


@pytest.mark.parametrize("data, want", rows(TABLE))
def test_each_right_status(port, data, want):
    with Peer(port) as peer:
        peer.send(data)
        judge(peer, want)


@pytest.mark.parametrize("data, want", rows(TABLE))
def test_byte_by_byte(port, data, want):
    with Peer(port) as peer:
        peer.send(data[:600], piece=1)
        judge(peer, want)


@pytest.mark.parametrize("data, want", rows(OVERSIZED))
def test_oversized(port, data, want):
    """The whole of it is sent, and the refusal can be read all the same: no reset destroys it."""
    with Peer(port) as peer:
        peer.send(data)
        judge(peer, want)


def test_keep_alive(port):
    with Peer(port) as peer:
        for _ in range(3):
            peer.send(HEAD + END)
            assert peer.answer().status == 200
        peer.send(HEAD + b"Connection: close\r\n" + END)
        assert peer.answer().fields["connection"] == "close"
        assert peer.ended()


def test_http_1_0_closes_unless_asked_to_stay(port):
    line = b"GET %s HTTP/1.0\r\n" % PATH.encode()
    with Peer(port) as peer:
        peer.send(line + b"Connection: keep-alive\r\n\r\n")
        assert peer.answer().fields["connection"] == "keep-alive"
        peer.send(line + END)
        assert peer.answer().fields["connection"] == "close"
        assert peer.ended()


def test_head_has_no_body(port):
    with Peer(port) as peer:
        peer.send(HEAD.replace(b"GET", b"HEAD") + END + HEAD + END)
        head, get = peer.answer("HEAD"), peer.answer()
        assert head.status == get.status == 200
        assert int(head.fields["content-length"]) > 0
        assert get.body


def test_ten_thousand_pipelined(port):
    """9112, 9.3.2; the last one asks for the end, so that all that was sent can be read until then."""
    with Peer(port) as peer:
        rest = memoryview((HEAD + END) * 9_999 + HEAD + b"Connection: close\r\n" + END)
        peer.socket.setblocking(False)
        open_still = True
        while open_still:
            readable, writable, _ = select.select([peer.socket], [peer.socket] if rest else [], [], PATIENCE)
            assert readable or writable
            if writable:
                rest = rest[peer.socket.send(rest[:65536]):]
            if readable:
                open_still = peer.read()
        assert peer.held.count(b"HTTP/1.1 200 OK\r\n") == 10_000


def test_pipelined_behind_a_refusal(port):
    """Requests before the bad one are answered, in order; those after it never."""
    with Peer(port) as peer:
        peer.send((HEAD + END) * 2 + LINE + END + (HEAD + END) * 2)
        assert [peer.answer().status for _ in range(3)] == [200, 200, 400]
        assert peer.ended()


def test_expect_100_continue(port):
    """RFC 9110, 10.1.1: told to go on while the body is held back, and not bothered when it came along."""
    head = PUT + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with Peer(port) as peer:
        peer.send(head)
        assert peer.answer().status == 100
        peer.send(b"abc")
        assert peer.answer().status not in REFUSALS
    with Peer(port) as peer:
        peer.send(head + b"abc")
        assert peer.answer().status not in REFUSALS | {100}
    with Peer(port) as peer:
        peer.send(head.replace(b": 3", b": 99999999"))
        assert peer.answer().status == 413


def test_half_closed_clients_get_their_answers(port):
    with Peer(port) as peer:
        peer.send((HEAD + END) * 3)
        peer.socket.shutdown(socket.SHUT_WR)
        assert [peer.answer().status for _ in range(3)] == [200] * 3
        assert peer.ended()


def test_leaving_amid_a_request(port):
    for data in (b"", b"G", LINE, HEAD, PUT + b"Content-Length: 3\r\n\r\na", CHUNKED + b"3\r\na"):
        with Peer(port) as peer:
            peer.send(data)
            peer.socket.shutdown(socket.SHUT_WR)
            assert peer.ended()
        reset = Peer(port)
        reset.send(data)
        reset.reset()


@echo_only
def test_slow_senders_are_timed_out(port):
    """RFC 9110, 15.5.9: a byte now and then does not prolong the time for the whole."""
    with Peer(port) as slow, Peer(port) as body:
        started = time.monotonic()
        body.send(PUT + b"Content-Length: 3\r\n\r\na")
        while not select.select([slow.socket], [], [], 0.2)[0]:
            slow.send(b"G")
            assert time.monotonic() < started + 6, "it still listens"
        assert slow.answer().status == 408
        assert body.answer().status == 408
        assert time.monotonic() > started + 2


@echo_only
def test_resets_while_waiting_are_noticed(echo):
    before = echo.stats()["gone_total"]
    peers = [Peer(echo.port) for _ in range(20)]
    for peer in peers:
        peer.send(get("/wait"))
    requests = echo.stats()["requests_total"]
    assert requests >= 20
    started = time.monotonic()
    for peer in peers:
        peer.reset()
    echo.wait_stats(lambda stats: stats["gone_total"] == before + 20)
    assert time.monotonic() - started < 1


@echo_only
def test_half_closed_clients_wait_by_default(echo):
    before = echo.stats()["gone_total"]
    with Peer(echo.port) as peer:
        peer.send(get("/wait"))
        peer.socket.shutdown(socket.SHUT_WR)
        for _ in range(20):
            assert echo.stats()["gone_total"] == before
        peer.reset()
        echo.wait_stats(lambda stats: stats["gone_total"] == before + 1)


@echo_only
def test_answers_from_the_loop_keep_the_order(port):
    with Peer(port) as peer:
        peer.send((get("/later") + get("/now")) * 50)
        for _ in range(50):
            assert peer.answer().body == b"later\n"
            assert b"/now" in peer.answer().body


@echo_only
def test_a_slow_reader_gets_it_all(port):
    with Peer(port) as peer:
        peer.send(get("/big") + get("/now"))
        assert len(peer.answer().body) == 8 * 1024 * 1024
        assert b"/now" in peer.answer().body


@echo_only
def test_who_is_ended():
    with Echo(ECHO_ABORT_ON_FIN=1, ECHO_IDLE_MS=200, ECHO_WRITE_MS=200) as echo:
        with Peer(echo.port) as peer:
            peer.send(get("/wait"))
            peer.socket.shutdown(socket.SHUT_WR)
            echo.wait_stats(lambda stats: stats["gone_total"] == 1)
        with Peer(echo.port) as idle, Peer(echo.port) as stuck:
            stuck.send(get("/big"))
            assert idle.ended()
            echo.wait_stats(lambda stats: stats["timed_out_total"] == 1)


@echo_only
def test_too_many_connections():
    with Echo(ECHO_CONNECTIONS=3) as echo:
        waiting = [Peer(echo.port) for _ in range(3)]
        for peer in waiting:
            peer.send(get("/wait"))
        with Peer(echo.port) as peer:
            assert peer.answer().status == 503
            assert peer.ended()
        for peer in waiting:
            peer.reset()
        end = time.monotonic() + PATIENCE
        status = 503
        while status == 503 and time.monotonic() < end:
            with Peer(echo.port) as peer:
                peer.send(get("/now"))
                status = peer.answer().status
        assert status == 200


@echo_only
def test_drain():
    """SIGTERM: the listener is closed, what is under way is answered, with the word that it is the end."""
    with Echo() as echo, Peer(echo.port) as idle, Peer(echo.port) as half:
        idle.send(get("/now"))
        assert idle.answer().status == 200
        half.send(HEAD)
        echo.wait_stats(lambda stats: stats["connections"] >= 3)
        echo.terminate()
        assert idle.ended()
        half.send(END)
        assert half.answer().fields["connection"] == "close"
        assert half.ended()
        with pytest.raises(ConnectionRefusedError):
            Peer(echo.port)
