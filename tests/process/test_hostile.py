"""test_hostile.py - a provider that may do anything: each client gets a definite answer in time, no slot is lost
or spent twice, the next answer is the right one, and the fetcher lives on in the same memory."""
import re
import subprocess
import time

import cpf
import fields
import pytest
from stack import BIN, Stack, wait_for
from tls_front import TlsFront

TOTAL = 0.4  # EXTERNAL_API_TIMEOUT
SLACK = 1.0  # for sanitized programs on a busy machine
MEMORY_KB = 24 * 1024  # that all cases together may add; one body alone may take 1 MB
PATIENT = {"CIRCUIT_BREAKER_FAIL_MAX": 100000, "ASAN_OPTIONS": "quarantine_size_mb=4"}

ERRORS = {  # reason: status, error type of RFC 9209
    "upstream_timeout": (504, "http_response_timeout"),
    "upstream_silent": (504, "connection_read_timeout"),
    "upstream_stalled": (504, "connection_read_timeout"),
    "upstream_dns_error": (502, "dns_error"),
    "upstream_dns_timeout": (504, "dns_timeout"),
    "upstream_unreachable": (502, "connection_refused"),
    "upstream_connect_timeout": (504, "connection_timeout"),
    "upstream_tls_error": (502, "tls_protocol_error"),
    "upstream_certificate": (502, "tls_certificate_error"),
    "upstream_closed": (502, "connection_terminated"),
    "upstream_race": (502, "connection_terminated"),
    "upstream_broken": (502, "http_response_incomplete"),
    "upstream_malformed": (502, "http_protocol_error"),
    "upstream_head_too_large": (502, "http_response_header_section_size"),
    "upstream_too_large": (502, "http_response_body_size"),
}

# What the provider does with one request on a kept connection, what the client gets (a reason of ours, or the
# provider's status), and how often the request arrives.
CASES = [
    ("stall=1", "upstream_silent", 1),
    ("drip_bytes=1&drip_ms=1000", "upstream_silent", 1),
    ("drip_bytes=40&drip_ms=60", "upstream_stalled", 1),
    ("hostile=body_10gb_open&drip_bytes=20&drip_ms=5", "upstream_timeout", 1),
    ("cut_bytes=0", "upstream_race", 1),
    ("cut_bytes=0&cut_with=rst", "upstream_race", 1),
    ("cut_bytes=30", "upstream_broken", 1),
    ("cut_bytes=30&cut_with=rst", "upstream_broken", 1),
    ("cut_bytes=250", "upstream_broken", 1),
    ("cut_bytes=250&cut_with=rst", "upstream_broken", 1),
    ("garbage=1", "upstream_malformed", 1),
    *((f"hostile={name}", "upstream_malformed", 1) for name in """http09 http2 icy status_099 status_600 status_1000
       status_word status_twice switching head_fold head_no_colon head_space head_nul head_cr length_negative
       length_word length_huge length_twice length_list length_and_chunks chunk_garbage chunk_negative chunk_huge
       coding_unknown retry_nul""".split()),
    *((f"hostile={name}", "upstream_head_too_large", 1) for name in
      ("interim_flood", "head_endless", "line_endless", "trailer_endless")),
    *((f"hostile={name}", "upstream_too_large", 1) for name in ("body_10gb", "body_10gb_chunks", "body_10gb_open")),
    ("hostile=length_beyond", "upstream_stalled", 1),
    ("hostile=chunk_endless", "upstream_stalled", 1),
    ("hostile=length_beyond_cut", "upstream_broken", 1),
    ("hostile=chunk_cut", "upstream_broken", 1),
    *((f"hostile={name}", 200, 1) for name in """interim head_obs_text bare_lf trailer gzip_bomb empty html not_json
       extra extra_late second second_late""".split()),
    ("hostile=redirect", 302, 1),
    ("hostile=no_content", 204, 1),
    ("hostile=retry_bytes", 200, 2),
    ("connection_close=1", 200, 1),
    *((f"status=429&retry_after={text}", 200, 2) for text in (
        "", "-1", "0", "1e999", "NaN", "0x7fffffff", "99999999999999999999999", "soon", "1;2", "0.0000000000000000001",
        "Fri,+31+Dec+9999+23:59:59+GMT", "Thu,+01+Jan+1970+00:00:00+GMT", "Mon,+01+Jan+0001+00:00:00+GMT")),
    ("status=429&reset_in=-99999999999999999999", 200, 2),
    ("status=429&reset_in=1e308&retry_after=0", 200, 2),
    ("status=503&retry_after=99999999999999999999999", 503, 1),
    ("status=503&retry_after=-1", 503, 1),
    ("status=599", 599, 1),
]
# The same for a new connection; and what else may come of it, where two processes race.
CONNECTIONS = [
    ("accept=hold", {"upstream_silent"}, {0}),
    ("accept=fin", {"upstream_closed"}, {0}),
    ("accept=rst", {"upstream_closed", "upstream_unreachable"}, {0}),
    ("accept=greet", {200, "upstream_malformed"}, {0, 1}),
    ("cut_bytes=0", {"upstream_closed"}, {1}),
]


def outcome(answer):
    """A reason of ours, whose status and error type must be right, or the status of the provider's answer."""
    told = fields.check(answer)
    if answer.fields.get("content-type") != "application/problem+json":
        assert answer.fields["via"].endswith(" sluice")
        return answer.status
    reason = answer.json()["reason"]
    assert (answer.status, told["proxy-status"]["error"]) == ERRORS[reason]
    return reason


def memory_kb(process):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{process.popen.pid}/status", encoding="ascii").read()).group(1))


def metric(stack, name):
    text = stack.get("/metrics").body.decode()
    return int(re.search(rf"^sluice_fetcher_{name} (\d+)", text, re.M).group(1))


class Trial:
    """Asks for one number after the other, and accounts for every arrival."""

    def __init__(self, stack, first=20000):
        self.stack, self.number, self.arrivals = stack, first, 0

    def ask(self):
        self.number += 1
        return self.stack.ask(cpf.make(self.number))

    def good(self):
        answer = self.ask()
        self.arrivals += 1
        digits = cpf.make(self.number)
        shown = f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
        assert answer.status == 200 and f'"cpf":"{shown}"' in answer.body.decode(), (answer.status, answer.body)
        return answer

    def bad(self, form):
        """One request, that meets these faults."""
        self.stack.simulator.faults(f"{form}&count=1")
        before = time.monotonic()
        answer = self.ask()
        assert time.monotonic() - before < TOTAL + SLACK, "in time"
        return outcome(answer)

    def arrived(self):
        """How many arrived that are not accounted for yet; none too early, and no attempt twice."""
        state = self.stack.simulator.state()
        found = state["arrivals"] - self.arrivals
        self.arrivals = state["arrivals"]
        assert state["rejected"] == 0
        attempts = [entry["attempt"] for entry in self.stack.simulator.arrivals()]
        assert len(attempts) == len(set(attempts))
        return found


def test_each_answer_of_a_hostile_provider_has_a_definite_end():
    with Stack(RATE_LIMIT_SECONDS=0.03, EXTERNAL_API_TIMEOUT=TOTAL, UPSTREAM_FIRST_BYTE_TIMEOUT=0.2,
               UPSTREAM_LOW_SPEED_SECONDS=0.1, UPSTREAM_LOW_SPEED_BYTES=1000, HOLD_MAX_SECONDS=0.1,
               UPSTREAM_CONNECT_TIMEOUT=0.2, **PATIENT) as stack:
        trial, fetcher = Trial(stack), stack.processes["fetcher"]
        for form, expected, arrivals in CASES[:10]:
            trial.good()
            trial.bad(form)
        trial.arrivals = stack.simulator.state()["arrivals"]
        memory = memory_kb(fetcher)
        for form, expected, arrivals in CASES:
            trial.good()
            assert (trial.bad(form), trial.arrived()) == (expected, arrivals), form
            trial.good()
        for form, expected, arrivals in CONNECTIONS:
            trial.bad("connection_close=1")
            trial.arrived()
            assert trial.bad(form) in expected and trial.arrived() in arrivals, form
            trial.good()
        assert trial.arrived() == 0 and fetcher.running()
        assert memory_kb(fetcher) - memory < MEMORY_KB
