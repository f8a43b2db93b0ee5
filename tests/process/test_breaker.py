"""test_breaker.py - a failing provider: the breaker opens, refuses at once, probes, and closes again."""
import time

import cpf
from stack import Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.05, "CIRCUIT_BREAKER_RESET_TIMEOUT": 1}


def test_opens_refuses_probes_and_closes():
    with Stack(RETRY_MAX=0, **FAST) as stack:
        stack.simulator.faults("status=500")
        failures = [stack.ask(cpf.make(400 + i)) for i in range(3)]
        assert [answer.status for answer in failures] == [500] * 3, "a provider's own error passes unchanged"
        refusals = [stack.ask(cpf.make(410 + i)) for i in range(5)]
        assert {(a.status, a.json()["reason"]) for a in refusals} == {(503, "breaker_open")}
        assert all(int(answer.fields["retry-after"]) >= 1 for answer in refusals)
        assert min(answer.seconds for answer in refusals) < 0.010
        assert stack.simulator.state()["arrivals"] == 3, "an open breaker lets nothing pass"

        # Half-open: one probe fails, and the breaker opens again at once.
        probe = wait_for(lambda: passed(stack, 500), "the first probe")
        assert probe.started - failures[-1].ended > 0.8
        assert stack.ask(cpf.make(420)).json()["reason"] == "breaker_open"
        assert stack.simulator.state()["arrivals"] == 4

        stack.simulator.faults("reset=1")
        probe = wait_for(lambda: passed(stack, 200), "the second probe")
        assert [stack.ask(cpf.make(430 + i)).status for i in range(3)] == [200] * 3
        assert stack.simulator.state()["rejected"] == 0


def passed(stack, status):
    answer = stack.ask(cpf.make(440 + status))
    return answer if answer.status == status else None


def test_an_open_breaker_serves_what_is_in_the_cache():
    number = cpf.make(450)
    with Stack(CACHE_TTL_SECONDS=0.1, **FAST) as stack:
        fresh = stack.ask(number)
        stack.simulator.faults("status=500")
        for i in range(3):
            stack.ask(cpf.make(460 + i))
        stale = stack.ask(number)
    assert (stale.status, stale.body) == (200, fresh.body)
    assert stale.fields["x-proxy-fallback"] == "cache"


def test_4xx_of_the_provider_are_no_failures():
    with Stack(**FAST) as stack:
        stack.simulator.faults("status=404")
        answers = [stack.ask(cpf.make(470 + i)) for i in range(5)]
        assert [answer.status for answer in answers] == [404] * 5
        stack.simulator.faults("reset=1")
        assert stack.ask(cpf.make(480)).status == 200


def status(stack):
    """As told to anybody; not before the scheduler has told the gateway."""
    return wait_for(lambda: (answer := stack.get("/circuit-breaker-status")).status == 200 and answer.json(), "a state")


def open_by_errors(stack, first):
    stack.simulator.faults("status=500")
    for i in range(3):
        stack.ask(cpf.make(first + i))
    assert status(stack)["state"] == "open"


def test_slow_answers_open_it_while_they_are_still_awaited():
    with Stack(RATE_LIMIT_SECONDS=0.05, CIRCUIT_BREAKER_SLOW_SECONDS=0.3, CIRCUIT_BREAKER_RESET_TIMEOUT=0.5,
               RATE_LIMIT_MODE="fixed", RATE_LIMIT_GUARD=0, SIMULATOR_WINDOW_SECONDS=0) as stack:
        stack.simulator.faults("service_ms=1500")
        slow = [stack.wait(cpf.make(2000 + i)) for i in range(3)]
        opened = wait_for(lambda: status(stack)["state"] == "open" and time.monotonic(), "it opens")
        refused = stack.ask(cpf.make(2010))
        assert refused.json()["reason"] == "breaker_open"
        answers = [waiting.answer() for waiting in slow]
        assert [answer.status for answer in answers] == [200] * 3, "slow answers are delivered"
        assert opened < min(answer.ended for answer in answers) - 0.5, "it has not waited for them"
        assert "late" in stack.processes["fetcher"].log_text()
        stack.simulator.faults("reset=1")
        assert wait_for(lambda: passed(stack, 200), "the probe").status == 200
        assert status(stack) == {"state": "closed", "failures": 0, "fail_max": 3}


def test_a_restarted_fetcher_goes_on_where_the_old_one_was():
    with Stack(CIRCUIT_BREAKER_RESET_TIMEOUT=3, RATE_LIMIT_SECONDS=0.05) as stack:
        open_by_errors(stack, 2100)
        opened = time.monotonic()
        stack.restart("fetcher")
        wait_for(lambda: stack.processes["scheduler"].log_text().count("fetcher_ready") == 2, "it is back")
        assert status(stack)["state"] == "open"
        assert stack.ask(cpf.make(2110)).json()["reason"] == "breaker_open"
        assert stack.simulator.state()["arrivals"] == 3
        stack.simulator.faults("reset=1")
        wait_for(lambda: passed(stack, 200), "the probe")
        assert time.monotonic() - opened > 2.5, "not before its time"


def test_a_probe_wedges_nothing():
    """Its client vanishes; its fetcher is killed; its answer never comes: another one passes each time."""
    with Stack(CIRCUIT_BREAKER_RESET_TIMEOUT=0.4, CIRCUIT_BREAKER_PROBE_TIMEOUT=0.6, EXTERNAL_API_TIMEOUT=5,
               RATE_LIMIT_SECONDS=0.05) as stack:
        open_by_errors(stack, 2200)

        def try_one(number):
            waiting = stack.wait(cpf.make(number))
            if not waiting.answered(0.2):
                return waiting
            waiting.leave_by_rst()  # refused: it is still open
            return None

        def probe(number):
            """One that the provider gets and does not answer."""
            seen = stack.simulator.state()["arrivals"]
            stack.simulator.faults("reset=1&stall=1")
            waiting = wait_for(lambda: try_one(number), "a probe passes")
            wait_for(lambda: stack.simulator.state()["arrivals"] > seen, "the provider has it")
            return waiting

        probe(2210).leave_by_rst()  # the client vanishes
        stack.simulator.faults("reset=1&status=500")
        wait_for(lambda: passed(stack, 500), "another probe, after one whose client has left")

        waiting = probe(2220)  # the fetcher is killed
        stack.restart("fetcher")
        stack.simulator.faults("reset=1&status=500")
        wait_for(lambda: passed(stack, 500), "another probe, after one whose fetcher died")
        waiting.leave_by_rst()

        answer = probe(2230).answer()  # the answer never comes
        assert (answer.status, answer.json()["reason"]) == (504, "upstream_timeout")
        assert answer.seconds < 2, "a probe may take less time than a call"
        stack.simulator.faults("reset=1")
        wait_for(lambda: passed(stack, 200), "another probe, after one without an answer")
        assert status(stack)["state"] == "closed"


def test_a_503_that_asks_to_wait_is_not_probed_before():
    with Stack(CIRCUIT_BREAKER_RESET_TIMEOUT=0.2, RATE_LIMIT_SECONDS=0.05, CIRCUIT_BREAKER_FAIL_MAX=1) as stack:
        stack.simulator.faults("status=503&retry_after=2&count=1")
        assert stack.ask(cpf.make(2300)).status == 503
        refused = stack.ask(cpf.make(2301))
        assert refused.json()["reason"] == "breaker_open" and refused.fields["retry-after"] == "2"
        wait_for(lambda: passed(stack, 200), "the probe")
        assert stack.simulator.arrivals()[1]["gap_ns"] >= 2e9


def test_a_failing_share_opens_it_too_when_wanted():
    with Stack(CIRCUIT_BREAKER_FAIL_PERCENT=50, CIRCUIT_BREAKER_WINDOW=6, RETRY_MAX=0, RATE_LIMIT_SECONDS=0.05) as stack:
        for i in range(6):
            stack.simulator.faults("status=500&count=1" if i % 2 else "reset=1")
            assert stack.ask(cpf.make(2400 + i)).status == (500 if i % 2 else 200)
        assert status(stack)["state"] == "open"


def test_refusals_move_no_counter():
    with Stack(RATE_LIMIT_SECONDS=0.05) as stack:
        open_by_errors(stack, 2500)
        for _ in range(10):
            refused = stack.ask_all([cpf.make(2510 + i) for i in range(100)])
            assert {answer.json()["reason"] for answer in refused} == {"breaker_open"}
        assert status(stack) == {"state": "open", "failures": 3, "fail_max": 3}
        assert stack.simulator.state()["arrivals"] == 3
