"""fields.py - the fields by which an answer explains itself, read strictly: structured fields (RFC 8941) and
Server-Timing. What breaks the grammar fails the test that asked.

    fields.check(answer)  # every one of them that the answer has
    fields.parse_list('sluice; hit; ttl=42') == [("sluice", {"hit": True, "ttl": 42})]
"""
import re

TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
DECIMAL = re.compile(r"-?\d{1,12}\.\d{1,3}(?![\d.])")
INTEGER = re.compile(r"-?\d{1,15}(?![\d.])")
BOOLEAN = re.compile(r"\?[01]")
KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
HTTP_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TIMING = re.compile(rf"{HTTP_TOKEN}(?:[ \t]*;[ \t]*(?:dur=\d+(?:\.\d+)?|desc={HTTP_TOKEN}|desc=\"[ !#-\[\]-~]*\"))*")

# RFC 9209, section 2.3, and RFC 9211, section 2.
PROXY_ERRORS = """dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited
destination_ip_unroutable connection_refused connection_terminated connection_timeout connection_read_timeout
connection_write_timeout connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received
http_request_error http_request_denied http_response_incomplete http_response_header_section_size
http_response_header_size http_response_body_size http_response_trailer_section_size http_response_trailer_size
http_response_transfer_coding http_response_content_coding http_response_timeout http_upgrade_failed
http_protocol_error proxy_internal_response proxy_internal_error proxy_configuration_error
proxy_loop_detected""".split()
CACHE_FORWARDS = "bypass method uri-miss vary-miss miss request stale partial".split()
PROBLEM_STATUSES = range(400, 600)


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, pattern):
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def sign(self, sign):
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def blanks(self, which):
        while self.at < len(self.text) and self.text[self.at] in which:
            self.at += 1

    def bare_item(self):
        for pattern, read in ((DECIMAL, float), (INTEGER, int), (BOOLEAN, lambda text: text == "?1"), (TOKEN, str)):
            match = self.take(pattern)
            if match:
                return read(match.group(0))
        match = self.take(STRING)
        assert match, f"no item at {self.text[self.at:]!r} of {self.text!r}"
        return re.sub(r"\\(.)", r"\1", match.group(1))

    def parameters(self):
        found = {}
        while self.sign(";"):
            self.blanks(" ")
            key = self.take(KEY)
            assert key, f"no key at {self.text[self.at:]!r} of {self.text!r}"
            assert key.group(0) not in found, f"{key.group(0)} twice in {self.text!r}"
            found[key.group(0)] = self.bare_item() if self.sign("=") else True
        return found


def parse_list(text):
    """The members of a list of items: (item, parameters). Inner lists are none of ours."""
    reader = Reader(text)
    members = []
    while True:
        item = reader.bare_item()
        members.append((item, reader.parameters()))
        reader.blanks(" \t")
        if reader.at == len(text):
            return members
        assert reader.sign(","), f"no comma at {text[reader.at:]!r} of {text!r}"
        reader.blanks(" \t")


def check_cache_status(text):
    [(name, found)] = parse_list(text)
    assert name == "sluice" and found.keys() <= {"hit", "fwd", "ttl", "stored", "collapsed", "detail"}, text
    assert (found.get("hit") is True) != ("fwd" in found), text
    assert found.get("fwd", "miss") in CACHE_FORWARDS, text
    assert isinstance(found.get("ttl", 0), int) and isinstance(found.get("detail", ""), str), text
    return found


def check_proxy_status(text):
    [(name, found)] = parse_list(text)
    assert name == "sluice" and found.keys() <= {"error", "details", "received-status"}, text
    assert found.get("error", "dns_error") in PROXY_ERRORS, text
    assert isinstance(found.get("details", ""), str) and isinstance(found.get("received-status", 0), int), text
    return found


def check_server_timing(text):
    for metric in re.split(r"[ \t]*,[ \t]*", text):
        assert TIMING.fullmatch(metric), text
    return dict(re.findall(r"(\w+);dur=([\d.]+)", text))


def check_whole_number(text):
    assert re.fullmatch(r"\d+", text), text
    return int(text)


def check_preference_applied(text):
    """The seconds of `wait`; what else was applied stands beside them: ("respond-async", seconds or None)."""
    wait = re.fullmatch(r"wait=(\d+)", text)
    if wait:
        return int(wait.group(1))
    found = re.fullmatch(r"respond-async(?:, wait=(\d+))?", text)
    return "respond-async", found.group(1) and int(found.group(1))


def check_job(text):
    assert text in ("queued", "in_flight", "waiting", "done", "cancelled"), text
    return text


CHECKS = {
    "cache-status": check_cache_status, "proxy-status": check_proxy_status, "server-timing": check_server_timing,
    "age": check_whole_number, "retry-after": check_whole_number, "preference-applied": check_preference_applied,
    "sluice-job": check_job,
}


def check(answer):
    """What each of those fields of the answer says; and that those are there which its kind must have."""
    told = {name: read(answer.fields[name]) for name, read in CHECKS.items() if name in answer.fields}
    assert "x-request-id" in answer.fields
    if answer.fields.get("content-type") == "application/problem+json":
        problem = answer.json()
        assert answer.status == problem["status"] in PROBLEM_STATUSES
        assert told["proxy-status"]["details"] == problem["reason"]
        assert told.get("retry-after") == problem.get("retry_after")
        assert answer.status != 503 or told["retry-after"] >= 1
    elif "cache-status" in told:
        assert "age" in told or "hit" not in told["cache-status"]
        assert ("server-timing" in told) == ("fwd" in told["cache-status"])
    return told
