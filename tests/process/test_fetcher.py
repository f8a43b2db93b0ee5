"""test_fetcher.py - a provider that misbehaves, and a fetcher that is stopped, killed or doubled."""
import os
import signal
import subprocess
import threading
import time

import cpf
from stack import BIN, Stack, wait_for

FAST = {"RATE_LIMIT_SECONDS": 0.1}


def reasons(stack, numbers):
    return [(answer.status, answer.json()["reason"]) for answer in map(stack.ask, numbers)]


def test_no_provider_costs_no_slot_but_opens_the_breaker():
    with Stack(CIRCUIT_BREAKER_RESET_TIMEOUT=0.5, RETRY_MAX=0, **FAST) as stack:
        stack.processes["simulator"].kill()
        refused = reasons(stack, [cpf.make(740 + i) for i in range(3)])
        assert refused == [(502, "upstream_unreachable")] * 3
        assert reasons(stack, [cpf.make(745)]) == [(503, "breaker_open")]
        stack.spawn("simulator")
        wait_for(lambda: stack.ask(cpf.make(746)).status == 200, "the probe passes")


def test_a_proxy_is_used_when_it_is_named_and_only_then():
    """The simulator plays it: it is asked for a host that nobody else knows."""
    with Stack(http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", **FAST) as stack:
        assert stack.ask(cpf.make(748)).status == 200, "what the environment says to others is nothing to us"
        stack.environment["UPSTREAM_PROXY"] = f"http://127.0.0.1:{stack.simulator.port}"
        stack.environment["UPSTREAM_URL"] = "http://provider.invalid/api/score"
        stack.restart("fetcher")
        assert stack.ask(cpf.make(749)).status == 200
        assert stack.simulator.state()["arrivals"] == 2


def test_a_stopped_fetcher_does_not_send_late():
    with Stack(**FAST) as stack:
        assert stack.ask(cpf.make(750)).status == 200
        fetcher = stack.processes["fetcher"].popen
        answers = []
        asking = threading.Thread(target=lambda: answers.extend(stack.ask_all(cpf.make_many(30, 760))))
        asking.start()
        wait_for(lambda: stack.simulator.state()["arrivals"] >= 5, "some have been sent")
        for _ in range(3):
            os.kill(fetcher.pid, signal.SIGSTOP)
            time.sleep(0.3)  # the length of the stop is what is tested
            os.kill(fetcher.pid, signal.SIGCONT)
            wait_for(lambda before=stack.simulator.state()["arrivals"]:
                     stack.simulator.state()["arrivals"] > before, "it goes on")
        asking.join()
        assert [answer.status for answer in answers] == [200] * 30
        assert stack.simulator.state()["rejected"] == 0


def test_the_cache_outlives_the_fetcher():
    number = cpf.make(800)
    with Stack(**FAST) as stack:
        first = stack.ask(number)
        stack.restart("fetcher")
        again = stack.ask(number)
        assert (again.status, again.body) == (200, first.body)
        assert stack.simulator.state()["arrivals"] == 1
        assert "why=kept" in stack.processes["fetcher"].log_text()
        assert stack.ask(cpf.make(801)).status == 200, "and the new one serves"


def test_sigterm_awaits_what_is_in_flight():
    with Stack(**FAST) as stack:
        stack.simulator.faults("service_ms=700")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(stack.ask(cpf.make(810))))
        asking.start()
        wait_for(lambda: stack.simulator.state()["arrivals"] == 1, "it has been sent")
        started = time.monotonic()
        assert stack.processes["fetcher"].stop() == 0
        assert time.monotonic() - started > 0.4
        asking.join()
        assert answers[0].status == 200
        stack.processes["fetcher"].killed = True
        stack.spawn("fetcher")
        assert stack.ask(cpf.make(811)).status == 200


def test_a_second_fetcher_refuses_to_start():
    with Stack(**FAST) as stack:
        second = subprocess.run([BIN / "sluice-fetcher"], env=stack.environment, cwd=stack.folder, timeout=20,
                                capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "second_fetcher" in second.stderr and "READY" not in second.stdout
        assert stack.ask(cpf.make(820)).status == 200


def test_a_bad_option_of_the_way_upstream_stops_the_start(tmp_path):
    (tmp_path / "no.pem").write_text("no certificate\n")
    bad = [("UPSTREAM_URL", url) for url in ["", "ftp://localhost/", "localhost:80", "http://user:pw@localhost/"]]
    bad += [("UPSTREAM_PROXY", proxy) for proxy in ["localhost:3128", "socks5://localhost", "http://user:pw@localhost"]]
    bad += [("UPSTREAM_CA_FILE", str(tmp_path / name)) for name in ["none.pem", "no.pem"]]
    bad += [("RESPONSES_MAX_MB", "1"), ("CACHE_CONTENT", "xml"), ("UPSTREAM_LOW_SPEED_BYTES", "0")]
    with Stack(RESPONSE_MAX_BYTES=2_000_000, **FAST) as stack:
        for name, value in bad:
            environment = stack.environment | {name: value, "CACHE_DIR": str(stack.folder / "other")}
            refused = subprocess.run([BIN / "sluice-fetcher"], env=environment, cwd=stack.folder, timeout=20,
                                     capture_output=True, text=True, check=False)
            assert refused.returncode == 1 and name in refused.stderr, (name, value)
