"""test_metricsd.py - a real sluice-metricsd, and foreign clients of it: publishers that speak as the processes do
(and some that lie), subscribers of the feed, HTTP clients, promtool."""
import re
import signal
import subprocess
import time

import msgpack
import pytest

from foreign import BUCKETS, EVENT, EXPOSITION, SECOND, SNAPSHOT, Metricsd
from stack import ROOT, START_SECONDS, Process, wait_for


def promtool(text):
    tool = subprocess.run([ROOT / "tests/support/promtool.sh"], capture_output=True, text=True, check=False)
    assert tool.returncode == 0, tool.stderr
    return subprocess.run([tool.stdout.strip(), "check", "metrics"], input=text, capture_output=True, text=True,
                          check=False)


def test_page_json_and_text_tell_the_same(metricsd):
    one, two, scheduler = metricsd.publisher("gateway"), metricsd.publisher("gateway"), metricsd.publisher("scheduler")
    one.totals(requests_total=7, requests_waiting=1, **{'refused_total{reason="queue_full"}': 2})
    two.totals(requests_total=5, requests_waiting=2)
    scheduler.totals(queue_length=4, limiter_next_slot_seconds=250000)
    one.distribution("request_seconds", {0: 1, 40: 2}, 3 * SECOND)
    two.distribution("request_seconds", {40: 7}, SECOND)
    metricsd.wait_value("gateway.request_seconds.count", 10)
    state = metricsd.state()
    values = state["values"]
    assert state["schema"] == 2 and re.fullmatch("[0-9a-f]{16}", state["epoch"])
    assert state["epoch"] in [process["epoch"] for process in state["processes"] if process["process"] == "metricsd"]
    assert values["gateway.requests_total"] == 12
    assert values["gateway.requests_waiting"] == 3
    assert values['gateway.refused_total{reason="queue_full"}'] == 2
    assert values["gateway.request_seconds.sum_us"] == 4 * SECOND
    assert values["scheduler.limiter_next_slot_seconds"] == 250000
    assert values["gateway.up"] == 2 and values["scheduler.up"] == 1 and values["fetcher.up"] == 0
    assert state["quantiles"]["gateway.request_seconds.p50"] == 16 << 10  # four buckets to an octave
    ours = {(p["process"], p["epoch"]): p for p in state["processes"]}
    assert ours["gateway", f"{one.epoch:016x}"]["up"] and ours["gateway", f"{one.epoch:016x}"]["pid"] == 77
    assert {p["instance"] for p in state["processes"] if p["process"] == "gateway"} == {0, 1}
    text = metricsd.get("/metrics").body.decode()
    for line in ["sluice_gateway_requests_total 12", 'sluice_gateway_refused_total{reason="queue_full"} 2',
                 "sluice_scheduler_limiter_next_slot_seconds 0.250000", "sluice_gateway_request_seconds_count 10",
                 "sluice_gateway_request_seconds_sum 4.000000", 'sluice_up{process="gateway"} 2',
                 'sluice_gateway_request_seconds_bucket{le="0.016384"} 10',
                 'sluice_gateway_request_seconds_bucket{le="0.008192"} 1']:
        assert f"\n{line}\n" in text


def test_promtool_has_nothing_to_say(metricsd):
    gateway = metricsd.publisher("gateway")
    gateway.totals(requests_total=7)
    gateway.distribution("request_seconds", {0: 1, 60: 2, BUCKETS - 1: 1}, 3 * SECOND)
    metricsd.wait_value("gateway.request_seconds.count", 4)
    answer = metricsd.get("/metrics")
    assert answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    checked = promtool(answer.body.decode())
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    broken = promtool(answer.body.decode() + "sluice_loose_end 1\n")  # it does look
    assert broken.returncode != 0 and "sluice_loose_end" in broken.stdout + broken.stderr


def test_sums_never_go_back(metricsd):
    first = metricsd.publisher("gateway")
    first.totals(requests_total=100, connections=3)
    metricsd.wait_value("gateway.requests_total", 100)
    second = metricsd.publisher("gateway")  # it was killed, and starts at nothing
    second.totals(uptime_us=1, requests_total=1, connections=1)
    metricsd.wait_value("gateway.requests_total", 101)
    second.totals(requests_total=1, connections=1)
    wait_for(lambda: metricsd.value("gateway.up") == 1 or second.totals(requests_total=1, connections=1),
             "the dead one is missed")
    values = metricsd.state()["values"]
    assert values["gateway.requests_total"] == 101 and values["gateway.connections"] == 1
    assert values["metricsd.event_gaps_total"] == 0


def test_a_fetcher_and_its_successor_are_not_summed(metricsd):
    for state in (2, 2):
        metricsd.publisher("fetcher").totals(breaker_state=state)
    wait_for(lambda: sum(p["process"] == "fetcher" for p in metricsd.state()["processes"]) == 2, "both are heard")
    metricsd.wait_value("fetcher.breaker_state", 2)
    assert metricsd.value("fetcher.up") == 1


def test_events_are_passed_on_as_they_came(metricsd):
    feed = metricsd.subscriber("")
    feed.take_topic("snapshot")
    scheduler = metricsd.publisher("scheduler")
    sent = [scheduler.event("granted", ln="score", rq="01-a", at=1, why="none", val=12),
            scheduler.event("limited", skip=2, ln="score", rq="01-a", at=1, why="hold", val=-3)]
    for message in sent:
        topic, got, _ = feed.take()
        while not topic.startswith("event."):
            topic, got, _ = feed.take()
        assert topic == f"event.scheduler.{message['ev']}"
        assert got["e"] == scheduler.epoch and got["v"] == 1 and got["m"] == EVENT
        assert {key: got[key] for key in message} == message
    metricsd.wait_value("metricsd.event_gaps_total", 2)
    events = metricsd.state()["events"]
    assert [event["event"] for event in events] == ["limited", "granted"]
    assert events[0]["id"] > events[1]["id"] > 0
    assert events[1]["request"] == "01-a" and events[0]["value"] == -3 and events[0]["epoch"] == f"{scheduler.epoch:016x}"
    scheduler.seq += 5
    scheduler.totals()  # it says that it had emitted five more
    metricsd.wait_value("metricsd.event_gaps_total", 7)


def test_the_feed_counts_what_it_sends(metricsd):
    """Between two snapshots, n grows by the events in between and one: so a subscriber sees its losses."""
    feed = metricsd.subscriber("event.", "snapshot")
    before, _ = feed.take_topic("snapshot")
    fetcher = metricsd.publisher("fetcher")
    for _ in range(50):
        fetcher.event("sent")
    events = snapshots = 0
    while events < 50 or snapshots == 0 or after["n"] - before["n"] < 51:
        topic, message, _ = feed.take()
        if topic == "snapshot":
            after, snapshots = message, snapshots + 1
            assert message["n"] == before["n"] + events + snapshots
        else:
            events += 1
    assert after["sv"] == 1 and after["m"] == SNAPSHOT
    assert after["t"] / 1e6 == pytest.approx(time.time(), abs=30)


def test_a_minute_knows_only_what_happened_in_it(metricsd):
    """What a process had counted before metricsd heard of it is in the totals, and in no window and no second."""
    feed = metricsd.subscriber("snapshot")
    old, young = metricsd.publisher("gateway"), metricsd.publisher("gateway")
    old.totals(requests_total=1_000_000)
    old.distribution("request_seconds", {70: 1_000_000}, 1)
    metricsd.wait_value("gateway.requests_total", 1_000_000)
    young.totals(uptime_us=1, requests_total=3)
    young.distribution("request_seconds", {0: 3}, 3)
    metricsd.wait_value("gateway.requests_total", 1_000_003)
    old.totals(requests_total=1_000_004)
    old.distribution("request_seconds", {0: 4, 70: 1_000_000}, 1)
    metricsd.wait_value("gateway.requests_total", 1_000_007)
    metricsd.wait_value("gateway.request_seconds.count", 1_000_007)
    state = metricsd.state()
    assert state["quantiles"]["gateway.request_seconds.p50"] > 16
    assert set(state["windows"]) == {"1m", "15m"}
    for window in state["windows"].values():
        assert window["gateway.request_seconds.count"] == 7
        assert {window[f"gateway.request_seconds.{point}"] for point in ("p50", "p90", "p95", "p99")} == {16}
        assert window["fetcher.upstream_seconds.count"] == 0 and window["fetcher.upstream_seconds.p99"] == 0
        assert set(window) == set(state["quantiles"]) | {key for key in state["values"] if key.endswith(".count")}
    course = metricsd.get("/api/history?span=15m").json()["series"]
    assert sum(n for n in course["gateway.requests_total"] if n) == 7
    assert {n for n in course["gateway.request_seconds.p99"] if n is not None} == {16}
    while True:
        snapshot, _ = feed.take_topic("snapshot")
        if snapshot["val"]["gateway.request_seconds.count"] == 1_000_007:
            break
    assert snapshot["q1"] == state["windows"]["1m"] and snapshot["q15"] == state["windows"]["15m"]


def test_the_course_of_things(metricsd):
    gateway = metricsd.publisher("gateway")
    begin = time.time()
    gateway.totals(uptime_us=1, requests_total=5, requests_waiting=4)
    metricsd.wait_value("gateway.requests_total", 5)
    gateway.totals(uptime_us=SECOND, requests_total=6, requests_waiting=2)
    metricsd.wait_value("gateway.requests_total", 6)
    history = metricsd.get("/api/history?span=15m").json()
    assert (history["schema"], history["step_us"]) == (1, SECOND)
    assert begin - 2 < history["end_at_us"] / SECOND < time.time() + 1
    series = history["series"]
    assert len(series) == 28 and len({len(points) for points in series.values()}) == 1
    assert [n for n in series["gateway.requests_total"] if n] == [5, 1]
    assert series["gateway.requests_waiting"][-1] == 2 and 4 in series["gateway.requests_waiting"]
    assert series["fetcher.breaker_state"][-1] is None  # nobody has told
    assert series["metricsd.event_gaps_total"][-1] == 0
    day = metricsd.get("/api/history?span=24h").json()
    assert day["step_us"] == 60 * SECOND and set(day["series"]) == set(series)
    before = len(series["gateway.requests_total"])
    metricsd.process.popen.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: time.monotonic() - stopped > 3.2, "it was away for 3 s")
    metricsd.process.popen.send_signal(signal.SIGCONT)
    wait_for(lambda: len(metricsd.get("/api/history?span=15m").json()["series"]["gateway.requests_total"]) > before + 3,
             "the gap is there")
    points = metricsd.get("/api/history?span=15m").json()["series"]["gateway.requests_total"][before:]
    assert 2 <= points.count(None) <= 5


def test_history_says_which_parameter_is_wrong(metricsd):
    for query in ("", "?", "?span", "?span=", "?span=1h", "?span=15m&span=15m", "?spam=15m",
                  "?span=15m%20", "?span=" + "9" * 1900):
        answer = metricsd.get("/api/history" + query)
        assert answer.status == 400, query
        assert answer.fields["content-type"] == "application/problem+json"
        assert "span" in answer.json()["error"]
    assert metricsd.get("/api/history?x=1&span=24%68&span2=1").status == 200
    assert metricsd.get("/api/history", method="POST").status == 405
    assert metricsd.get("/api/history?span=15m", method="HEAD").status == 200


OWN_VIEWS = {"metricsd.configuration"}  # of metricsd itself: always there


def test_views_are_shown_as_they_came(metricsd):
    queue = b'{ "total" : 1.50e1, "requests":[ {"client":"caf\xc3\xa9"} ] }'
    scheduler = metricsd.publisher("scheduler")
    scheduler.view("queue", queue)  # before anything else is known of it
    wait_for(lambda: "scheduler.queue" in metricsd.state()["views"] or scheduler.totals(), "the view is there")
    scheduler.totals()
    scheduler.view("clients", b"{}")
    wait_for(lambda: "scheduler.clients" in metricsd.state()["views"] or scheduler.totals(), "so is the other")
    assert b'"scheduler.queue":' + queue + b"," in metricsd.get("/api/state").body
    successor = metricsd.publisher("scheduler")
    successor.totals(uptime_us=1)
    successor.view("queue", b'{"total":0}')
    wait_for(lambda: metricsd.state()["views"]["scheduler.queue"] == {"total": 0}, "the successor's counts")
    scheduler.view("queue", queue)
    scheduler.event("granted", ln="score")  # on the same way, so it has arrived
    wait_for(lambda: any(event["event"] == "granted" for event in metricsd.state()["events"]), "all has arrived")
    assert metricsd.state()["views"]["scheduler.queue"] == {"total": 0}
    assert metricsd.value("metricsd.bad_messages_total") == 0
    for i in range(20):
        successor.view(f"more{i}", b"{}")
    wait_for(lambda: metricsd.value("metricsd.bad_messages_total") == 20 - 16 + 3 or successor.totals(), "no more than 16")
    wait_for(lambda: metricsd.state()["views"].keys() == OWN_VIEWS, "both schedulers are gone")


def test_slots_tell_gaps_and_violations(metricsd):
    scheduler, fetcher = metricsd.publisher("scheduler"), metricsd.publisher("fetcher")
    scheduler.totals(limiter_interval_seconds=SECOND, limiter_burst=1)
    fetcher.totals()
    wait_for(lambda: metricsd.state()["slots"]["burst"] == 1, "the limit is known")
    begin = time.time_ns() // 1000
    for attempt, after_us in enumerate([0, 1_000_600, 1_900_000, 3_000_000], 1):
        fetcher.event("sent", ln="score", rq="r", at=attempt, val=100 + attempt, t=begin + after_us)
    for attempt, end in enumerate(["answered", "limited", "failed"], 1):
        fetcher.event(end, ln="score", rq="r", at=attempt, why="none")

    def judged():
        fetcher.totals()
        return metricsd.state()["slots"]["violations"] == 1

    wait_for(judged, "the third came too early")
    slots = metricsd.state()["slots"]
    assert slots == {
        "window_us": SECOND, "burst": 1, "smallest_gap_us": 899_400, "violations": 1, "sent": [
            {"at_us": begin, "gap_us": None, "late_us": 101, "attempt": 1, "outcome": "answered"},
            {"at_us": begin + 1_000_600, "gap_us": 1_000_600, "late_us": 102, "attempt": 2, "outcome": "limited"},
            {"at_us": begin + 1_900_000, "gap_us": 899_400, "late_us": 103, "attempt": 3, "outcome": "failed"},
            {"at_us": begin + 3_000_000, "gap_us": 1_100_000, "late_us": 104, "attempt": 4, "outcome": "flying"}]}
    wait_for(lambda: metricsd.state()["slots"]["sent"][3]["outcome"] == "failed", "its fetcher is gone")


@pytest.mark.parametrize("local", [False, True], ids=["world", "gateways"])
def test_whoever_comes_late_soon_has_all(metricsd, local):
    gateway = metricsd.publisher("gateway")
    gateway.totals(requests_total=7)
    metricsd.wait_value("gateway.requests_total", 7)
    feed = metricsd.subscriber("snapshot", "exposition", local=local)
    snapshot, _ = feed.take_topic("snapshot")
    exposition, body = feed.take_topic("exposition")
    assert snapshot["val"]["gateway.requests_total"] == 7
    assert set(snapshot["q"]) >= {f"gateway.request_seconds.{point}" for point in ("p50", "p90", "p95", "p99")}
    assert exposition["n"] == snapshot["n"] and exposition["m"] == EXPOSITION
    assert b"\nsluice_gateway_requests_total 7\n" in body[0]
    first = time.monotonic()
    following, _ = feed.take_topic("snapshot")
    assert following["n"] == snapshot["n"] + 1
    assert following["t"] - snapshot["t"] == pytest.approx(SECOND, abs=SECOND / 2)
    assert time.monotonic() - first < 3


LIES = {
    "one frame": [b"x"],
    "no frame": [b""],
    "many frames": [b"totals", b"a", b"b", b"c", b"d"],
    "no msgpack": [b"totals", b"\xc1\xff\x00"],
    "an array that claims 4 GiB": [b"totals", b"\xdd\xff\xff\xff\xff"],
    "a map that claims much": [b"totals", b"\xdf\xff\xff\xff\xff"],
    "cut short": [b"totals", msgpack.packb({"v": 1, "m": 51})[:-1]],
    "not a map": [b"totals", msgpack.packb([1, 2, 3])],
    "too long": [b"totals", b"\xdb\x00\x01\x00\x00" + b"a" * 65536],
    "another version": [b"totals", msgpack.packb({"v": 9, "m": 51, "e": 1, "to": 0})],
    "an unknown message": [b"totals", msgpack.packb({"v": 1, "m": 99, "e": 1, "to": 0})],
    "nothing but the envelope": [b"totals", msgpack.packb({"v": 1, "m": 51, "e": 1, "to": 0})],
    "a stranger": [b"totals", msgpack.packb(
        {"v": 1, "m": 51, "e": 1, "to": 0, "p": "stranger", "pid": 1, "up": 1, "n": 0, "val": {}})],
    "a snapshot of its own": [b"snapshot", msgpack.packb(
        {"v": 1, "m": 53, "e": 1, "to": 0, "sv": 1, "n": 1, "t": 1, "val": {"gateway.up": 66}, "q": {}})],
    "an event that would be a topic": [b"event.gateway.a", msgpack.packb(
        {"v": 1, "m": 50, "e": 1, "to": 0, "p": "gateway", "n": 1, "t": 1, "ev": "a.snapshot"})],
    "a view without a body": [b"view", msgpack.packb(
        {"v": 1, "m": 55, "e": 5, "to": 0, "p": "gateway", "nm": "queue"})],
    "a view that is none": [b"view", msgpack.packb(
        {"v": 1, "m": 55, "e": 5, "to": 0, "p": "gateway", "nm": "queue"}), b'{"total":NaN}'],
    "a view of two lines": [b"view", msgpack.packb(
        {"v": 1, "m": 55, "e": 5, "to": 0, "p": "gateway", "nm": "queue"}), b'{"total":\n1}'],
    "a view that is too long": [b"view", msgpack.packb(
        {"v": 1, "m": 55, "e": 5, "to": 0, "p": "gateway", "nm": "queue"}), b'{"a":"' + b"x" * 32768 + b'"}'],
    "a view of a name that is no word": [b"view", msgpack.packb(
        {"v": 1, "m": 55, "e": 5, "to": 0, "p": "gateway", "nm": "queue\":{},\"x"}), b"{}"],
    "a histogram of another shape": [b"distribution", msgpack.packb(
        {"v": 1, "m": 52, "e": 5, "to": 0, "p": "gateway", "nm": "request_seconds", "sum": 1, "b": [1, 2]})],
}


def test_lies_are_counted_and_believed_by_nobody(metricsd):
    feed = metricsd.subscriber("")
    feed.take_topic("snapshot")
    liar = metricsd.publisher("gateway", epoch=5)
    liar.totals()
    metricsd.wait_value("gateway.up", 1)
    for frames in LIES.values():
        liar.socket.send_multipart(frames)
    metricsd.wait_value("metricsd.bad_messages_total", len(LIES))
    liar.totals(requests_total=-1)
    liar.totals(requests_total=2**62)
    liar.totals(requests_total="many")
    metricsd.wait_value("metricsd.bad_messages_total", len(LIES) + 3)
    liar.totals(**{f"made_up_{i}": i for i in range(380)})
    metricsd.wait_value("metricsd.unknown_values_total", 380)
    values = metricsd.state()["values"]
    assert values["gateway.requests_total"] == 0
    assert metricsd.state()["views"].keys() == OWN_VIEWS
    assert "bad_messages" in metricsd.process.log_text()
    while feed.socket.poll(0):
        topic, message, _ = feed.take()
        assert topic in ("snapshot", "exposition")
        assert message["e"] != 5 and message.get("val", {}).get("gateway.up") != 66


def test_endless_epochs_find_an_end(metricsd):
    liar = metricsd.publisher("gateway")

    def flood(count):
        for _ in range(count):
            liar.epoch, liar.seq = liar.epoch + 1, 0
            liar.event("sent", rq="x" * 64, why="y" * 48)
            liar.totals(requests_total=1)

    flood(200)
    metricsd.wait_value("metricsd.refused_messages_total", 2 * (200 - 64 + 1))  # metricsd itself has a place
    flood(20000)
    wait_for(lambda: metricsd.value("metricsd.refused_messages_total") > 30000, "the first flood is over", 60)
    before_kb = metricsd.process.memory_kb()
    flood(20000)
    wait_for(lambda: metricsd.value("metricsd.refused_messages_total") > 65000, "the second flood is over", 60)
    # The socket's own queue (16384 messages) may be fuller than in the first flood; remembered epochs would take
    # over 100 MB.
    assert metricsd.process.memory_kb() - before_kb < 32 * 1024
    state = metricsd.state()
    assert len(state["processes"]) == 64 and len(state["events"]) <= 200
    honest = metricsd.publisher("scheduler")
    wait_for(lambda: honest.totals(queue_length=9) or metricsd.value("scheduler.queue_length") == 9,
             "a place is free when the liars have fallen silent")


def test_http_face(metricsd):
    page = metricsd.get("/")
    html = page.body.decode()
    assert page.status == 200 and page.fields["content-type"] == "text/html; charset=utf-8"
    policy = page.fields["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|style=|\son\w+=", html), "something inline"
    assets = re.findall(r'(?:src|href)="(/[^"]*)"', html)
    assert {"/app.js", "/app.css"} <= set(assets)
    for asset in assets:
        assert metricsd.get(asset).status == 200, asset
    for target, media in [("/livez", "application/json"), ("/readyz", "application/json"),
                          ("/api/state?x=1", "application/json")]:
        answer = metricsd.get(target)
        assert (answer.status, answer.fields["content-type"]) == (200, media)
        assert answer.fields["cache-control"] == "no-store"
    for target, method, status in [("/nothing", "GET", 404), ("/page.html", "GET", 404), ("//", "GET", 404),
                                   ("/metrics", "POST", 405), ("/api/state", "DELETE", 405)]:
        answer = metricsd.get(target, method=method)
        assert answer.status == status
        assert answer.fields["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status and answer.json()["error"]
    assert metricsd.get("/metrics", method="POST").fields["allow"] == "GET, HEAD"


def test_the_page_knows_only_names_that_exist(metricsd):
    """A renamed metric would show as `undefined` on the page."""
    state = metricsd.state()
    script = metricsd.get("/app.js").body.decode()
    decisions = re.findall(r'^DECISION\(\w+, "(\w+)", "(\w+)"', (ROOT / "common/decisions.def").read_text(), re.M)
    views = re.findall(r'"([\w.]+)"\?:', (ROOT / "metricsd/dashboard/src/state.ts").read_text())
    names = set(re.findall(r'"((?:gateway|scheduler|fetcher|metricsd)\.\w+)"', script))
    names -= {".".join(decision) for decision in decisions} | set(views)
    latencies = {name for name in names if f"{name}.count" in state["values"]}
    assert len(names) > 25 and len(latencies) == 5
    assert names - latencies <= set(state["values"])
    assert {f"{name}.p99" for name in latencies} <= set(state["quantiles"])


@pytest.mark.parametrize("endpoint", ["tcp://*:5556", "tcp://0.0.0.0:5556", "tcp://127.0.0.1.example.org:5556",
                                      "tcp://[::]:5556", "udp://127.0.0.1:5556"])
def test_the_feed_stays_on_this_host(tmp_path, endpoint):
    metricsd = Metricsd(tmp_path, FEED_ENDPOINT=endpoint)
    process = Process("metricsd", metricsd.environment, tmp_path)
    assert process.popen.wait(START_SECONDS) == 1
    assert process.stop() == 1
    log = process.log_text()
    assert "FEED_ENDPOINT" in log and endpoint in log
    metricsd.context.destroy()


def test_a_second_one_refuses_and_a_successor_takes_over(metricsd):
    second = Process("metricsd", metricsd.environment | {"METRICSD_PORT": "0"}, metricsd.folder)
    assert second.popen.wait(START_SECONDS) == 1
    assert second.stop() == 1
    assert "another_metricsd_runs" in second.log_text()
    gateway = metricsd.publisher("gateway")
    gateway.totals(requests_total=3)
    feed = metricsd.subscriber("snapshot", local=True)
    feed.take_topic("snapshot")
    metricsd.process.kill()
    killed = metricsd.process
    metricsd.start()  # at the same port, in the same folder
    assert metricsd.process.popen.pid != killed.popen.pid
    gateway.event("granted", skip=99)  # what went before its own start is no gap for the new one
    wait_for(lambda: gateway.totals(requests_total=4) or metricsd.value("gateway.requests_total") == 4,
             "the publisher has come back by itself")
    wait_for(lambda: feed.take_topic("snapshot")[0]["val"]["gateway.requests_total"] == 4, "so has the subscriber")
    assert metricsd.value("metricsd.event_gaps_total") == 0


def test_it_ends_when_told_to(metricsd):
    feed = metricsd.subscriber("snapshot")
    feed.take_topic("snapshot")
    metricsd.process.popen.send_signal(signal.SIGTERM)
    assert metricsd.process.popen.wait(START_SECONDS) == 0
    metricsd.process.killed = True
