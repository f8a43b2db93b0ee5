"""test_hostile_connections.py - a provider that cannot be reached, refuses, hangs, is not who it should be, or closes
connections in the moment of their use."""
import concurrent.futures
import os
import re
import subprocess

import client
import cpf
import pytest
from stack import BIN, Stack, wait_for
from tls_front import TlsFront
from trial import LIMITS, Trial

SLOTS = int(os.environ.get("RACE_SLOTS", "500"))  # 2000 take 40 s
INTERVAL_MS = 20
CLIENTS = 20

# What becomes of a new connection, what the client may get where two processes race, and how often its request
# arrives.
CONNECTIONS = [
    ("accept=hold", {"upstream_silent"}, {0}),
    ("accept=fin", {"upstream_closed"}, {0}),
    ("accept=rst", {"upstream_closed", "upstream_unreachable"}, {0}),
    ("accept=greet", {200, "upstream_malformed"}, {0, 1}),
    ("cut_bytes=0", {"upstream_closed"}, {1}),
    ("deaf_ms=400", {"upstream_connect_timeout"}, {0}),
]
HANDSHAKES = [
    ("expired", "upstream_certificate"),
    ("wrong_host", "upstream_certificate"),
    ("self_signed", "upstream_certificate"),
    ("old_tls", "upstream_tls_error"),
    ("plain", "upstream_tls_error"),
    ("cut", "upstream_tls_error"),
    ("stall", "upstream_connect_timeout"),
]


@pytest.fixture(name="trial", scope="module")
def trial_of_the_module():
    with Stack(**LIMITS) as stack:
        yield Trial(stack)


@pytest.mark.parametrize("form, expected, arrivals", CONNECTIONS)
def test_each_connection_has_a_definite_end(trial, form, expected, arrivals):
    with trial.case():
        assert trial.bad("connection_close=1") == 200 and trial.arrived() == 1
        assert trial.bad(form) in expected and trial.arrived() in arrivals


@pytest.fixture(name="front", scope="module")
def tls_front():
    with TlsFront() as front:
        yield front


@pytest.fixture(name="secure", scope="module")
def trial_over_tls(front):
    limits = LIMITS | {"UPSTREAM_CONNECT_TIMEOUT": 1, "EXTERNAL_API_TIMEOUT": 1.5}  # a handshake takes its time
    with Stack(UPSTREAM_URL=front.url, UPSTREAM_CA_FILE=front.ca_file, **limits) as stack:
        front.target = stack.simulator.port
        yield Trial(stack)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of old TLS: that is what is tried
@pytest.mark.parametrize("mode, expected", HANDSHAKES)
def test_nobody_is_trusted_who_cannot_prove_who_he_is(secure, front, mode, expected):
    front.use("good")
    with secure.case():
        front.use(mode)
        assert (secure.bad("reset=1", within=4), secure.arrived()) == (expected, 0)
        front.use("good")


def test_a_connection_over_tls_is_kept(secure, front):
    front.use("good")
    before = front.accepted
    with secure.case():
        secure.good()
    assert front.accepted == before + 1


def resolver_environment(order):
    """The resolver that a test can break; a sanitizer wants to be loaded before anything else."""
    libraries = subprocess.run(["ldd", BIN / "sluice-fetcher"], capture_output=True, text=True, check=True).stdout
    sanitizer = re.findall(r"=> (\S*/libasan\.so\S*)", libraries)
    return {"LD_PRELOAD": " ".join([*sanitizer, str(BIN / "libbroken_resolver.so")]),
            "RESOLVER_NAME": "provider.test", "RESOLVER_FILE": str(order)}


def test_a_name_that_fails_to_resolve_is_found_again(tmp_path):
    order = tmp_path / "order"
    order.write_text("fail\n")
    with Stack(UPSTREAM_URL="http://provider.test:{port}/api/score", **resolver_environment(order), **LIMITS) as stack:
        trial = Trial(stack)
        for word, expected in [("fail", "upstream_dns_error"), ("hang", "upstream_dns_timeout"),
                               ("fail", "upstream_dns_error")]:
            order.write_text(f"{word}\n")
            assert (trial.bad("reset=1"), trial.arrived()) == (expected, 0)
        order.write_text("127.0.0.1\n")
        with trial.case():
            trial.good()


def attempts(log, decision, reason="none"):
    """Those of which the fetcher has told this, as the provider sees them."""
    lines = rf" fetcher {decision} lane=score request=(\w+) attempt=(\d+)(?: reason=(\w+))?"
    return [f"{request}.{attempt}" for request, attempt, why in re.findall(lines, log) if (why or "none") == reason]


def metric(stack, name):
    return stack.state()["values"][f"fetcher.{name}"]


def all_through_a_new_slot(answers):
    """Each client of an attempt that was lost with its connection has got the provider's answer all the same."""
    return all(answer.status == 200 for answer in answers)


def race(stack):
    """SLOTS requests, each of them waited for by one of CLIENTS, so that there is always one to send."""
    targets = [[stack.target(cpf.make(30000 + place)) for place in range(first, SLOTS, CLIENTS)]
               for first in range(CLIENTS)]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return [answer for some in pool.map(lambda mine: client.ask_in_turn(stack.port, mine), targets)
                for answer in some]


def test_no_request_is_written_twice_when_connections_die_in_the_moment_of_their_use():
    """The provider closes idle connections at random moments around the interval, while every slot is in use."""
    retries = {"RETRY_BASE_SECONDS": 0.05, "RETRY_MAX": 10, "RETRY_BUDGET_PERCENT": 100}
    with Stack(RATE_LIMIT_SECONDS=INTERVAL_MS / 1000, **retries) as stack:
        stack.simulator.faults(f"close_after_ms={INTERVAL_MS - 2}&close_after_jitter_ms=4")
        answers = race(stack)
        arrived = [entry["attempt"] for entry in stack.simulator.arrivals()]
        state = stack.simulator.state()
        log = stack.processes["fetcher"].log_text()
        written, lost = attempts(log, "sent"), attempts(log, "failed", "upstream_race")
        wait_for(lambda: metric(stack, "upstream_requests_total") == len(written), "they are counted")
        counted = metric(stack, "resends_prevented_total")
    print(f"{len(written)} slots, {len(arrived)} arrivals, {len(lost)} lost, {state['connections']}")
    assert len(answers) == SLOTS and len(arrived) <= len(written)
    assert len(set(arrived)) == len(arrived) and len(set(written)) == len(written)
    assert set(written) - set(arrived) == set(lost) and counted == len(lost)
    assert state["rejected"] == 0 and state["connections"]["total"] > SLOTS / 4
    assert all_through_a_new_slot(answers) and len(written) == SLOTS + len(lost)
