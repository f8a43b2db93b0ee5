"""test_bursts.py - bursts that a gateway makes by order of an operator, on a whole stack: the order and the progress
of real requests, cancelling, bounds, what is refused, other gateways, processes that die, and that no CPF gets out."""
import json
import re
import time

import client
import cpf
import pytest
from stack import Stack, wait_for
from test_admin import TOKEN, events
from test_jobs import balanced, values_when

BURSTS = "/admin/bursts"
ID = re.compile(r"/admin/bursts/([0-9a-f]{16})-([0-9a-f]{32})")
RESULT = ["index", "state", "cpf", "priority", "request_id", "status", "reason", "source", "wait_us", "total_us",
          "attempt"]


class Burst:
    """One that has been begun."""

    def __init__(self, stack, port=None, **order):
        self.stack = stack
        self.port = port or stack.port
        answer = ask(stack, "POST", BURSTS, order, self.port)
        assert answer.status == 201, answer.body
        self.path = answer.fields["location"]
        self.first = answer.json()
        assert ID.fullmatch(self.path) and self.first["href"] == self.path
        assert self.first["id"] == self.path.removeprefix(BURSTS + "/")
        assert (self.first["state"], self.first["ended"]) == ("running", 0)

    def show(self, query="", port=None):
        answer = ask(self.stack, "GET", self.path + query, port=port or self.port)
        assert answer.status == 200, answer.body
        told = answer.json()
        assert told["waiting"] + told["in_flight"] + told["ended"] == told["requests"]
        assert told["successful"] + told["failed"] + told["dropped"] == told["ended"]
        return told

    def cancel(self, port=None):
        answer = ask(self.stack, "DELETE", self.path, port=port or self.port)
        assert answer.status == 200, answer.body
        return answer.json()

    def over(self, seconds=30):
        """What is told of it when it is."""
        return wait_for(lambda: (told := self.show())["state"] in ("done", "cancelled") and told, "its end", seconds)

    def results(self):
        """All of them, page by page."""
        results, query = [], "?limit=200"
        while query:
            told = self.show(query)
            results += told["results"]
            query = told["next"] is not None and f"?limit=200&after={told['next']}"
        assert [result["index"] for result in results] == list(range(told["requests"]))
        assert all(list(result) == RESULT for result in results)
        return results


def ask(stack, method, path, body=None, port=None, fields=()):
    return client.ask(port or stack.port, path, fields, method, body)


def logs(stack):
    return "".join(process.log_text() for process in stack.processes.values())


def test_a_burst_of_50_in_order():
    numbers = cpf.make_many(50, 5000)
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        burst = Burst(stack, cpfs=numbers, client_id="billing", priority=7)
        seen = [burst.first]
        while seen[-1]["state"] == "running":
            seen.append(burst.show("?limit=0"))
        progress = [told["ended"] for told in seen]
        assert progress == sorted(progress) and len(set(progress)) > 10, "progress is seen while it goes on"
        assert max(told["in_flight"] for told in seen) > 20, "all of them at once"
        told = seen[-1]
        assert (told["state"], told["successful"], told["failed"], told["dropped"]) == ("done", 50, 0, 0)
        assert told["summary"]["sources"] == {"upstream": 50, "cache": 0, "stale": 0}
        assert told["summary"]["statuses"] == {"200": 50} and told["summary"]["reasons"] == {}
        times = told["summary"]["total_us"]
        assert 0 < times["min"] <= times["p50"] <= times["p95"] <= times["p99"] <= times["max"]
        assert times["max"] >= 49 * 20_000, "fifty slots are needed"
        results = burst.results()
        assert [result["cpf"] for result in results] == [f"***.***.***-{number[-2:]}" for number in numbers]
        assert {(r["state"], r["status"], r["reason"], r["source"], r["priority"]) for r in results} == {
            ("ended", 200, None, "upstream", 7)}
        waits = [result["wait_us"] for result in results]
        assert waits == sorted(waits) and all(r["total_us"] > r["wait_us"] for r in results)
        assert len({result["attempt"] for result in results}) == 50
        # What the provider saw: those requests, in that order, by that client, none too early.
        arrivals = stack.simulator.arrivals()
        assert [arrival["attempt"].split(".")[0] for arrival in arrivals] == [r["request_id"] for r in results]
        assert {arrival["client"] for arrival in arrivals} == {"billing"}
        assert stack.simulator.state()["rejected"] == 0
        assert stack.ask(numbers[0], fields=[("client-id", "billing")]).body == cpf.answer(numbers[0])
        values = values_when(stack, lambda v: (v["gateway.bursts_kept"], v["gateway.requests_total"]) == (1, 51), "all is told")
        assert (values["gateway.bursts_total"], values["gateway.burst_requests_total"]) == (1, 50)
        assert values["gateway.bursts_running"] == 0
        assert balanced(stack)
        log = stack.processes["gateway"].log_text()
        assert f'burst_started request={told["request"]} count=50 note="200 at once by loopback"' in log
        assert re.search(rf'burst_ended request={told["request"]} took_us=\d+ note="50 successful, 0 failed, 0 dropped', log)


def test_one_cpf_again_and_again_costs_one_slot():
    number = cpf.make(5100)
    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        stack.simulator.faults("service_ms=300&count=1")
        told = Burst(stack, cpf=cpf.pretty(number), repeat=300, concurrency=10).over()
        assert told["summary"]["statuses"] == {"200": 300}
        assert told["summary"]["sources"] == {"upstream": 10, "cache": 290, "stale": 0}, "ten share a call, the rest hits"
        assert stack.simulator.state()["arrivals"] == 1


def test_the_real_path_of_each_request():
    """Provider's 400, a fresh hit, a stale answer and a refusal, as clients would have got them."""
    known, number = cpf.make_many(2, 5110)
    with Stack(RATE_LIMIT_SECONDS=0.05, CACHE_TTL_SECONDS=0.2) as stack:
        fresh = stack.ask(known)
        wait_for(lambda: time.monotonic() > fresh.ended + 0.3, "it is no longer fresh")
        assert ask(stack, "POST", "/admin/breaker", {"action": "trip"}).status == 200
        burst = Burst(stack, cpfs=[known, "123", number, "a=b&cpf=" + known[:8]], priority=[0, 99])
        told = burst.over()
        rows = [(r["cpf"], r["priority"], r["status"], r["reason"], r["source"]) for r in burst.results()]
        assert rows == [(f"***.***.***-{known[-2:]}", 0, 200, "breaker_open", "stale"), (None, 99, 400, None, None),
                        (f"***.***.***-{number[-2:]}", 0, 503, "breaker_open", None), (None, 99, 400, None, None)]
        assert (told["successful"], told["failed"], told["dropped"]) == (1, 2, 1)
        assert told["summary"]["reasons"] == {"breaker_open": 2}
        assert stack.simulator.state()["arrivals"] == 1


def test_a_priority_mix_is_served_by_urgency():
    with Stack(RATE_LIMIT_SECONDS=0.05, QUEUE_POLICY="priority") as stack:
        with stack.paused():
            burst = Burst(stack, cpfs=cpf.make_many(12, 5120), priority=[50, 10, 0])
            wait_for(lambda: stack.queued() == 12, "all wait")
        burst.over()
        by_id = {result["request_id"]: result["priority"] for result in burst.results()}
        order = [by_id[arrival["attempt"].split(".")[0]] for arrival in stack.simulator.arrivals()]
        assert order == [0] * 4 + [10] * 4 + [50] * 4


def test_concurrency_and_rate():
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        with stack.paused():
            held = Burst(stack, cpfs=cpf.make_many(9, 5140), concurrency=3)
            wait_for(lambda: stack.queued() == 3, "three wait")
            told = held.show()
            assert (told["in_flight"], told["waiting"], told["ended"]) == (3, 6, 0)
            assert [r["state"] for r in told["results"]] == ["in_flight"] * 3 + ["waiting"] * 6
        assert held.over()["successful"] == 9
        paced = Burst(stack, cpf=cpf.make(5140), repeat=26, rate=50).over()
        assert paced["summary"]["sources"]["cache"] == 26
        assert 500 <= paced["elapsed_ms"] < 3000, "25 gaps of 20 ms"


def test_cancelled_in_the_middle_no_more_slots_are_spent():
    with Stack(RATE_LIMIT_SECONDS=0.05) as stack:
        other = stack.spawn_gateway().port
        burst = Burst(stack, cpfs=cpf.make_many(200, 5200), concurrency=40)
        wait_for(lambda: burst.show()["ended"] >= 5, "it is in the middle")
        told = burst.cancel()
        assert (told["state"], told["in_flight"]) == ("cancelled", 0)
        arrivals = stack.simulator.state()["arrivals"]
        wait_for(lambda: stack.queued() == 0, "the queue is empty")
        results = burst.results()
        ended = [r for r in results if r["status"] == 200]
        left = [r for r in results if r["reason"] == "cancelled"]
        assert 5 <= len(ended) < 160 and len(left) == 40 and {r["state"] for r in left} == {"ended"}
        assert {r["status"] for r in left} == {None}
        never = [r for r in results if r["state"] == "not_made"]
        assert len(ended) + 40 + len(never) == 200 and told["waiting"] == len(never)
        # The next call's slot is the next one, and nothing else arrives: at most one was on its way to the provider.
        assert stack.ask(cpf.make(5450)).status == 200
        assert stack.simulator.state()["arrivals"] <= arrivals + 2
        assert stack.simulator.state()["arrivals"] <= len(ended) + 2
        assert burst.cancel() == told == burst.show(), "once more changes nothing"
        line = f'burst_cancelled request={told["request"]} count={200 - len(ended)} note="by loopback"'
        assert line in stack.processes["gateway"].log_text()
        assert values_when(stack, lambda v: v["gateway.requests_waiting"] == 0, "nobody waits") and balanced(stack)
        # By way of another gateway, too.
        burst = Burst(stack, cpfs=cpf.make_many(60, 5500))
        assert burst.cancel(port=other)["state"] == "cancelled"
        assert burst.show()["state"] == "cancelled"
        wait_for(lambda: stack.queued() == 0, "the queue is empty")


def test_bounds():
    with Stack(RATE_LIMIT_SECONDS=0.02, BURSTS_MAX=2, BURST_REQUESTS_MAX=5, BURST_CONCURRENCY_MAX=3) as stack:
        for order, word in [({"cpfs": ["1"] * 6}, "cpfs"), ({"cpf": "1", "repeat": 6}, "repeat"),
                            ({"cpf": "1", "concurrency": 4}, "concurrency")]:
            refused = ask(stack, "POST", BURSTS, order)
            assert refused.status == 400 and refused.json()["detail"].startswith(word + ": must be ")
        with stack.paused():
            running = [Burst(stack, cpfs=cpf.make_many(5, 5400 + 10 * i)) for i in range(2)]
            wait_for(lambda: stack.queued() == 6, "as many wait as may")
            refused = ask(stack, "POST", BURSTS, {"cpf": "1"})
            assert refused.status == 503 and int(refused.fields["retry-after"]) >= 1
            assert {b["state"] for b in ask(stack, "GET", BURSTS).json()["bursts"]} == {"running"}
        assert [burst.over()["successful"] for burst in running] == [5, 5]
        third = Burst(stack, cpf="123")
        assert third.over()["failed"] == 1
        assert ask(stack, "GET", running[0].path).status == 404, "the oldest one has made room"
        assert [b["href"] for b in ask(stack, "GET", BURSTS).json()["bursts"]] == [running[1].path, third.path]
        assert values_when(stack, lambda v: v["gateway.bursts_evicted_total"] == 1, "it is counted")
    with Stack(BURSTS_MAX=0) as stack:
        assert ask(stack, "POST", BURSTS, {"cpf": "1"}).status == 503


def test_results_are_kept_for_a_while_and_within_bytes():
    with Stack(RATE_LIMIT_SECONDS=0.02, BURSTS_MAX_MB=1, BURSTS_KEEP_SECONDS=1, BURST_REQUESTS_MAX=10000) as stack:
        first = Burst(stack, cpf="1", repeat=6000)
        assert first.over()["failed"] == 6000
        assert first.show("?limit=3&after=5998")["results"][0]["index"] == 5999
        second = Burst(stack, cpf="1", repeat=6000)
        assert second.over()["failed"] == 6000
        assert ask(stack, "GET", first.path).status == 404, "two are more than a mebibyte"
        wait_for(lambda: ask(stack, "GET", second.path).status == 404, "its time is over")
        values_when(stack, lambda v: v["gateway.bursts_kept"] == v["gateway.bursts_kept_bytes"] == 0, "and it is gone")


@pytest.mark.parametrize("token", ["", TOKEN])
def test_who_may(token):
    bearer = [("Authorization", f"Bearer {TOKEN}")]
    with Stack(ADMIN_TOKEN=token, RATE_LIMIT_SECONDS=0.02) as stack:
        burst = ask(stack, "POST", BURSTS, {"cpf": "1"}, fields=bearer if token else [])
        path = burst.fields["location"]
        for method, where in [("POST", BURSTS), ("GET", BURSTS), ("GET", path), ("DELETE", path)]:
            body = {"cpf": "1"} if method == "POST" else None
            strange = [] if token else [("Origin", "http://evil.example")]
            refused = ask(stack, method, where, body, fields=strange)
            assert refused.status == (401 if token else 403) and refused.json()["detail"]
        values = values_when(stack, lambda v: v["gateway.bursts_total"] == 1, "one")
        assert values["gateway.burst_requests_total"] == 1
        [started] = wait_for(lambda: events(stack, "burst_started"), "the event")
        [ended] = wait_for(lambda: events(stack, "burst_ended"), "the event")
        assert started["note"] == f"200 at once by {'token' if token else 'loopback'}" and started["value"] == 1
        assert ended["note"] == "0 successful, 1 failed, 0 dropped, 0 not made"
        assert started["request"] == ended["request"] == burst.json()["request"] == burst.fields["x-request-id"]


def test_what_is_wrong_is_named_and_begins_nothing():
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        good = Burst(stack, cpf="1")
        good.over()
        for method, path, body, status, word in [
                ("POST", BURSTS, None, 400, "cpfs"), ("POST", BURSTS, b"{", 400, "body"),
                ("POST", BURSTS, [], 400, "body"), ("POST", BURSTS, {"cpfs": "1"}, 400, "cpfs"),
                ("POST", BURSTS, {"cpfs": ["1", 2]}, 400, "cpfs[1]"), ("POST", BURSTS, {"cpf": 1}, 400, "cpf"),
                ("POST", BURSTS, {"cpf": "1", "cpfs": ["1"]}, 400, "cpf"),
                ("POST", BURSTS, {"cpf": "1", "repeat": 1001}, 400, "repeat"),
                ("POST", BURSTS, {"cpf": "1", "rate": 0}, 400, "rate"),
                ("POST", BURSTS, {"cpf": "1", "priority": 100}, 400, "priority"),
                ("POST", BURSTS, {"cpf": "1", "priority": [1, "x"]}, 400, "priority[1]"),
                ("POST", BURSTS, {"cpf": "1", "client_id": "a b"}, 400, "client_id"),
                ("POST", BURSTS, {"cpf": "1", "lane": "no"}, 400, "lane"),
                ("POST", BURSTS, {"cpf": "1", "colour": "red"}, 400, "colour"),
                ("POST", BURSTS + "?cpf=1", {"cpf": "1"}, 400, "query"),
                ("GET", good.path + "?limit=201", None, 400, "limit"), ("GET", good.path + "?after=x", None, 400, "after"),
                ("DELETE", good.path + "?all=1", None, 400, "query"),
                ("GET", good.path[:-1], None, 404, "burst"), ("GET", good.path[:-4] + "0000", None, 404, "burst"),
                ("GET", good.path.upper(), None, 404, ""), ("PUT", BURSTS, None, 405, "POST"),
                ("POST", good.path, None, 405, "DELETE"), ("PATCH", good.path, None, 405, "DELETE")]:
            answer = ask(stack, method, path, body)
            assert (answer.status, word in answer.json()["detail"]) == (status, True), (method, path, body, answer.body)
            assert (status == 405) == ("allow" in answer.fields)
        head = ask(stack, "HEAD", good.path)
        assert head.status == 200 and head.body == b""
        huge = ask(stack, "POST", BURSTS, {"cpf": "1", "client_id": "x" * 70_000})
        assert huge.status == 413
        assert len(ask(stack, "GET", BURSTS).json()["bursts"]) == 1
        assert values_when(stack, lambda v: v["gateway.burst_requests_total"] == 1, "only the good one's")


def test_gateways_answer_for_each_other_until_they_die():
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        other = stack.spawn_gateway()
        wait_for(lambda: client.ask(other.port, "/readyz").json()["missing"] == [], "nothing is missing")
        burst = Burst(stack, port=other.port, cpfs=cpf.make_many(5, 5500))
        here = burst.over()
        assert burst.show(port=stack.port) == here
        page = burst.show("?limit=2&after=1", port=stack.port)
        assert [r["index"] for r in page["results"]] == [2, 3] and page["next"] == 3
        assert ask(stack, "GET", BURSTS).json()["bursts"] == [], "each gateway lists its own"
        assert ask(stack, "GET", burst.path[:-4] + "0000").status == 404
        with stack.paused():
            running = Burst(stack, port=other.port, cpfs=cpf.make_many(5, 5510))
            wait_for(lambda: stack.queued() == 5, "they wait")
            other.kill()
            for path in (burst.path, running.path):
                gone = wait_for(lambda: (a := ask(stack, "GET", path)).status == 410 and a, "it is gone", 20)
                assert gone.json()["reason"] == "gone"
                assert ask(stack, "DELETE", path).status == 410
            wait_for(lambda: stack.queued() == 0, "and its requests with it")
        assert stack.simulator.state()["arrivals"] == 5
        stack.kill("scheduler")
        wait_for(lambda: ask(stack, "GET", burst.path).json().get("reason") == "scheduler_gone", "nobody to ask")


def test_a_burst_outlives_the_others_and_ends_with_its_gateway():
    with Stack(RATE_LIMIT_SECONDS=0.05, DRAIN_SECONDS=8) as stack:
        burst = Burst(stack, cpfs=cpf.make_many(30, 5600), concurrency=10)
        wait_for(lambda: burst.show()["ended"] >= 3, "it goes on")
        stack.restart("scheduler")
        stack.restart("fetcher")
        told = burst.over()
        assert (told["state"], told["summary"]["statuses"]) == ("done", {"200": 30})
        # SIGTERM: those on their way are answered, no more begin, and it does not hold the gateway up.
        burst = Burst(stack, cpfs=cpf.make_many(200, 5700), concurrency=10)
        wait_for(lambda: burst.show()["ended"] >= 3, "it goes on")
        gateway = stack.processes["gateway"]
        gateway.terminate()
        assert gateway.popen.wait(10) == 0
        [line] = re.findall(r"burst_ended .*note=\"(\d+) successful, 0 failed, 0 dropped, (\d+) not made", gateway.log_text())[1:]
        assert sum(map(int, line)) == 200 and int(line[1]) > 100
        assert "burst_cancelled" in gateway.log_text() and "the gateway ends" in gateway.log_text()


def test_the_rest_goes_on_meanwhile():
    """A burst of 200 waits; health, metrics and a hit are answered at once."""
    known = cpf.make(5800)
    with Stack(RATE_LIMIT_SECONDS=0.02, QUEUE_MAX_SIZE=300) as stack:
        stack.ask(known)
        with stack.paused():
            burst = Burst(stack, cpfs=cpf.make_many(200, 5801))
            wait_for(lambda: burst.show("?limit=0")["in_flight"] == 200, "all are on their way")
            assert "hit" in stack.ask(known).fields["cache-status"]
            assert stack.get("/readyz").status == 200
            assert burst.show("?limit=0")["state"] == "running"
            burst.cancel()
        assert stack.queued() == 0


def test_no_cpf_gets_out():
    numbers = cpf.make_many(20, 5900)
    with Stack(RATE_LIMIT_SECONDS=0.02) as stack:
        burst = Burst(stack, cpfs=[*numbers[:10], *map(cpf.pretty, numbers[10:])], client_id=cpf.make(5950))
        half = burst.show()
        burst.over()
        told = json.dumps([half, burst.results(), burst.first, ask(stack, "GET", BURSTS).json(), stack.state(),
                           burst.cancel()]) + logs(stack)
        for number in [*numbers, cpf.make(5950)]:
            assert number not in told and cpf.pretty(number) not in told
        assert ID.fullmatch(burst.path).group(2)[:12] not in logs(stack), "nor does the secret of its id"
        wrong = ask(stack, "POST", BURSTS, {"cpfs": [numbers[0]], "cpf": numbers[0]})
        assert wrong.status == 400 and numbers[0] not in wrong.body.decode()
