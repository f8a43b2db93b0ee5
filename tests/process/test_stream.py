"""test_stream.py - /api/stream of a real sluice-metricsd, read from raw sockets: whole at first, then what changes; nothing
doubled, nothing missing, nobody held up by who does not read."""
import random
import signal
import socket
import time

import pytest

import client
import cpf
import sse
from foreign import SECOND, Metricsd
from stack import START_SECONDS, Stack, wait_for

VOLATILE = {"silent_us", "uptime_us"}


@pytest.fixture
def open_stream(metricsd):
    streams = []

    def open_one(*args, **how):
        streams.append(sse.Stream(int(metricsd.process.ready["port"]), *args, **how))
        return streams[-1]

    yield open_one
    for stream in streams:
        stream.close()


def steady(state):
    """What is the same whenever it is asked for, between two ticks."""
    processes = [{key: value for key, value in process.items() if key not in VOLATILE} for process in state["processes"]]
    return {key: value for key, value in state.items() if key != "events"} | {"processes": processes}


def agree(metricsd, stream, picture):
    """The state, once it is of the same snapshot as the picture, and no view has changed between the two."""
    state = None

    def both():
        nonlocal state
        for message in (stream.take(), *stream.messages):
            picture.take(message)
        stream.messages.clear()
        state = metricsd.state()
        return state["seq"] == picture.state["seq"] and steady(state) == steady(picture.state)

    wait_for(both, "one snapshot, told in two ways", START_SECONDS)
    return state


def follow(stream, picture, until, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        picture.take(stream.take())


def test_state_first_and_deltas_keep_it_true(metricsd, open_stream):
    gateway, scheduler = metricsd.publisher("gateway"), metricsd.publisher("scheduler")
    fetcher = metricsd.publisher("fetcher")
    gateway.totals(requests_total=1)
    metricsd.wait_value("gateway.requests_total", 1)
    stream, picture = open_stream(), sse.Picture()
    first = picture.take(stream.take())
    assert first.event == "state" and stream.retry == 1000
    assert stream.status == 200 and stream.fields["content-type"] == "text/event-stream"
    assert stream.fields["cache-control"] == "no-store"
    assert set(first.data) == set(metricsd.state())
    for step in range(2, 6):
        gateway.totals(requests_total=step, requests_waiting=step % 2)
        gateway.distribution("request_seconds", {40: step}, step * 1000)
        gateway.event("rejected", why="queue_full")
        scheduler.totals(queue_length=10 - step, limiter_interval_seconds=SECOND, limiter_burst=1)
        scheduler.view("queue", b'{"total":%d}' % step)
        fetcher.event("sent", ln="score", at=step)
        follow(stream, picture, lambda: picture.state["values"]["gateway.requests_total"] == step)
        follow(stream, picture, lambda: len(picture.events) == 2 * (step - 1))
    follow(stream, picture, lambda: picture.state["values"]["gateway.request_seconds.count"] == 5)

    state = agree(metricsd, stream, picture)
    assert state["views"]["scheduler.queue"] == {"total": 5} and len(state["slots"]["sent"]) == 4
    assert state["windows"]["1m"]["gateway.request_seconds.count"] > 0
    assert list(picture.events) == [event["id"] for event in reversed(state["events"])]
    history = metricsd.get("/api/history?span=15m").json()
    newest = {name: series[-1] for name, series in history["series"].items()}
    assert picture.points[-1] == {"at_us": history["end_at_us"], "values": newest}
    assert sum(point["values"]["gateway.requests_total"] or 0 for point in picture.points) == 4
    delta = stream.take("delta")
    assert len(delta.data["values"]) < len(state["values"]) / 4  # only what has changed


def test_slots_and_views_do_not_wait_for_the_second(metricsd, open_stream):
    scheduler, fetcher = metricsd.publisher("scheduler"), metricsd.publisher("fetcher")
    scheduler.totals(queue_length=1)
    stream, picture = open_stream(), sse.Picture()
    picture.take(stream.take())
    changes, ticks, step = [], 0, 0
    while ticks < 4:
        step += 1
        scheduler.view("queue", b'{"total":%d}' % step)
        fetcher.event("sent", ln="score", at=step)
        stream.pump(0.02)
        for message in stream.messages:
            picture.take(message)
            if message.event == "delta" and "seq" in message.data:
                ticks += 1
            elif message.event == "delta":
                assert set(message.data) <= {"slots", "views"}
                changes.append(message)
        stream.messages.clear()
    assert 6 <= len(changes) <= 16  # three in each second, or four, beside its tick
    for one, fifth in zip(changes, changes[5:]):
        assert fifth.at - one.at > 0.9
    follow(stream, picture, lambda: picture.state["views"]["scheduler.queue"] == {"total": step})
    follow(stream, picture, lambda: picture.state["slots"]["sent"][-1]["attempt"] == step)
    follow(stream, picture, lambda: set(picture.state["views"]) == {"metricsd.configuration"})  # the scheduler is silent: not up


def test_deltas_come_once_a_second(metricsd, open_stream):
    stream = open_stream()
    stream.take("state")
    deltas = [stream.take("delta") for _ in range(4)]
    assert stream.take("delta").data.keys() == {"seq", "at_us", "values", "processes", "point"}
    assert [delta.number for delta in deltas] == list(range(deltas[0].number, deltas[0].number + 4))
    for before, after in zip(deltas, deltas[1:]):
        assert after.at - before.at == pytest.approx(1, abs=0.5)
        assert after.data["seq"] == before.data["seq"] + 1


def test_nothing_doubled_nothing_missing_over_reconnects(metricsd, open_stream):
    """Events go on while the reader comes and goes; some of its losses are silent, some are its own end."""
    dice = random.Random(7)
    fetcher = metricsd.publisher("fetcher")
    stream, picture = open_stream(), sse.Picture()
    picture.take(stream.take())
    sent = []
    for turn in range(30):
        for _ in range(dice.randrange(6)):
            sent.append(fetcher.event("sent", rq=f"r{len(sent)}")["rq"])
        if dice.random() < 0.5:
            some = dice.randrange(len(sent) + 1)
            follow(stream, picture, lambda: len(picture.events) >= some)
        if dice.random() < 0.4:
            stream.close()
            target = f"/api/stream?last_event_id={picture.last_id}" if turn % 2 else "/api/stream"
            stream = open_stream(None if turn % 2 else picture.last_id, target)
            assert picture.take(stream.take()).event == "state"
    follow(stream, picture, lambda: len(picture.events) == len(sent))
    assert [event["request"] for event in picture.events.values()] == sent
    assert picture.skipped == 0
    again = open_stream(picture.last_id).take()
    assert again.event == "state" and again.data["events"] == []


@pytest.mark.parametrize("last_id", ["", "-", "garbage", "\xff" * 40, "0" * 16 + "-1", "EPOCH-", "EPOCH-99999999",
                                     "EPOCH-18446744073709551616", "EPOCH--1", "EPOCH-1x", "9" * 8000])
def test_what_is_no_id_of_ours_gets_all(metricsd, open_stream, last_id):
    gateway = metricsd.publisher("gateway")
    for _ in range(3):
        gateway.event("rejected")
    metricsd.wait_value("metricsd.events_total", 3)
    last_id = last_id.replace("EPOCH", metricsd.state()["epoch"])
    request = client.request_bytes("/api/stream", "GET", [("Last-Event-ID", "X")]).replace(b"X", last_id.encode("latin-1"))
    assert len(open_stream(request=request).take().data["events"]) == 3
    if len(last_id) < 1000 and last_id.isascii():
        assert len(open_stream(None, f"/api/stream?last_event_id={last_id}").take().data["events"]) == 3
    assert len(open_stream(None, "/api/stream?last_event_id=1&last_event_id=2").take().data["events"]) == 3


def test_a_flood_of_events_is_told_in_part(metricsd, open_stream):
    stream, picture = open_stream(), sse.Picture()
    picture.take(stream.take())
    fetcher = metricsd.publisher("fetcher")
    for _ in range(3000):
        fetcher.event("sent")
    batches = []
    while len(picture.events) + picture.skipped < 3000:
        message = picture.take(stream.take())
        if message.event == "events":
            assert 1 <= len(message.data["events"]) <= 100
            batches.append(message)
    assert picture.skipped > 0
    for tenth in zip(batches, batches[10:]):
        assert tenth[1].at - tenth[0].at > 0.9  # ten a second
    metricsd.wait_value("metricsd.stream_skipped_total", picture.skipped)
    assert metricsd.state()["events"][0]["id"] == max(picture.events)


def stats(metricsd):
    values = metricsd.state()["values"]
    return {name: values[f"metricsd.{name}"] for name in ("streams", "streams_total", "streams_cut_total")}


def test_too_many_streams(tmp_path):
    metricsd = Metricsd(tmp_path, STREAMS_MAX="2").start()
    port = int(metricsd.process.ready["port"])
    first, second = sse.Stream(port), sse.Stream(port)
    assert first.take().event == second.take().event == "state"
    refused = metricsd.get("/api/stream")
    assert refused.status == 503 and refused.fields["retry-after"] == "1"
    assert "STREAMS_MAX" in refused.json()["error"]
    assert metricsd.get("/api/state").status == 200
    first.socket.shutdown(socket.SHUT_WR)  # it says that it leaves, and that is enough
    wait_for(lambda: metricsd.get("/api/stream", method="HEAD").status == 200, "its place is free")
    third = sse.Stream(port)
    assert third.take().event == "state"
    second.take("delta")
    wait_for(lambda: stats(metricsd)["streams"] == 2, "two are counted")
    for stream in (first, second, third):
        stream.close()
    assert metricsd.process.stop() == 0
    metricsd.context.destroy(linger=0)


def test_a_reader_that_stalls_is_cut_and_holds_up_nobody(metricsd, open_stream):
    stalled = [open_stream(buffer_bytes=4096) for _ in range(4)]
    readers = [open_stream() for _ in range(4)]
    for stream in readers:
        stream.take("state")
    fetcher = metricsd.publisher("fetcher")
    before_kb = metricsd.process.memory_kb()
    deltas = [[] for _ in readers]

    def flood():
        for _ in range(100):
            fetcher.event("sent", rq="r" * 60, why="w" * 40)
        for stream, seen in zip(readers, deltas):
            stream.pump(0.005)
            seen += [message for message in stream.messages if message.event == "delta"]
            stream.messages.clear()
        return stats(metricsd)["streams_cut_total"] == len(stalled)

    wait_for(flood, "those that do not read are cut", 60)
    assert stats(metricsd) == {"streams": 4, "streams_total": 8, "streams_cut_total": 4}
    assert metricsd.process.memory_kb() - before_kb < 16 * 1024
    for seen in deltas:
        gaps = [after.data["seq"] - before.data["seq"] for before, after in zip(seen, seen[1:])]
        late = [after.at - before.at for before, after in zip(seen, seen[1:])]
        assert min(gaps) > 0 and len(gaps) == len(seen) - 1
        assert max(late) < 1.8
    for stream in stalled:
        assert stream.wait_end() == "reset"


def test_the_end_of_metricsd_ends_streams(metricsd, open_stream):
    chunked, old = open_stream(), open_stream(request=b"GET /api/stream HTTP/1.0\r\n\r\n")
    assert chunked.take().event == old.take().event == "state"
    stalled = open_stream(buffer_bytes=4096)
    wait_for(lambda: stats(metricsd)["streams"] == 3, "all three are there")
    metricsd.process.popen.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert chunked.wait_end() == "last chunk"
    assert old.wait_end() == "fin"
    chunked.close()
    old.close()
    stalled.close()
    assert metricsd.process.popen.wait(START_SECONDS) == 0
    assert time.monotonic() - began < 5
    metricsd.process.killed = True


def test_head_and_http_1_0(metricsd, open_stream):
    head = open_stream(request=client.request_bytes("/api/stream", "HEAD"))
    assert head.status == 200 and head.fields["content-type"] == "text/event-stream"
    assert "content-length" not in head.fields
    assert head.wait_end() == "fin" and not head.body and not head.raw
    old = open_stream(request=b"GET /api/stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert old.take().event == "state"
    assert "transfer-encoding" not in old.fields and old.fields["connection"] == "close"
    assert old.take("delta").data["seq"] > 0
    assert open_stream().fields["transfer-encoding"] == "chunked"
    post = metricsd.get("/api/stream", method="POST")
    assert post.status == 405


@pytest.mark.parametrize("how", ["fin", "close", "reset"])
def test_who_leaves_frees_its_place(metricsd, open_stream, how):
    stream = open_stream()
    stream.take("state")
    stream.take("delta")
    wait_for(lambda: stats(metricsd)["streams"] == 1, "it is counted")
    if how == "fin":
        stream.socket.shutdown(socket.SHUT_WR)
    elif how == "close":
        stream.close()
    else:
        client.Waiting.leave_by_rst(stream)
    wait_for(lambda: stats(metricsd)["streams"] == 0, "its place is free")
    assert stats(metricsd)["streams_cut_total"] == 0


def test_a_whole_stack_and_a_metricsd_that_is_killed():
    with Stack(RATE_LIMIT_SECONDS=0.05) as stack:
        stream, picture = sse.Stream(stack.metricsd_port), sse.Picture()
        picture.take(stream.take())
        assert all(answer.status == 200 for answer in stack.ask_all(cpf.make_many(20)))
        follow(stream, picture, lambda: picture.state["values"]["gateway.requests_successful_total"] == 20)
        stack.restart("scheduler")
        follow(stream, picture, lambda: sum(process["process"] == "scheduler" for process in picture.state["processes"]) == 2)
        assert stack.ask(cpf.make(100)).status == 200
        follow(stream, picture, lambda: picture.state["values"]["fetcher.upstream_requests_total"] == 21)
        views = {"gateway.configuration", "scheduler.configuration", "fetcher.configuration", "scheduler.queue", "fetcher.breaker"}
        follow(stream, picture, lambda: views <= set(picture.state["views"]))
        state = agree(stack, stream, picture)
        assert [slot["outcome"] for slot in picture.state["slots"]["sent"]] == ["answered"] * 21
        assert list(picture.events)[-len(state["events"]):] == [event["id"] for event in reversed(state["events"])]
        stack.kill("metricsd")
        assert stream.wait_end() in ("fin", "reset")
        stack.spawn_again("metricsd")
        again = sse.Stream(stack.metricsd_port, picture.last_id)
        after = sse.Picture()
        assert after.take(again.take()).event == "state"
        assert after.state["epoch"] != picture.state["epoch"]
        follow(again, after, lambda: after.state["values"]["gateway.requests_successful_total"] == 21)
        agree(stack, again, after)
