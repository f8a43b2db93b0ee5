"""test_admin.py - operators' orders on a whole stack: who may give them, what they change, and that nothing is lost."""
import concurrent.futures
import contextlib
import json
import re
import socket
import time

import cpf
import pytest
from stack import Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.02, "QUEUE_MAX_SIZE": 1000}
SWITCHES = 1000
TOKEN = "t0ken-of-the-operators"


class Said:
    def __init__(self, bytes_):
        head, _, self.body = bytes_.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}

    def json(self):
        return json.loads(self.body)


def admin(stack, method, path, body=None, host="localhost", fields=()):
    """One raw request on a connection of its own."""
    if body is None:
        content = b""
    else:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(content)}",
             *(f"{name}: {value}" for name, value in fields), "", ""]
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode() + content)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return Said(received)


def order(stack, method, path, body=None):
    answer = admin(stack, method, path, body)
    assert answer.status == 200, answer.body
    return answer.json()


def ready(stack):
    return stack.get("/readyz").json()


def events(stack, name):
    return [event for event in stack.state()["events"] if event["event"] == name]


@contextlib.contextmanager
def running(**options):
    """A stack of which nothing is missing any more."""
    with Stack(**options) as stack:
        wait_for(lambda: ready(stack)["missing"] == [], "nothing is missing")
        yield stack


def test_the_policy_is_switched_under_load_and_nothing_is_lost():
    numbers = cpf.make_many(700, 2000)
    policies = ["priority", "fair", "fifo"]
    with running(**{**FAST, "RATE_LIMIT_SECONDS": 0.01}) as stack:
        assert order(stack, "GET", "/admin/policy")["policy"] == "fifo"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            load = pool.submit(stack.ask_all, numbers)
            for i in range(SWITCHES):
                policy = policies[i % len(policies)]
                assert order(stack, "PUT", "/admin/policy", {"policy": policy}) == {"policy": policy}
            assert not load.done(), "all of them under load"
            assert order(stack, "GET", "/admin/policy")["policy"] == policy
        answers = load.result()
        assert [answer.status for answer in answers] == [200] * len(numbers)
        assert [answer.body for answer in answers] == [cpf.answer(number) for number in numbers]
        assert stack.simulator.state()["arrivals"] == len(numbers), "none is sent twice"
        values = wait_for(lambda: (v := stack.state()["values"])["scheduler.controls_total"] == SWITCHES and v,
                          "all orders")
        assert values['scheduler.policy{policy="priority"}'] == 1
        assert values['scheduler.policy{policy="fifo"}'] == 0
        assert re.search(r"info scheduler control_policy .*note=.policy priority by loopback", stack.processes[
            "scheduler"].log_text())
        order(stack, "PUT", "/admin/policy", {"policy": "priority"})
        told = wait_for(lambda: events(stack, "control_policy"), "the event")
        assert told[0]["note"] == "policy priority by loopback" and told[0]["request"]


def test_pause_stops_the_sends_and_resume_goes_on():
    with running(**FAST) as stack:
        stack.ask(cpf.make(2500))
        assert order(stack, "POST", "/admin/pause") == {"paused": True}
        told = ready(stack)
        assert told["status"] == "degraded" and told["missing"] == ["score.pause"]
        assert "resume" in told["checks"]["score.pause"]["detail"]
        waiting = [stack.wait(cpf.make(2510 + i)) for i in range(5)]
        wait_for(lambda: order(stack, "GET", "/admin/queue")["requests"][4:], "five wait")
        end = time.monotonic() + 12  # longer than what counts as stuck
        while time.monotonic() < end:
            assert ready(stack)["missing"] in (["score.pause"], ["score.pause", "metrics"])
            assert stack.simulator.state()["arrivals"] == 1
            time.sleep(0.5)  # that nothing happens for so long is what is tested
        assert stack.state()["values"]["scheduler.paused"] == 1
        assert order(stack, "GET", "/admin/queue")["requests"][0]["eta_ms"] is None
        assert order(stack, "POST", "/admin/resume") == {"paused": False}
        assert stack.get("/readyz").status == 200
        wait_for(lambda: stack.simulator.state()["arrivals"] == 6, "the five are sent")
        assert ready(stack)["missing"] == []
        for client in waiting:
            client.close()


def test_another_rate_takes_effect_and_spares_what_was_sent():
    with running(RATE_LIMIT_SECONDS=0.5, SIMULATOR_WINDOW_SECONDS=0.2) as stack:
        stack.ask(cpf.make(2600))
        assert order(stack, "PUT", "/admin/rate", {"seconds": 0.2}) == {"seconds": 0.2}
        assert order(stack, "GET", "/admin/policy")["seconds"] == 0.2
        answers = stack.ask_all(cpf.make_many(5, 2610))
        assert {answer.status for answer in answers} == {200}
        gaps = [arrival["gap_ns"] / 1e9 for arrival in stack.simulator.arrivals()[1:]]
        assert gaps[0] >= 0.5, "what was sent before keeps its window"
        assert all(0.2 <= gap < 0.45 for gap in gaps[1:]), gaps
        assert stack.simulator.state()["rejected"] == 0
        wait_for(lambda: stack.state()["values"]["scheduler.limiter_interval_seconds"] == 200000, "the gauge")
        order(stack, "PUT", "/admin/rate", {"seconds": 1})
        stack.ask_all(cpf.make_many(2, 2620))
        assert stack.simulator.arrivals()[-1]["gap_ns"] >= 1e9


def test_the_queue_is_listed_page_by_page_and_tells_no_secrets():
    secret = cpf.make(2700)
    with running(**FAST) as stack:
        order(stack, "POST", "/admin/pause")
        numbers = cpf.make_many(7, 2710)
        waiting = [stack.wait(number, [("client-id", secret), ("X-Priority", str(i))])
                   for i, number in enumerate(numbers)]
        whole = wait_for(lambda: (page := admin(stack, "GET", "/admin/queue")) and len(
            page.json()["requests"]) == 7 and page, "all wait")
        rows = whole.json()["requests"]
        assert whole.json()["next"] is None
        assert sorted(row["priority"] for row in rows) == list(range(7))
        assert [row["position"] for row in rows] == list(range(1, 8))
        assert {re.fullmatch("[0-9a-f]{16}", row["client"]) is not None for row in rows} == {True}
        assert len({row["client"] for row in rows}) == 1, "one client has one name"
        assert all(row["age_ms"] >= 0 and row["remaining_ms"] > 0 for row in rows)
        for number in [secret, *numbers]:
            assert number not in whole.body.decode() and cpf.pretty(number) not in whole.body.decode()
        pages, after = [], ""
        while after is not None:
            page = order(stack, "GET", f"/admin/queue?limit=3{after and '&after=' + after}")
            assert len(page["requests"]) <= 3
            pages += page["requests"]
            after = page["next"]
        assert [row["id"] for row in pages] == [row["id"] for row in rows]

        # One is removed, and its client told at once.
        victim = rows[2]["id"]
        removed = time.monotonic()
        assert order(stack, "DELETE", f"/admin/queue/{victim}") == {"removed": victim}
        index = rows[2]["priority"]
        waiting[index].socket.settimeout(5)
        answer = Said(waiting[index].socket.recv(65536))
        assert time.monotonic() - removed < 1
        assert (answer.status, answer.json()["reason"]) == (503, "removed")
        assert int(answer.fields["retry-after"]) >= 1
        assert admin(stack, "DELETE", f"/admin/queue/{victim}").status == 404
        assert admin(stack, "GET", f"/admin/queue?after={victim}").status == 404
        assert len(order(stack, "GET", "/admin/queue")["requests"]) == 6
        wait_for(lambda: events(stack, "control_remove"), "removals are audited, too")
        for client in waiting:
            client.close()


def breaker(stack):
    return stack.get("/circuit-breaker-status").json()["state"]


def test_the_breaker_is_tripped_and_reset():
    with running(CIRCUIT_BREAKER_RESET_TIMEOUT=0.2, **FAST) as stack:
        assert order(stack, "POST", "/admin/breaker", {"action": "trip", "seconds": 2}) == {
            "action": "trip", "seconds": 2}
        tripped = time.monotonic()
        assert breaker(stack) == "open"
        refused = stack.ask(cpf.make(2800))
        assert (refused.status, refused.json()["reason"]) == (503, "breaker_open")
        answer = wait_for(lambda: served(stack, 2801), "the trip's time is over")
        assert answer.started - tripped > 1.8
        order(stack, "POST", "/admin/breaker", {"action": "trip"})
        assert stack.ask(cpf.make(2803)).status == 503
        assert order(stack, "POST", "/admin/breaker", {"action": "reset"}) == {"action": "reset"}
        assert breaker(stack) == "closed"
        assert stack.ask(cpf.make(2804)).status == 200


def served(stack, number):
    answer = stack.ask(cpf.make(number))
    return answer if answer.status == 200 else None


def test_the_cache_is_emptied():
    numbers = cpf.make_many(3, 2900)
    with running(**FAST) as stack:
        for number in numbers:
            stack.ask(number)
        assert "hit" in stack.ask(numbers[0]).fields["cache-status"]
        assert admin(stack, "DELETE", "/admin/cache?key=x").status == 400, "no whole purge by mistake"
        assert order(stack, "DELETE", "/admin/cache") == {"removed": 3}
        assert "fwd=miss" in stack.ask(numbers[0]).fields["cache-status"]
        assert order(stack, "DELETE", "/admin/cache") == {"removed": 1}


@pytest.mark.parametrize("token", ["", "ADMIN_TOKEN", "ADMIN_TOKEN_FILE"])
def test_who_may(token, tmp_path):
    bearer = ("Authorization", f"Bearer {TOKEN}")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    given = {"": {}, "ADMIN_TOKEN": {"ADMIN_TOKEN": TOKEN}, "ADMIN_TOKEN_FILE": {"ADMIN_TOKEN_FILE": tmp_path / "token"}}[token]
    with running(**given, **FAST) as stack:
        dashboard = f"http://localhost:{stack.metricsd_port}"

        def status(*fields, host="localhost"):
            answer = admin(stack, "POST", "/admin/pause", fields=fields, host=host)
            if answer.status != 200:
                problem = answer.json()
                assert answer.fields["content-type"] == "application/problem+json" and problem["detail"]
            assert (answer.status == 401) == ("www-authenticate" in answer.fields)
            return answer.status

        if token:
            assert status() == 401
            assert status(("Authorization", "Bearer wrong")) == 401
            assert status(("Authorization", f"Basic {TOKEN}")) == 401
            assert status(bearer, ("Origin", "http://evil.example")) == 403
            assert not order_of(stack, "POST", "/admin/policy", bearer)
            assert status(bearer, host="sluice.example") == 200
            assert "pause by token" in stack.processes["scheduler"].log_text()
        else:
            assert status(("Origin", "http://evil.example")) == 403
            assert status(("Origin", "null")) == 403
            assert status(("Sec-Fetch-Site", "cross-site")) == 403
            assert status(("X-Forwarded-For", "10.1.2.3")) == 403
            assert status(host="rebound.example") == 403
            assert status(("Origin", dashboard), host="rebound.example") == 403
            assert status(("Origin", "http://rebound.example"), ("Sec-Fetch-Site", "same-origin"), host="rebound.example") == 403
            assert stack.simulator.state()["arrivals"] == 0 and "pause" not in ready(stack)["missing"]
            assert status(("Origin", "http://localhost")) == 200
            wait_for(lambda: order_of(stack, "POST", "/admin/pause", ("Origin", dashboard)), "the dashboard's port is known")
        assert TOKEN not in stack.processes["gateway"].log_text()


def order_of(stack, method, path, *fields):
    return admin(stack, method, path, fields=fields).status == 200


def test_what_is_wrong_is_named_and_changes_nothing():
    with running(**FAST) as stack:
        before = order(stack, "GET", "/admin/policy")
        for method, path, body, status, word in [
                ("PUT", "/admin/policy", {"policy": "lifo"}, 400, "policy"),
                ("PUT", "/admin/policy", {"policy": "priority", "colour": "red"}, 400, "colour"),
                ("PUT", "/admin/policy", b'{"policy":', 400, "body"),
                ("PUT", "/admin/rate", {"seconds": 0}, 400, "seconds"),
                ("PUT", "/admin/rate", b"{" + b" " * 5000 + b"}", 413, "body"),
                ("POST", "/admin/breaker", {"action": "explode"}, 400, "action"),
                ("DELETE", "/admin/queue/0000000000000001-0000000000000001", None, 404, "id"),
                ("GET", "/admin/nothing", None, 404, "path"),
                ("PATCH", "/admin/rate", None, 405, "PUT"),
                ("GET", "/admin/pause", None, 405, "POST")]:
            answer = admin(stack, method, path, body)
            assert (answer.status, word in answer.json()["detail"]) == (status, True), (path, answer.body)
            assert (status == 405) == ("allow" in answer.fields)
        assert order(stack, "GET", "/admin/policy") == before
        head = admin(stack, "HEAD", "/admin/queue")
        assert head.status == 200 and head.body == b""


def test_without_scheduler_or_fetcher_it_says_so():
    with running(**FAST) as stack:
        stack.kill("fetcher")
        wait_for(lambda: "score.fetcher" in ready(stack)["missing"], "the fetcher is missed")
        assert admin(stack, "DELETE", "/admin/cache").status == 503
        assert order(stack, "POST", "/admin/pause") == {"paused": True}
        stack.kill("scheduler")
        wait_for(lambda: "scheduler" in ready(stack)["missing"], "the scheduler is missed")
        answer = admin(stack, "POST", "/admin/resume")
        assert (answer.status, answer.json()["reason"]) == (503, "scheduler_gone")
