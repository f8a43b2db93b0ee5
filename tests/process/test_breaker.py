"""test_breaker.py - a failing provider: the breaker opens, refuses at once, probes, and closes again."""
import cpf
from stack import Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.05, "CIRCUIT_BREAKER_RESET_TIMEOUT": 1}


def test_opens_refuses_probes_and_closes():
    with Stack(**FAST) as stack:
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
