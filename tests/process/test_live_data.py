"""test_live_data.py - what metricsd makes of a real stack's events and totals: the slot strip beside the provider's own
log, windows and courses beside what was asked, and what a killed fetcher or metricsd changes in it."""
import client
import cpf
from stack import Stack, wait_for

MS = 1000


def asked(stack):
    return stack.state()["values"]["gateway.requests_total"]


def course(stack, key, span="15m"):
    return client.ask(stack.metricsd_port, f"/api/history?span={span}").json()["series"][key]


def total(points):
    return sum(point for point in points if point)


def test_the_slot_strip_is_what_the_provider_has_seen():
    numbers = cpf.make_many(12)
    with Stack(RATE_LIMIT_SECONDS=0.4) as stack:
        stack.ask_all(numbers[:8])
        stack.simulator.faults("status=500&count=1")
        stack.ask(numbers[8])
        arrivals = stack.simulator.arrivals()
        assert len(arrivals) >= 9
        wait_for(lambda: len(stack.state()["slots"]["sent"]) == len(arrivals), "all are told")
        slots = stack.state()["slots"]
        assert slots["window_us"] == 400 * MS and slots["burst"] == 1
        assert [send["outcome"] for send in slots["sent"][:9]] == ["answered"] * 8 + ["failed"]
        for before, send in zip(slots["sent"], slots["sent"][1:]):
            assert send["gap_us"] == send["at_us"] - before["at_us"] >= 400 * MS
            assert send["attempt"] != before["attempt"]
        smallest_us = min(send["gap_us"] for send in slots["sent"][1:])
        wait_for(lambda: stack.state()["slots"]["smallest_gap_us"] == smallest_us, "all are judged")
        assert stack.state()["slots"]["violations"] == 0


def test_a_burst_is_judged_by_pairs():
    with Stack(RATE_LIMIT_SECONDS=0.8, RATE_LIMIT_BURST=2, SIMULATOR_BURST=2) as stack:
        stack.ask_all(cpf.make_many(6))
        wait_for(lambda: len(stack.state()["slots"]["sent"]) == 6 and stack.state()["slots"]["burst"], "all are told")
        slots = stack.state()["slots"]
        times = [send["at_us"] for send in slots["sent"]]
        assert slots["burst"] == 2 and [send["gap_us"] for send in slots["sent"][:2]] == [None, None]
        assert [send["gap_us"] for send in slots["sent"][2:]] == [late - early for early, late in zip(times, times[2:])]
        assert times[1] - times[0] < 800 * MS
        wait_for(lambda: stack.state()["slots"]["smallest_gap_us"], "all are judged")
        assert stack.state()["slots"]["violations"] == 0


def test_what_flew_with_a_killed_fetcher_has_failed():
    with Stack(RATE_LIMIT_SECONDS=0.2) as stack:
        stack.simulator.faults("service_ms=5000&count=1")
        waiting = stack.wait(cpf.make_many(1)[0])
        wait_for(lambda: [send["outcome"] for send in stack.state()["slots"]["sent"]] == ["flying"], "it flies")
        stack.restart("fetcher")
        assert waiting.answer().status == 200
        wait_for(lambda: [send["outcome"] for send in stack.state()["slots"]["sent"]] == ["failed", "answered"],
                 "one has failed, and another one was made")
        wait_for(lambda: stack.state()["slots"]["smallest_gap_us"], "it is judged")
        assert stack.state()["slots"]["violations"] == 0


def test_windows_and_courses_add_up_to_what_was_asked():
    numbers = cpf.make_many(5)
    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        stack.ask_all(numbers)
        stack.ask_all(numbers)  # from the cache
        wait_for(lambda: asked(stack) == 10, "all are counted")
        durations = ["gateway.request_seconds", "gateway.hit_seconds", "scheduler.queue_wait_seconds",
                     "fetcher.upstream_seconds"]
        for name in durations:
            wait_for(lambda: stack.state()["windows"]["1m"][f"{name}.count"] == 5, f"{name} has five")
        minute = stack.state()["windows"]["1m"]
        assert {minute[f"{name}.count"] for name in durations} == {5}
        assert 0 < minute["gateway.request_seconds.p50"] <= minute["gateway.request_seconds.p99"]
        for key, wanted in [("gateway.requests_total", 10), ("gateway.requests_successful_total", 10),
                            ("gateway.cache_hits_total", 5), ("fetcher.upstream_requests_total", 5),
                            ("metricsd.slots_saved_total", 5), ("gateway.requests_failed_total", 0)]:
            wait_for(lambda: total(course(stack, key)) == wanted, f"{key} adds up to {wanted}")
        assert course(stack, "fetcher.breaker_state")[-1] == 0
        wait_for(lambda: min(process["uptime_us"] for process in stack.state()["processes"]) > 4000 * MS, "all are old")
        stack.restart("metricsd")
        wait_for(lambda: asked(stack) == 10, "the totals are back")
        wait_for(lambda: len(course(stack, "gateway.requests_total")) >= 3, "it ticks")
        assert total(course(stack, "gateway.requests_total")) == 0  # nothing has happened since
        assert stack.state()["windows"]["15m"]["gateway.request_seconds.count"] == 0
        stack.restart("gateway")  # a successor starts at nothing: no number goes back
        stack.ask(numbers[0])
        wait_for(lambda: asked(stack) == 11, "one more")
        wait_for(lambda: total(course(stack, "gateway.requests_total")) == 1, "the course has it, too")
        points = [point for point in course(stack, "gateway.requests_total") if point is not None]
        assert min(points) == 0
        wait_for(lambda: stack.state()["windows"]["1m"]["gateway.hit_seconds.count"] == 1, "and the minute")
