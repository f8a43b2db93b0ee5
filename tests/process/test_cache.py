"""test_cache.py - the cache of a whole stack: how long answers keep, what clients may wish, what is remembered of failures,
purges, what is told of it, and disks that refuse."""
import contextlib
import email.utils
import http.server
import json
import pathlib
import shutil
import subprocess
import threading
import time

import client
import cpf
import fields
import pytest
from stack import BIN, Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.02, "CIRCUIT_BREAKER_FAIL_MAX": 100000, "RETRY_MAX": 0}
MANY = FAST | {"RATE_LIMIT_SECONDS": 0.001, "SIMULATOR_WINDOW_SECONDS": 0, "QUEUE_MAX_SIZE": 10000}
NO_CACHE = [("Cache-Control", "no-cache")]


class Provider:
    """One whose answers have the fields that the test wishes; `Date` can lie in the past."""

    def __init__(self):
        self.calls, self.more, self.date_ago, self.status = 0, [], 0, 200
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                provider.calls += 1
                body = b'{"score":%d}' % provider.calls
                self.send_response_only(provider.status)
                self.send_header("Date", email.utils.formatdate(time.time() - provider.date_ago, usegmt=True))
                for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *provider.more]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/score"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def stack_before(**options):
    with Provider() as provider, Stack(simulator=False, UPSTREAM_URL=provider.url, **FAST | options) as stack:
        yield stack, provider


def arrivals(stack):
    return stack.simulator.state()["arrivals"]


def status_of(answer):
    return fields.check(answer)["cache-status"]


def is_stale(answer):
    return answer.fields.get("x-proxy-fallback") == "cache"


def fail_once(stack, number, why="upstream_error"):
    """Until what the cache has is stale, and the first call to replace it has failed."""
    answer = wait_for(lambda: (found := stack.ask(number)) and is_stale(found) and found, "a stale answer")
    assert status_of(answer)["detail"] == why
    return answer


def cache_and_fail(stack, number):
    """The provider has answered once, and fails from then on."""
    assert stack.ask(number).status == 200
    stack.simulator.faults("status=500")
    fail_once(stack, number)


def control(stack, method, path, body=b""):
    request = (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    waiting = client.Waiting.__new__(client.Waiting)
    waiting.socket, waiting.started = client.socket.create_connection(("127.0.0.1", stack.port), timeout=20), 0
    waiting.socket.sendall(request)
    answer = waiting.answer()
    waiting.close()
    return answer


# How long answers keep


def test_age_and_date_of_the_provider_count():
    with stack_before() as (stack, provider):
        provider.more = [("Cache-Control", "max-age=300"), ("Age", "100")]
        first = stack.ask(cpf.make(6000))
        assert status_of(first)["fwd"] == "miss" and int(first.fields["age"]) == 100, "another cache had it before"
        hit = stack.ask(cpf.make(6000))
        assert 100 <= int(hit.fields["age"]) <= 110 and 185 <= status_of(hit)["ttl"] <= 200
        provider.more, provider.date_ago = [("Cache-Control", "max-age=300")], 200
        stack.ask(cpf.make(6001))
        hit = stack.ask(cpf.make(6001))
        assert 200 <= int(hit.fields["age"]) <= 210 and 85 <= status_of(hit)["ttl"] <= 100
        provider.date_ago = 400  # over when it comes: asked for each time
        before = provider.calls
        assert [status_of(stack.ask(cpf.make(6002)))["fwd"] for _ in range(3)] == ["miss", "stale", "stale"]
        assert provider.calls == before + 3
        provider.more, provider.date_ago = [("Expires", email.utils.formatdate(time.time() + 90, usegmt=True))], 0
        stack.ask(cpf.make(6003))
        assert 75 <= status_of(stack.ask(cpf.make(6003)))["ttl"] <= 90


def test_what_may_stand_in_for_an_error():
    with stack_before(STALE_BACKOFF_SECONDS=0) as (stack, provider):
        for number, (said, stale) in enumerate([
                ("max-age=0", True), ("max-age=0, stale-if-error=60", True), ("max-age=0, stale-if-error=0", False),
                ("max-age=0, must-revalidate", False), ("s-maxage=0", False)], 6010):
            provider.more, provider.status = [("Cache-Control", said)], 200
            assert stack.ask(cpf.make(number)).status == 200
            provider.status = 500
            answer = stack.ask(cpf.make(number))
            assert (answer.status, is_stale(answer)) == ((200, True) if stale else (500, False)), said


def test_what_the_provider_takes_back_is_not_served_any_more():
    """A 404 or 401 is its word, not an error: what the cache has from before must not come back with the next error."""
    with Stack(CACHE_TTL_SECONDS=0.1, STALE_BACKOFF_SECONDS=0.1, **FAST) as stack:
        number = cpf.make(6020)
        cache_and_fail(stack, number)
        stack.simulator.faults("reset=1&status=401")
        wait_for(lambda: stack.ask(number).status == 401, "the provider's word", 20)
        stack.simulator.faults("reset=1&status=500")
        assert [stack.ask(number).status for _ in range(3)] == [500] * 3


def test_negative_answers_are_kept_for_their_own_time():
    with Stack(CACHE_NEGATIVE_STATUSES="404,410", CACHE_NEGATIVE_TTL_SECONDS=0.5, **FAST) as stack:
        stack.simulator.faults("status=404")
        first = stack.ask(cpf.make(6030))
        assert (first.status, status_of(first).get("stored")) == (404, True)
        hits = [stack.ask(cpf.make(6030)) for _ in range(5)]
        assert all(answer.status == 404 and answer.body == first.body for answer in hits)
        assert all("hit" in status_of(answer) for answer in hits) and arrivals(stack) == 1
        wait_for(lambda: status_of(stack.ask(cpf.make(6030))).get("fwd") == "stale", "its time is over")
        stack.simulator.faults("reset=1&status=500")  # and no 404 stands in for an error
        wait_for(lambda: stack.ask(cpf.make(6030)).status == 500, "the error")
        stack.simulator.faults("reset=1&status=403")  # not listed
        before = arrivals(stack)
        assert [stack.ask(cpf.make(6031)).status for _ in range(3)] == [403] * 3
        assert arrivals(stack) == before + 3


@pytest.mark.parametrize("list_, bad", [("429", "429"), ("404,500", "500"), ("404,304", "304"), ("200", "200"), ("4o4", "4o4"), ("404,", "")])
def test_statuses_that_may_not_be_kept_stop_the_start(tmp_path, list_, bad):
    environment = {"UPSTREAM_URL": "http://127.0.0.1:1/", "CACHE_NEGATIVE_STATUSES": list_, "RUNTIME_DIR": str(tmp_path),
                   "STATE_DIR": str(tmp_path), "CACHE_DIR": str(tmp_path)}
    for arguments in ([], ["--check"]):
        refused = subprocess.run([BIN / "sluice-fetcher", *arguments], env=environment, cwd=tmp_path, timeout=20, capture_output=True,
                                 text=True, check=False)
        assert refused.returncode == 1 and f"CACHE_NEGATIVE_STATUSES: '{bad}'" in refused.stderr


# What clients wish


def test_one_no_cache_client_does_not_burn_the_quota():
    """In a loop it costs one slot in each CLIENT_CACHE_MIN_AGE."""
    number, age = cpf.make(6100), 0.5
    with Stack(CLIENT_CACHE_MIN_AGE=age, **FAST) as stack:
        stack.ask(number)
        started, asked = time.monotonic(), 0
        while time.monotonic() - started < 4 * age:
            answer = stack.ask(number, fields=NO_CACHE)
            assert answer.status == 200
            asked += 1
        took = time.monotonic() - started
        assert 3 <= arrivals(stack) <= 2 + took / age and asked > 20
        print(f"{asked} requests, {arrivals(stack)} slots in {took / age:.1f} ages")
        young = stack.ask(number, fields=[("Cache-Control", "max-age=0")])
        assert "hit" in status_of(young) or status_of(young)["fwd"] == "request"


@pytest.mark.parametrize("policy, slots", [("honour", 6), ("ignore", 1)])
def test_no_cache_obeyed_and_ignored(policy, slots):
    with Stack(CLIENT_CACHE_CONTROL=policy, **FAST) as stack:
        stack.ask(cpf.make(6110))
        answers = [stack.ask(cpf.make(6110), fields=wish) for wish in (
            NO_CACHE, [("Pragma", "no-cache")], [("Cache-Control", "max-age=0")], [("Cache-Control", "min-fresh=3600")], NO_CACHE)]
        assert {answer.status for answer in answers} == {200} and arrivals(stack) == slots
        told = {status_of(answer).get("fwd") for answer in answers}
        assert told == ({"request"} if policy == "honour" else {None})


def test_what_may_not_be_stored_is_not():
    with Stack(CLIENT_CACHE_CONTROL="honour", **FAST) as stack:
        answer = stack.ask(cpf.make(6120), fields=[("Cache-Control", "no-store")])
        assert answer.status == 200 and "stored" not in status_of(answer)
        assert status_of(stack.ask(cpf.make(6120)))["fwd"] == "miss"
        hit = stack.ask(cpf.make(6120), fields=[("Cache-Control", "no-store")])
        assert "hit" in status_of(hit) and arrivals(stack) == 2


def test_only_if_cached():
    wish = [("Cache-Control", "only-if-cached")]
    with Stack(**FAST) as stack:
        refused = stack.ask(cpf.make(6130), fields=wish)
        assert (refused.status, refused.json()["reason"]) == (504, "not_cached")
        fields.check(refused)
        assert arrivals(stack) == 0
        stack.ask(cpf.make(6130))
        assert "hit" in status_of(stack.ask(cpf.make(6130), fields=wish)) and arrivals(stack) == 1


# What is remembered of failures


def test_what_is_remembered_outlives_fetcher_and_gateway():
    with Stack(CACHE_TTL_SECONDS=0.1, STALE_BACKOFF_SECONDS=60, **FAST) as stack:
        number = cpf.make(6200)
        cache_and_fail(stack, number)
        before = arrivals(stack)
        stack.restart("fetcher")
        stack.restart("gateway")
        wait_for(lambda: stack.get("/readyz").status == 200, "it is ready")
        second = stack.spawn_gateway()  # and all gateways know it
        answers = [client.ask(port, stack.target(number)) for port in (stack.port, second.port) for _ in range(10)]
        assert all(is_stale(answer) and status_of(answer)["detail"] == "upstream_error" for answer in answers)
        assert arrivals(stack) == before
        stack.simulator.faults("reset=1")
        fresh = stack.ask(cpf.make(6201))
        assert fresh.status == 200 and not is_stale(fresh), "another key is another matter"


def test_a_provider_that_recovers_is_noticed():
    with Stack(CACHE_TTL_SECONDS=0.3, STALE_BACKOFF_SECONDS=0.3, **FAST) as stack:
        number = cpf.make(6210)
        cache_and_fail(stack, number)
        stack.simulator.faults("reset=1")
        wait_for(lambda: "hit" in status_of(answer := stack.ask(number)) and not is_stale(answer), "it is fresh again")


def test_no_connection_is_a_failure_too():
    with Stack(CACHE_TTL_SECONDS=0.1, STALE_BACKOFF_SECONDS=60, **FAST) as stack:
        number = cpf.make(6220)
        stack.ask(number)
        stack.kill("simulator")
        fail_once(stack, number, "upstream_unreachable")
        granted = len([line for line in stack.processes["scheduler"].log_text().split("\n") if " granted " in line])
        assert all(is_stale(stack.ask(number)) for _ in range(20))
        assert len([line for line in stack.processes["scheduler"].log_text().split("\n") if " granted " in line]) == granted


# Purges


def test_one_answer_is_purged():
    numbers = cpf.make_many(3, 6300)
    alice = [("client-id", "alice")]
    with Stack(**FAST) as stack:
        def purged(path, body=b""):
            answer = control(stack, "DELETE", path, body)
            assert answer.status == 200, answer.body
            return answer.json()["removed"]

        def hit(number, whose=()):
            """Without asking the provider when it is not there."""
            return stack.ask(number, fields=[*whose, ("Cache-Control", "only-if-cached")]).status == 200

        for number in numbers:
            stack.ask(number)
        stack.ask(numbers[0], fields=alice)
        assert purged(f"/admin/cache?key=cpf={cpf.pretty(numbers[0])}") == 1
        assert [hit(number) for number in numbers] == [False, True, True] and hit(numbers[0], alice)
        assert purged(f"/admin/cache?key=cpf={numbers[0]}") == 0, "it is gone already"
        assert purged(f"/admin/cache?key=cpf={numbers[0]}&client_id=alice") == 1
        assert not hit(numbers[0], alice)
        assert purged("/admin/cache", json.dumps({"key": f"cpf={numbers[1]}"}).encode()) == 1
        assert [hit(number) for number in numbers] == [False, False, True]
        for bad in ("key=x", "key=", "cpf=" + numbers[2], f"key=cpf={numbers[2]}&lane=other", "key=cpf=12345678909"):
            assert control(stack, "DELETE", f"/admin/cache?{bad}").status == 400, bad
        assert hit(numbers[2])
        assert purged("/admin/cache") == 1 and not hit(numbers[2])
        log = stack.processes["scheduler"].log_text()
        assert log.count("note='purge one by loopback'") + log.count('note="purge one by loopback"') == 4
        told = wait_for(lambda: [event for event in stack.state()["events"] if event["event"] == "control_purge"][4:], "the events")
        assert told[-1]["value"] == 1


# What is told of it


def test_slots_saved_and_the_hit_ratio():
    with Stack(CACHE_TTL_SECONDS=3600, **FAST) as stack:
        with stack.paused():
            waiting = [stack.wait(cpf.make(6400)) for _ in range(4)]
            wait_for(lambda: stack.queued() == 4, "they share a call")
        assert [waiter.answer().status for waiter in waiting] == [200] * 4
        for _ in range(6):
            assert "hit" in status_of(stack.ask(cpf.make(6400)))
        values = wait_for(lambda: (found := stack.state()["values"])["metricsd.slots_saved_total"] == 9 and found, "the totals of all")
        assert values["gateway.cache_hits_total"] == 6 and values["scheduler.coalesced_total"] == 3
        assert values["metricsd.cache_hit_ppm"] == 600000
        text = wait_for(lambda: (found := stack.get("/metrics").body.decode()).count("sluice_metricsd_slots_saved_total 9\n") and found,
                        "the exposition")
        assert "sluice_metricsd_cache_hit_ppm 600000\n" in text
        assert "sluice_gateway_cache_hits_total 6\n" in text and "sluice_gateway_cache_backed_off_total 0\n" in text


# Disks that refuse


@contextlib.contextmanager
def tmpfs(options):
    """A small file system for CACHE_DIR, and what changes it."""
    folder = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/sluice-disk-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip())

    def mount(what):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", what, "tmpfs", folder], capture_output=True, check=False).returncode == 0
    if not mount(options):
        folder.rmdir()
        pytest.skip("may not mount a file system; cache_writer_test.c fills a disk by RLIMIT_FSIZE")
    try:
        yield folder, lambda what: subprocess.run(["mount", "-o", f"remount,{what}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def test_a_full_disk_means_no_cache_and_no_error():
    with tmpfs("size=160k") as (folder, remount), Stack(CACHE_DIR=folder, CACHE_MAX_MB=8, **MANY) as stack:
        numbers = cpf.make_many(300, 6500)
        answers = stack.ask_all(numbers)
        assert {answer.status for answer in answers} == {200}
        wait_for(lambda: stack.state()["values"]["fetcher.cache_errors_total"] > 0, "some were not stored")
        assert stack.ask(numbers[0]).status == 200
        remount("size=16m")
        assert {answer.status for answer in stack.ask_all(numbers)} == {200}
        assert all("hit" in status_of(answer) for answer in stack.ask_all(numbers)), "now there is room"


def test_a_read_only_disk_means_no_cache_and_no_error():
    with tmpfs("size=16m,ro") as (folder, remount), Stack(CACHE_DIR=folder, CACHE_MAX_MB=8, **FAST) as stack:
        for _ in range(3):
            answer = stack.ask(cpf.make(6600))
            assert answer.status == 200 and "stored" not in status_of(answer)
        assert arrivals(stack) == 3
        assert "cache_lost" in stack.processes["fetcher"].log_text()
        remount("rw")
        wait_for(lambda: "hit" in status_of(stack.ask(cpf.make(6600))), "there is a cache")
        assert "cache_opened" in stack.processes["fetcher"].log_text()


def test_a_rebuilt_file_is_noticed_by_gateways():
    """What is no cache of ours is set aside, with a line that says so, and gateways that run go over to the new one."""
    with Stack(**FAST) as stack:
        number = cpf.make(6700)
        stack.ask(number)
        assert "hit" in status_of(stack.ask(number))
        stack.kill("fetcher")
        path = stack.folder / "cache" / "answers.mdb"
        size = path.stat().st_size
        torn = path.with_name("torn")
        torn.write_bytes(b"\xa5" * 100000)
        with open(torn, "r+b") as file:
            file.truncate(size)
        torn.rename(path)
        stack.spawn("fetcher")
        log = stack.processes["fetcher"].log_text()
        assert "cache_set_aside" in log and path.with_name("answers.mdb.bad").exists()
        before = arrivals(stack)
        wait_for(lambda: stack.ask(number).status == 200 and arrivals(stack) > before, "the old one is let go")
        wait_for(lambda: "hit" in status_of(stack.ask(number)), "and the new one is read")
        assert arrivals(stack) <= before + 3


def test_a_foreign_reader_and_killed_gateways_cost_nothing():
    """A reader that sleeps in a transaction, of a foreign program, and gateways killed while they answer hits."""
    reader = "import lmdb, sys, time\nenv = lmdb.open(sys.argv[1], subdir=False, readonly=True, max_dbs=4)\n" \
             "txn = env.begin()\nprint(txn.stat()['entries'], flush=True)\ntime.sleep(1000)\n"
    with Stack(CACHE_MAX_MB=1, **MANY) as stack:
        stack.ask(cpf.make(6800))
        foreign = subprocess.Popen(["/usr/bin/python3", "-c", reader, stack.folder / "cache" / "answers.mdb"], stdout=subprocess.PIPE)
        assert foreign.stdout.readline().strip() == b"3"
        for round_number in range(4):
            answers = stack.ask_all(cpf.make_many(100, 6810 + 100 * round_number))
            assert {answer.status for answer in answers} == {200}
            waiting = [stack.wait(cpf.make(6810)) for _ in range(20)]
            stack.restart("gateway")
            for waiter in waiting:
                waiter.close()
            wait_for(lambda: stack.get("/readyz").status == 200, "it is ready")
        foreign.kill()
        foreign.wait()
        foreign.stdout.close()
        for number in cpf.make_many(20, 7300):
            assert stack.ask(number).status == 200
            assert "hit" in status_of(stack.ask(number))


def test_copied_folders_are_a_whole_backup(tmp_path):
    """Of a stack that was stopped, as deploy/README.md tells: another one serves from them."""
    number = cpf.make(6950)
    with Stack(**FAST) as first:
        assert first.ask(number).status == 200
        first.stop()
        for folder in ("state", "cache"):
            shutil.copytree(first.folder / folder, tmp_path / folder)
    with Stack(STATE_DIR=tmp_path / "state", CACHE_DIR=tmp_path / "cache", **FAST) as second:
        answer = second.ask(number)
        assert answer.status == 200 and "hit" in answer.fields["cache-status"]
        assert second.simulator.arrivals() == []
