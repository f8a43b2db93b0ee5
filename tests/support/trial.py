"""trial.py - a provider on trial: one request after the other, each with its definite end, every arrival accounted for.

    trial = Trial(stack)
    trial.good()
    assert (trial.bad("stall=1"), trial.arrived()) == ("upstream_silent", 1)
    trial.good()
"""
import contextlib
import time

import cpf
import fields

ERRORS = {  # reason: status, error type of RFC 9209
    "deadline_passed": (504, "http_response_timeout"),
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
TOTAL = 0.4  # EXTERNAL_API_TIMEOUT
SLACK = 2.0  # for sanitized programs on a busy machine

# Each phase ends by a limit of its own, and neither the breaker nor a retry hides how.
LIMITS = {
    "RATE_LIMIT_SECONDS": 0.03, "HOLD_MAX_SECONDS": 0.1, "EXTERNAL_API_TIMEOUT": TOTAL, "UPSTREAM_CONNECT_TIMEOUT": 0.2,
    "UPSTREAM_FIRST_BYTE_TIMEOUT": 0.2, "UPSTREAM_LOW_SPEED_SECONDS": 0.1, "UPSTREAM_LOW_SPEED_BYTES": 1000,
    "CIRCUIT_BREAKER_FAIL_MAX": 100000, "RETRY_MAX": 0,
}


def outcome(answer):
    """A reason of ours, whose status and error type must be right, or the status of the provider's answer."""
    told = fields.check(answer)
    if answer.fields.get("content-type") != "application/problem+json":
        assert answer.fields["via"].endswith(" sluice")
        return answer.status
    reason = answer.json()["reason"]
    assert (answer.status, told["proxy-status"]["error"]) == ERRORS[reason]
    return reason


class Trial:
    def __init__(self, stack, first=20000):
        self.stack, self.number, self.arrivals = stack, first, 0

    @contextlib.contextmanager
    def case(self):
        """From a provider that behaves to one that behaves again, whose stack lives; logs beside a failure."""
        try:
            self.stack.simulator.faults("reset=1")
            self.good()
            self.arrivals = self.stack.simulator.state()["arrivals"]
            yield
            self.good()
            assert self.arrived() == 0
            assert all(process.running() for process in self.stack.processes.values())
        except BaseException:
            self.stack.show_logs()
            raise

    def ask(self, extra=()):
        self.number += 1
        return self.stack.ask(cpf.make(self.number), fields=extra)

    def good(self):
        answer = self.ask()
        self.arrivals += 1
        digits = cpf.make(self.number)
        shown = f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
        assert answer.status == 200 and f'"cpf":"{shown}"' in answer.body.decode(), (answer.status, answer.body)
        return answer

    def bad(self, form, within=TOTAL + SLACK, extra=()):
        """One request that meets these faults, and is answered in time."""
        self.stack.simulator.faults(f"{form}&count=1")
        before = time.monotonic()
        answer = self.ask(extra)
        assert time.monotonic() - before < within, "in time"
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
