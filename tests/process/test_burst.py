"""test_burst.py - a burst meets the provider's limit: spaced arrivals, no rejection, shared calls, cache hits."""
import client
import cpf
from stack import Stack

SECOND_NS = 1_000_000_000


def test_burst_of_20_with_defaults():
    """Scenario S1: 20 distinct CPFs within a second."""
    numbers = cpf.make_many(20, first=100)
    with Stack() as stack:
        answers = stack.ask_all(numbers)
        arrivals = stack.simulator.arrivals()
        state = stack.simulator.state()
    assert [answer.status for answer in answers] == [200] * 20
    assert [answer.body for answer in answers] == [cpf.answer(number) for number in numbers]
    assert max(a.started for a in answers) - min(a.started for a in answers) < 1
    assert max(a.ended for a in answers) - min(a.started for a in answers) <= 20.5
    assert (state["arrivals"], state["rejected"]) == (20, 0)
    times = [arrival["ns"] for arrival in arrivals]
    assert min(b - a for a, b in zip(times, times[1:])) >= SECOND_NS


def test_equal_requests_share_one_call():
    """The answer comes late, so that all ten wait for it: some were queued with it, some came while it flew."""
    number = cpf.make(200)
    with Stack() as stack:
        stack.simulator.faults("service_ms=300")
        answers = stack.ask_all([number] * 10)
        assert stack.simulator.state()["arrivals"] == 1
    assert {(answer.status, answer.body) for answer in answers} == {(200, cpf.answer(number))}
    ends = [answer.ended for answer in answers]
    assert max(ends) - min(ends) < 0.25, "one of them waited for a slot of its own"


def test_hit_is_the_same_and_quick():
    """However the CPF is written, it is one entry; a hit spends no slot and no time."""
    number = cpf.make(201)
    with Stack() as stack:
        first = stack.ask(number)
        hits = [stack.ask(cpf.pretty(number)) for _ in range(10)]
        assert stack.simulator.state()["arrivals"] == 1
    assert first.status == 200
    assert {(hit.status, hit.body) for hit in hits} == {(200, first.body)}
    assert all("hit" in hit.fields["cache-status"] for hit in hits)
    assert max(hit.seconds for hit in hits) < 0.1, "one of them waited for a slot"
    assert min(hit.seconds for hit in hits) < 0.005


def test_bad_cpf_is_answered_as_the_provider_does():
    """With the provider's own bytes, and neither the provider nor the breaker hears of it."""
    queries = ["cpf=1", "cpf=00000000000", "cpf=12345678909", "cpf=52998224724", "cpf=", ""]
    with Stack(CIRCUIT_BREAKER_FAIL_MAX=1) as stack:
        ours = [stack.get(f"/proxy/score?{query}") for query in queries]
        assert stack.simulator.state()["arrivals"] == 0
        theirs = [client.ask(stack.simulator.port, f"/api/score?{query}", [("client-id", f"direct-{query}")])
                  for query in queries]
        assert stack.ask(cpf.make(202)).status == 200
    for query, our, their in zip(queries, ours, theirs):
        assert (our.status, our.body) == (400, their.body), query
        assert our.fields["content-type"] == their.fields["content-type"], query
