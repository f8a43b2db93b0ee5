"""test_queue.py - the bounded queue: whose turn it is, refusals at once, stale answers instead, and clients that
leave."""
import json
import time

import cpf
import pytest
from stack import Stack, wait_for


def fill(stack, first, fields=()):
    """One request in flight (the provider takes its time), one in the queue's only place: a gateway reads a
    request that is here before it accepts the connection of the next, so nothing overtakes it."""
    stack.simulator.faults("service_ms=2000")
    flying = stack.wait(cpf.make(first))
    wait_for(lambda: stack.simulator.state()["arrivals"] >= 1, "the first is with the provider")
    return flying, stack.wait(cpf.make(first + 1), fields)


def test_full_queue_refuses_at_once():
    with Stack(QUEUE_MAX_SIZE=1) as stack:
        waiting = fill(stack, 300)
        answers = [stack.ask(cpf.make(310 + i)) for i in range(5)]
        for client in waiting:
            client.close()
    assert {(a.status, a.json()["reason"]) for a in answers} == {(503, "queue_full")}
    assert all("error" in answer.json() for answer in answers)
    assert all(int(answer.fields["retry-after"]) >= 1 for answer in answers)
    assert min(answer.seconds for answer in answers) < 0.010


def test_full_queue_gives_the_stale_answer_it_has():
    number = cpf.make(320)
    with Stack(QUEUE_MAX_SIZE=1, CACHE_TTL_SECONDS=0.2) as stack:
        fresh = stack.ask(number)
        stack.simulator.reset()
        waiting = fill(stack, 321)
        stale = wait_for(lambda: fallback(stack, number), "the cached answer is stale")
        for client in waiting:
            client.close()
    assert (stale.status, stale.body) == (200, fresh.body)
    assert stale.seconds < 0.5


def fallback(stack, number):
    answer = stack.ask(number)
    return answer if answer.fields.get("x-proxy-fallback") == "cache" else None


@pytest.mark.parametrize("leave", ["leave_by_fin", "leave_by_rst"])
def test_who_leaves_is_gone_from_the_queue(leave):
    """Its place is free within 100 ms, and the provider never sees its request."""
    with Stack(QUEUE_MAX_SIZE=1) as stack:
        flying, queued = fill(stack, 340)
        assert stack.ask(cpf.make(350)).json()["reason"] == "queue_full"
        left = getattr(queued, leave)()
        # The next one does not get a refusal at once: it waits in the freed place, until it is answered.
        answer = wait_for(lambda: accepted(stack, 360), "there is room again")
        assert answer.started - left < 0.100
        arrivals = stack.simulator.arrivals()
        flying.close()
        queued.close()
    digits = [cpf.make(number)[-2:] for number in (340, 360, 341, 350)]
    assert len(set(digits)) == 4, "the log shows the last two digits alone"
    assert [arrival["cpf"][-2:] for arrival in arrivals] == digits[:2]


def accepted(stack, number):
    answer = stack.ask(cpf.make(number))
    return answer if answer.status == 200 else None


def test_more_urgent_displaces_and_the_victim_is_told_at_once():
    with Stack(QUEUE_MAX_SIZE=1, QUEUE_POLICY="priority") as stack:
        flying, queued = fill(stack, 400, [("X-Priority", "50")])
        refused = stack.ask(cpf.make(403), fields=[("X-Priority", "50")])
        assert refused.json()["reason"] == "queue_full", "as urgent is not more urgent"
        asked = time.monotonic()
        urgent = stack.wait(cpf.make(402), [("X-Priority", "1")])
        head, body = queued.socket.recv(65536).decode().split("\r\n\r\n")
        seconds = time.monotonic() - asked
        for waiting in (flying, queued, urgent):
            waiting.close()
    assert head.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: " in head
    assert json.loads(body)["reason"] == "displaced"
    assert seconds < 0.2


def test_a_client_may_have_a_bound_of_its_own():
    with Stack(QUEUE_CLIENT_MAX=1) as stack:
        waiting = fill(stack, 520)
        assert stack.ask(cpf.make(522)).json()["reason"] == "client_full"
        waiting += (stack.wait(cpf.make(523), [("client-id", "other")]),)
        for client in waiting:
            client.close()
