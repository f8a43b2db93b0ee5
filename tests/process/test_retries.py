"""test_retries.py - a failed call is made again: paid for, within its budget and its deadline, and only where that makes sense."""
import time

import cpf
import pytest
from stack import Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.05, "RETRY_BASE_SECONDS": 0.02, "CIRCUIT_BREAKER_FAIL_MAX": 1000}


def attempts(stack):
    """Of each arrival at the provider: the request's id, and the attempt's."""
    return [tuple(entry["attempt"].rsplit(".", 1)) for entry in stack.simulator.arrivals()]


def counter(stack, name):
    lines = stack.get("/metrics").body.decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"sluice_scheduler_{name} ")), None)


@pytest.mark.parametrize("fault", ["status=500", "status=503", "cut_bytes=0", "cut_bytes=250&cut_with=rst", "garbage=1", "stall=1"])
def test_its_client_gets_the_answer_of_a_later_attempt(fault):
    with Stack(EXTERNAL_API_TIMEOUT=0.5, **FAST) as stack:
        stack.simulator.faults(f"{fault}&count=1")
        answer = stack.ask(cpf.make(7000))
        (first, one), (second, other) = attempts(stack)
        state = stack.simulator.state()
        told = wait_for(lambda: counter(stack, "retries_total"), "the metrics tell of it")
    assert (answer.status, told) == (200, 1)
    assert first == second and one != other, "one request, two attempts"
    assert state["rejected"] == 0, "each attempt pays for a slot"


def test_as_often_as_wanted_and_then_the_last_answer_counts():
    with Stack(RETRY_MAX=2, **FAST) as stack:
        stack.simulator.faults("status=500")
        answer = stack.ask(cpf.make(7010))
        assert len(attempts(stack)) == 3
    assert answer.status == 500, "the provider's own error passes unchanged"


@pytest.mark.parametrize("status", [400, 404, 501])
def test_what_would_fail_again_is_not_made_again(status):
    with Stack(**FAST) as stack:
        stack.simulator.faults(f"status={status}&count=1")
        assert stack.ask(cpf.make(7020)).status == status
        assert len(attempts(stack)) == 1


def test_not_where_a_stale_answer_stands_in():
    number = cpf.make(7030)
    with Stack(CACHE_TTL_SECONDS=0.1, **FAST) as stack:
        fresh = stack.ask(number)
        expired = time.monotonic() + 0.1
        wait_for(lambda: time.monotonic() > expired, "the answer has become stale")
        stack.simulator.faults("status=500&count=1")
        stale = stack.ask(number)
        assert len(attempts(stack)) == 2
    assert (stale.status, stale.body, stale.fields["x-proxy-fallback"]) == (200, fresh.body, "cache")


def test_not_where_the_deadline_comes_first():
    with Stack(**FAST | {"RATE_LIMIT_SECONDS": 1}) as stack:
        free = stack.ask(cpf.make(7040)).ended + 1.1
        wait_for(lambda: time.monotonic() > free, "there is a slot")
        stack.simulator.faults("status=500&count=1")
        answer = stack.ask(cpf.make(7041), fields=[("Request-Timeout", "0.9")])
        assert len(attempts(stack)) == 2
    assert answer.status == 500, "told at once, not when it is too late"


def test_no_more_than_their_share_of_the_slots():
    with Stack(RETRY_BUDGET_PERCENT=20, **FAST | {"RATE_LIMIT_SECONDS": 0.02}) as stack:
        stack.simulator.faults("status=500")
        answers = stack.ask_all(cpf.make_many(60, 7050))
        made = len(attempts(stack)) - 60
        wait_for(lambda: counter(stack, "retries_total") == made, "the metrics tell of them")
        denied = counter(stack, "retries_denied_total")
    assert {answer.status for answer in answers} == {500}
    assert 60 / 5 <= made <= 5 + (60 + made) / 5, "a fifth of the slots, and five that were saved up"
    assert denied >= 60 - made


def test_a_provider_that_comes_back_in_time():
    with Stack(**FAST | {"RETRY_BASE_SECONDS": 1, "RETRY_MAX": 5}) as stack:
        stack.processes["simulator"].kill()
        waiting = stack.wait(cpf.make(7200))
        wait_for(lambda: "retried" in stack.processes["scheduler"].log_text(), "the first attempt has failed")
        stack.spawn("simulator")
        assert waiting.answer().status == 200
        assert len(attempts(stack)) == 1, "what reached nobody took no slot"


def test_the_probe_is_the_oldest():
    """It is the least urgent one: it has waited longest to know whether the provider is back."""
    with Stack(QUEUE_POLICY="priority", CIRCUIT_BREAKER_FAIL_MAX=1, CIRCUIT_BREAKER_RESET_TIMEOUT=0.2,
               RATE_LIMIT_SECONDS=0.05, RETRY_MAX=0) as stack:
        stack.simulator.faults("status=500&count=1")
        assert stack.ask(cpf.make(7210)).status == 500
        with stack.paused():
            old = wait_for(lambda: queued(stack, "&priority=90"), "the breaker lets somebody wait")
            urgent = queued(stack, "&priority=0")
        answers = [old.answer(), urgent.answer()]
        asked = [request for request, _ in attempts(stack)][1:]
    assert [answer.status for answer in answers] == [200, 200]
    assert asked == [answer.fields["x-request-id"] for answer in answers]


def queued(stack, extra):
    """A request that waits; None when it is refused."""
    before = stack.queued()
    waiting = stack.wait(cpf.make(7220 + before) + extra)
    wait_for(lambda: waiting.answered() or stack.queued() > before, "it waits, or is refused")
    return None if waiting.answered() else waiting
