"""test_jobs.py - asynchronous requests (RFC 7240, respond-async) on a whole stack: the 202, what a job tells of
itself, its result, its end by its client's will; gateways that answer for each other, and processes that die."""
import contextlib
import http.client
import http.server
import json
import re
import statistics
import threading
import time

import client
import cpf
import fields
from stack import Stack, wait_for
from test_admin import admin, order

T = 0.2
ASYNC = [("Prefer", "respond-async")]
ID = re.compile(r"/jobs/([0-9a-f]{16})-([0-9a-f]{32})")
TOTALS = ["requests_successful_total", "requests_failed_total", "requests_dropped_total", "requests_waiting"]


class Job:
    """One that has got its 202, asked about at any gateway."""

    def __init__(self, stack, number, prefer="respond-async", extra=(), port=None):
        self.port = port or stack.port
        self.accepted = client.ask(self.port, stack.target(number), [("Prefer", prefer), *extra])
        assert self.accepted.status == 202, self.accepted.body
        told = fields.check(self.accepted)
        assert told["preference-applied"][0] == "respond-async"
        assert told["sluice-job"] in ("queued", "in_flight", "waiting")
        self.path = self.accepted.fields["location"]
        assert ID.fullmatch(self.path)
        body = self.accepted.json()
        assert list(body) == ["id", "state", "position", "eta_ms", "deadline_ms", "href"]
        assert body["href"] == self.path and body["id"] == self.path.removeprefix("/jobs/")
        assert body["state"] == told["sluice-job"]

    def ask(self, method="GET", wait=None, port=None):
        target = self.path + ("" if wait is None else f"?wait={wait}")
        answer = client.ask(port or self.port, target, method=method)
        if answer.status == 202:
            fields.check(answer)
            assert answer.json()["state"] == answer.fields["sluice-job"]
            assert answer.fields["x-request-id"] == self.accepted.fields["x-request-id"]
            assert "location" not in answer.fields
        return answer

    def done(self, port=None):
        """The result, when it is there."""
        answer = self.ask(wait=20, port=port)
        assert answer.fields.get("sluice-job") == "done", (answer.status, answer.fields, answer.body)
        return answer


def answer_of(waiting):
    """What a client that had waited on is told: status, fields, body."""
    response = http.client.HTTPResponse(waiting.socket)
    response.begin()
    answer = response.status, response.headers, response.read()
    waiting.close()
    return answer


@contextlib.contextmanager
def provider_of(body):
    """A provider that always says the same."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/score"
        server.shutdown()


def busy(stack, first, count=4):
    """Makes a line in front of who comes next."""
    return [Job(stack, number) for number in cpf.make_many(count, first)]


def balanced(stack):
    values = stack.state()["values"]
    return values["gateway.requests_total"] == sum(values[f"gateway.{name}"] for name in TOTALS)


def values_when(stack, condition, what):
    def find():
        values = stack.state()["values"]
        return values if condition(values) else None
    return wait_for(find, what)


def test_from_the_202_to_the_result():
    number = cpf.make(3000)
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        job = Job(stack, number, extra=[("X-Request-Id", "mine-1")])
        assert job.accepted.fields["x-request-id"] == "mine-1"
        assert job.accepted.fields["cache-control"] == "no-store"
        result = job.done()
        waited = stack.ask(number)
        assert (result.status, result.body) == (200, cpf.answer(number))
        assert fields.check(result)["cache-status"] == {"fwd": "miss", "stored": True}
        assert result.fields["x-request-id"] == "mine-1"
        assert result.fields["content-type"] == waited.fields["content-type"]
        again = [job.ask(), job.ask(wait=5), job.ask(method="HEAD")]
        assert [answer.status for answer in again] == [200] * 3
        assert again[0].body == again[1].body == result.body and again[1].seconds < 1
        assert again[0].fields | {"date": 0} == result.fields | {"date": 0}

        hit = stack.ask(number, fields=ASYNC)
        assert hit.status == 200 and "location" not in hit.fields, "a fresh answer needs no job"
        assert stack.ask("123", fields=ASYNC).status == 400
        assert stack.ask(number, "&priority=x", ASYNC).json()["reason"] == "bad_parameter"
        assert stack.simulator.state()["arrivals"] == 1
        values = values_when(stack, lambda v: v["gateway.jobs_kept"] == 1, "the result is kept")
        assert (values["gateway.jobs_total"], values["gateway.jobs_pending"]) == (1, 0)
        assert values["gateway.jobs_kept_bytes"] > len(result.body)
        events = stack.state()["events"]
        assert [event["request"] for event in events if event["event"] == "deferred"] == ["mine-1"]


def test_the_position_falls_while_the_queue_drains():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        stack.ask(cpf.make(3020))
        busy(stack, 3021, 6)
        last = Job(stack, cpf.make(3030))
        seen = []
        while (answer := last.ask()).status == 202:
            seen.append((answer, answer.json()))
        positions = [told["position"] for _, told in seen if told["state"] == "queued"]
        assert positions == sorted(positions, reverse=True)
        assert {1, 2, 3, 4} <= set(positions), positions
        assert last.accepted.json()["position"] >= positions[0]
        for answer, told in seen:
            assert int(answer.fields["retry-after"]) >= max(1, told["eta_ms"] / 1000)
        deadlines = [told["deadline_ms"] for _, told in seen]
        assert deadlines == sorted(deadlines, reverse=True) and 0 < deadlines[-1] <= 60_000
        assert stack.simulator.state()["rejected"] == 0


def test_what_is_told_comes_true():
    """Every eta that is told, against when the result came, within one slot and 5 % (and a busy machine)."""
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        for number in cpf.make_many(5, 3040):
            stack.ask(number)
        busy(stack, 3050, 8)
        last = Job(stack, cpf.make(3060))
        told = [(last.accepted.ended, last.accepted.json()["eta_ms"])]
        while (answer := last.ask()).status == 202:
            told.append((answer.ended, answer.json()["eta_ms"]))
    for at, eta_ms in told:
        real = answer.ended - at
        assert abs(eta_ms / 1000 - real) <= T + 0.05 * real + 0.1, (eta_ms, real)


def test_a_202_only_when_it_takes_long():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        quick = stack.ask(cpf.make(3070), fields=[("Prefer", "respond-async, wait=5")])
        assert quick.status == 200 and "preference-applied" not in quick.fields
        assert "sluice-job" not in quick.fields
        busy(stack, 3071, 15)
        slow = Job(stack, cpf.make(3090), prefer="respond-async, wait=1")
        assert 1 <= slow.accepted.seconds < 2
        assert fields.check(slow.accepted)["preference-applied"] == ("respond-async", 1)
        told = slow.accepted.json()
        assert 5 <= told["position"] <= 12, "as it is now, not as it was at first"
        assert 58_000 < told["deadline_ms"] < 59_100, "wait is no deadline here"
        assert slow.done().status == 200
        hasty = stack.ask(cpf.make(3091), fields=[*ASYNC, ("Request-Timeout", "0")])
        assert (hasty.status, hasty.json()["reason"]) == (503, "deadline_unmeetable")


def test_a_long_poll_returns_when_the_job_ends():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        numbers = cpf.make_many(8, 3100)
        jobs = [Job(stack, number) for number in numbers]
        ends = []
        for job in jobs:
            answer = job.done()
            ends.append(answer.ended)
        arrivals = {arrival["attempt"].split(".")[0]: arrival["ns"] / 1e9 for arrival in stack.simulator.arrivals()}
        late = [end - arrivals[job.accepted.fields["x-request-id"]] for job, end in zip(jobs, ends)]
        # Those that wait at that moment: all but the first ones, which may be done before they are asked about.
        assert statistics.median(late) < 0.05, late
        assert all(0 <= seconds < 1 for seconds in late), late

        # Several wait for one job, some of them leave: all others are told at once.
        busy(stack, 3120, 3)
        job = Job(stack, cpf.make(3130))
        leavers = [client.Waiting(stack.port, f"{job.path}?wait=20") for _ in range(10)]
        stayers = [f"{job.path}?wait=20"] * 20
        leavers[0].leave_by_rst()
        leavers[1].leave_by_fin()
        answers = client.ask_all(stack.port, stayers)
        assert {answer.status for answer in answers} == {200}
        assert max(answer.ended for answer in answers) - min(answer.ended for answer in answers) < 1
        for waiting in leavers[1:]:
            waiting.close()

        # No longer than it says.
        busy(stack, 3140, 10)
        answer = Job(stack, cpf.make(3160)).ask(wait=0.3)
        assert answer.status == 202 and 0.3 <= answer.seconds < 1.3
        assert answer.json()["state"] == "queued"


def test_who_is_cancelled_never_reaches_the_provider():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        stack.ask(cpf.make(3200))
        order(stack, "POST", "/admin/pause")
        jobs = busy(stack, 3201, 3)
        assert jobs[0].ask().json()["eta_ms"] is None, "paused: nobody knows"
        victim = Job(stack, cpf.make(3210))
        waiting = client.Waiting(stack.port, f"{victim.path}?wait=20")
        gone = victim.ask("DELETE")
        assert (gone.status, gone.body) == (204, b"")
        status, head, body = answer_of(waiting)
        assert (status, head["Sluice-Job"], json.loads(body)["reason"]) == (410, "cancelled", "cancelled")
        assert victim.ask().status == victim.ask("DELETE").status == 404
        assert len(order(stack, "GET", "/admin/queue")["requests"]) == 3
        for job in jobs[1:]:
            assert job.ask("DELETE").status == 204
        wait_for(lambda: len(order(stack, "GET", "/admin/queue")["requests"]) == 1, "the others have left, too")
        order(stack, "POST", "/admin/resume")
        assert jobs[0].done().status == 200
        assert jobs[0].ask("DELETE").status == 204, "a result can be forgotten, too"
        assert jobs[0].ask().status == 404
        assert stack.simulator.state()["arrivals"] == 2
        values = values_when(stack, lambda v: v["gateway.clients_gone_total"] == 3, "they count as gone")
        assert values["gateway.requests_dropped_total"] == 3 and balanced(stack)
        assert values["gateway.jobs_pending"] == values["gateway.requests_waiting"] == 0


def test_hanging_up_after_the_202_changes_nothing():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        busy(stack, 3230, 3)
        leavers = []
        for number in cpf.make_many(4, 3240):
            leaver = client.Waiting(stack.port, stack.target(number), ASYNC)
            head = b""
            while b"\r\n\r\n" not in head:
                head += leaver.socket.recv(4096)
            leavers.append((leaver, number, ID.search(head.decode()).group(0)))
        for i, (leaver, _, _) in enumerate(leavers):
            if i % 2:
                leaver.leave_by_rst()
            else:
                leaver.close()
        for _, number, path in leavers:
            answer = client.ask(stack.port, f"{path}?wait=20")
            assert (answer.status, answer.body) == (200, cpf.answer(number))
        assert stack.state()["values"]["scheduler.cancelled_total"] == 0


def test_the_scheduler_dies_and_comes_back():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        numbers = cpf.make_many(6, 3260)
        jobs = [Job(stack, number) for number in numbers]
        stack.kill("scheduler")
        wait_for(lambda: jobs[5].ask().json()["state"] == "waiting", "it is missed")
        waiting = jobs[5].ask()
        assert waiting.json()["position"] is waiting.json()["eta_ms"] is None
        orphan = Job(stack, cpf.make(3270))
        assert orphan.accepted.json()["state"] == "waiting"
        assert 1 <= orphan.accepted.seconds < 2, "the scheduler's word is awaited a little"
        stack.spawn("scheduler")
        wait_for(lambda: orphan.ask().json().get("state") != "waiting", "it is back")
        for job, number in zip([*jobs, orphan], [*numbers, cpf.make(3270)]):
            answer = job.done()
            assert (answer.status, answer.body) == (200, cpf.answer(number))
        state = stack.simulator.state()
        assert (state["arrivals"], state["rejected"]) == (7, 0)


def test_gateways_answer_for_each_other():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        other = stack.spawn_gateway().port
        wait_for(lambda: client.ask(other, "/readyz").json()["missing"] == [], "nothing is missing")
        stack.ask(cpf.make(3300))
        line = busy(stack, 3301, 5)
        job = Job(stack, cpf.make(3310))
        here, there = job.ask(), job.ask(port=other)
        assert there.status == 202 and there.json()["state"] == "queued"
        assert there.json().keys() == here.json().keys() and there.json()["id"] == here.json()["id"]
        assert abs(there.json()["position"] - here.json()["position"]) <= 1
        answer = line[4].done(port=other)  # a long poll by way of the other
        assert (answer.status, answer.body) == (200, cpf.answer(cpf.make(3305)))
        arrival = stack.simulator.arrivals()[-1]
        assert 0 <= answer.ended - arrival["ns"] / 1e9 < 0.5
        assert job.done(port=other).body == job.ask().body
        assert job.ask("HEAD", port=other).status == 200

        # It cancels, and its clients' leaving cancels nothing.
        order(stack, "POST", "/admin/pause")
        mine, theirs = Job(stack, cpf.make(3320)), Job(stack, cpf.make(3321), port=other)
        for leave in ("leave_by_rst", "leave_by_fin"):
            waiting = client.Waiting(other, f"{mine.path}?wait=20")
            getattr(waiting, leave)()
            waiting.close()
        waiting = client.Waiting(other, f"{mine.path}?wait=20")
        assert mine.ask("DELETE", port=other).status == 204
        assert answer_of(waiting)[0] == 410
        assert mine.ask(port=other).status == mine.ask().status == 404
        assert theirs.ask(port=stack.port).json()["state"] == "queued"
        assert theirs.ask("DELETE", port=stack.port).status == 204
        assert theirs.ask(port=other).status == 404
        order(stack, "POST", "/admin/resume")
        assert client.ask(other, mine.path[:-1] + "g").status == 404
        unknown = mine.path[:-4] + "0000"
        assert client.ask(other, unknown).status == 404
        assert stack.simulator.state()["arrivals"] == 7


def test_a_gateway_s_jobs_die_with_it():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        other = stack.spawn_gateway()
        done = Job(stack, cpf.make(3340), port=other.port)
        done.done()
        order(stack, "POST", "/admin/pause")
        pending = Job(stack, cpf.make(3350), port=other.port)
        assert done.ask(port=stack.port).status == 200
        other.kill()
        for job in (done, pending):
            answer = wait_for(lambda: (a := job.ask(port=stack.port)).status == 410 and a, "it is gone", 20)
            assert "sluice-job" not in answer.fields and fields.check(answer)["proxy-status"]["details"] == "gone"
            assert job.ask("DELETE", port=stack.port).status == 410
        assert client.ask(stack.port, "/jobs/" + 16 * "0" + "-" + 32 * "0").status == 410
        wait_for(lambda: not order(stack, "GET", "/admin/queue")["requests"], "the queue is empty")
        order(stack, "POST", "/admin/resume")
        assert stack.ask(cpf.make(3351)).status == 200
        assert stack.simulator.state()["arrivals"] == 2, "no slot for the dead gateway's job"


def test_a_new_scheduler_knows_no_gateway_yet():
    """What it does not know then is not gone: it is asked for again."""
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        other = stack.spawn_gateway().port
        job = Job(stack, cpf.make(3360), port=other)
        stack.restart("scheduler")
        seen = set()
        wait_for(lambda: seen.add((a := job.ask(port=stack.port)).status) or a.status == 200, "the result")
        assert seen <= {200, 202, 503, 504}


def test_a_gateway_that_ends_is_asked_until_then():
    with Stack(RATE_LIMIT_SECONDS=T, DRAIN_SECONDS=8) as stack:
        other = stack.spawn_gateway()
        order(stack, "POST", "/admin/pause")
        jobs = [Job(stack, number, port=other.port) for number in cpf.make_many(4, 3370)]
        polls = [client.Waiting(stack.port, f"{job.path}?wait=20") for job in jobs]
        wait_for(lambda: stack.state()["values"]["gateway.jobs_polls"] == 8, "they wait, here and there")
        other.terminate()
        wait_for(lambda: "drain" in other.log_text(), "the drain has begun")
        assert jobs[0].ask(port=stack.port).status == 202
        order(stack, "POST", "/admin/resume")
        assert [answer_of(poll)[0] for poll in polls] == [200] * 4
        assert other.popen.wait(10) == 0
        assert wait_for(lambda: jobs[0].ask(port=stack.port).status == 410, "it is gone", 20)

        # Who would wait too long is answered before its end, as clients on a connection are.
        slow = stack.spawn_gateway(DRAIN_SECONDS=1)
        order(stack, "POST", "/admin/pause")
        job = Job(stack, cpf.make(3380), port=slow.port)
        poll = client.Waiting(stack.port, f"{job.path}?wait=20")
        wait_for(lambda: stack.state()["values"]["gateway.jobs_polls"] >= 1, "it waits")
        slow.terminate()
        status, head, body = answer_of(poll)
        assert (status, head["Sluice-Job"], json.loads(body)["reason"]) == (503, "done", "draining")
        assert slow.popen.wait(10) == 0
        order(stack, "POST", "/admin/resume")


def test_bounds():
    with Stack(RATE_LIMIT_SECONDS=T, JOBS_MAX=3, JOBS_POLLS_MAX=2) as stack:
        kept = Job(stack, cpf.make(3400))
        kept.done()
        pending = busy(stack, 3401, 2)
        assert kept.ask().status == 200
        pending += busy(stack, 3403, 1)
        assert kept.ask().status == 404, "the oldest result makes room"
        late = stack.ask(cpf.make(3404), fields=ASYNC)
        assert (late.status, late.body) == (200, cpf.answer(cpf.make(3404))), "no room for a job: the answer itself"
        assert "preference-applied" not in late.fields and "sluice-job" not in late.fields
        assert {job.done().status for job in pending} == {200}

        order(stack, "POST", "/admin/pause")
        job = Job(stack, cpf.make(3410))
        polls = [client.Waiting(stack.port, f"{job.path}?wait=20") for _ in range(2)]
        values_when(stack, lambda v: v["gateway.jobs_polls"] == 2, "both wait")
        refused = job.ask(wait=20)
        assert refused.status == 503 and int(refused.fields["retry-after"]) >= 1
        assert job.ask("DELETE").status == 204
        for poll in polls:
            poll.close()
        values = values_when(stack, lambda v: v["gateway.jobs_declined_total"] == 1, "one was declined")
        assert values["gateway.jobs_evicted_total"] >= 1 and balanced(stack)


def test_results_have_a_bound_of_bytes():
    body = b"x" * 400_000
    with provider_of(body) as url, Stack(simulator=False, UPSTREAM_URL=url, RATE_LIMIT_SECONDS=0.05,
                                         JOBS_MAX_MB=1) as stack:
        jobs = []
        for number in cpf.make_many(4, 3420):
            jobs.append(Job(stack, number))
            assert jobs[-1].done().body == body
        assert [job.ask().status for job in jobs] == [404, 404, 200, 200]
        values = values_when(stack, lambda v: v["gateway.jobs_evicted_total"] == 2, "two had to go")
        assert 800_000 < values["gateway.jobs_kept_bytes"] < 1 << 20


def test_results_are_kept_for_a_while():
    with Stack(RATE_LIMIT_SECONDS=T, JOBS_KEEP_SECONDS=0.5) as stack:
        job = Job(stack, cpf.make(3440))
        done = job.done()
        gone = wait_for(lambda: (a := job.ask()).status == 404 and a, "it expires")
        assert gone.ended - done.ended > 0.4
        assert "sluice-job" not in gone.fields and gone.json()["reason"] == "not_found"
        values_when(stack, lambda v: v["gateway.jobs_kept"] == v["gateway.jobs_kept_bytes"] == 0, "it is forgotten")


def test_what_is_wrong_is_named():
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        job = Job(stack, cpf.make(3450))
        for query in ("wait=", "wait=x", "wait=-1", "wait=1&wait=1", "wait=1e3"):
            answer = client.ask(stack.port, f"{job.path}?{query}")
            assert answer.status == 400 and "wait" in answer.json()["detail"]
        for path in ("/jobs", "/jobs/", "/jobs/1", job.path + "0", job.path[:-1], job.path.upper()):
            assert client.ask(stack.port, path).status == 404
        for method in ("POST", "PUT", "PATCH", "OPTIONS"):
            answer = job.ask(method)
            assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, DELETE")
        assert client.ask(stack.port, f"{job.path}?wait=1", method="DELETE").status == 400
        assert job.done().status == 200, "and nothing of it has changed anything"
        assert "/jobs/{id}" in stack.get("/").json()["endpoints"]


def test_ids_are_secrets():
    """Whoever has one may read and cancel: 128 bits drawn at random, and in no log, event or metric."""
    with Stack(RATE_LIMIT_SECONDS=0.02, QUEUE_MAX_SIZE=1000) as stack:
        other = stack.spawn_gateway().port
        jobs = busy(stack, 3500, 60)
        jobs[0].done()
        jobs[1].ask(port=other)
        jobs[2].ask("DELETE", port=other)
        jobs[3].ask("DELETE")
        jobs[59].done(port=other)
        epochs, secrets = zip(*(ID.fullmatch(job.path).groups() for job in jobs))
        assert len(set(epochs)) == 1 and len(set(secrets)) == 60
        ones = sum(bin(int(secret, 16)).count("1") for secret in secrets) / (60 * 128)
        assert 0.45 < ones < 0.55, "half of the bits of 60 ids, within eight standard deviations"
        assert all(len({secret[i] for secret in secrets}) >= 8 for i in range(32)), "every digit varies"
        told = json.dumps(stack.state()) + "".join(p.log_text() for p in stack.processes.values())
        assert not [secret for secret in secrets if secret[:8] in told]
        assert jobs[0].accepted.fields["x-request-id"] in told, "what the logs know is the request's id"


def test_refusals_and_fallbacks_are_results():
    with Stack(RATE_LIMIT_SECONDS=T, CACHE_TTL_SECONDS=0.1, CIRCUIT_BREAKER_FAIL_MAX=1,
               CIRCUIT_BREAKER_RESET_TIMEOUT=30) as stack:
        known = cpf.make(3600)
        fresh = stack.ask(known)
        wait_for(lambda: time.monotonic() > fresh.ended + 0.2, "it is no longer fresh")
        order(stack, "POST", "/admin/pause")
        first, second, stale = Job(stack, cpf.make(3601)), Job(stack, cpf.make(3602)), Job(stack, known)
        removed = Job(stack, cpf.make(3603))
        rows = order(stack, "GET", "/admin/queue")["requests"]
        assert admin(stack, "DELETE", f"/admin/queue/{rows[3]['id']}").status == 200
        answer = removed.done()
        assert (answer.status, answer.json()["reason"]) == (503, "removed")
        stack.simulator.faults("status=500")
        order(stack, "POST", "/admin/resume")
        answer = first.done()
        assert answer.status == 500 and fields.check(answer)["proxy-status"] == {"received-status": 500}
        answer = second.done()
        assert (answer.status, answer.json()["reason"]) == (503, "breaker_open")
        assert fields.check(answer)["retry-after"] >= 1
        answer = stale.done()
        assert (answer.status, answer.body) == (200, fresh.body)
        assert answer.fields["x-proxy-fallback"] == "cache"
        refused = stack.ask(cpf.make(3604), fields=ASYNC)
        assert (refused.status, refused.json()["reason"]) == (503, "breaker_open"), "a refusal at once needs no job"
        assert "location" not in refused.fields
        values_when(stack, lambda v: v["gateway.requests_waiting"] == 0, "nobody waits")
        assert balanced(stack)


def test_a_result_is_told_from_an_error_of_the_address():
    """The provider's own 404 is a result; so is a deadline that has passed."""
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        stack.simulator.faults("status=404&count=1")
        job = Job(stack, cpf.make(3620))
        assert job.done().status == 404
        stack.simulator.faults("service_ms=3000&count=1")
        job = Job(stack, cpf.make(3621), extra=[("Request-Timeout", "1.5")])
        answer = job.done()
        assert (answer.status, answer.json()["reason"]) == (504, "deadline_passed")


def test_totals_add_up_at_every_moment():
    with Stack(RATE_LIMIT_SECONDS=0.05) as stack:
        end = time.monotonic() + 4
        for round_ in range(1000):
            if time.monotonic() > end:
                break
            jobs = busy(stack, 3700 + 10 * round_, 5)
            stack.ask(cpf.make(3705 + 10 * round_), fields=[("Prefer", "respond-async, wait=1")])
            jobs[1].ask("DELETE")
            jobs[4].ask(wait=1)
            assert balanced(stack)
        values = values_when(stack, lambda v: v["gateway.requests_waiting"] == 0, "all have ended")
        assert balanced(stack) and values["gateway.jobs_pending"] == 0
        assert values["gateway.jobs_total"] >= 5
