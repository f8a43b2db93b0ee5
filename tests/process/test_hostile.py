"""test_hostile.py - a provider that may answer anything: each client gets a definite answer in time, no slot is lost
or spent twice, the next answer is the right one, and the fetcher lives on in the same memory."""
import zlib

import cpf
import fields
import pytest
from stack import Stack, release_programs
from trial import LIMITS, Trial

MALFORMED = """http09 http2 icy status_099 status_600 status_1000 status_word status_twice switching head_fold
head_no_colon head_space head_nul head_cr length_negative length_word length_huge length_twice length_list
length_and_chunks chunk_garbage chunk_negative chunk_huge coding_unknown retry_nul""".split()
HEAD_FLOODS = ["interim_flood", "head_endless", "line_endless", "trailer_endless"]
BODY_FLOODS = ["body_10gb", "body_10gb_chunks", "body_10gb_open"]
GOOD = """interim head_obs_text bare_lf trailer gzip_bomb empty html not_json extra extra_late second
second_late""".split()
WAITS = ["", "-1", "0", "1e999", "NaN", "0x7fffffff", "99999999999999999999999", "soon", "1;2",
         "0.0000000000000000001", "Fri,+31+Dec+9999+23:59:59+GMT", "Thu,+01+Jan+1970+00:00:00+GMT",
         "Mon,+01+Jan+0001+00:00:00+GMT"]

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
    *((f"hostile={name}", "upstream_malformed", 1) for name in MALFORMED),
    *((f"hostile={name}", "upstream_head_too_large", 1) for name in HEAD_FLOODS),
    *((f"hostile={name}", "upstream_too_large", 1) for name in BODY_FLOODS),
    ("hostile=length_beyond", "upstream_stalled", 1),
    ("hostile=chunk_endless", "upstream_stalled", 1),
    ("hostile=length_beyond_cut", "upstream_broken", 1),
    ("hostile=chunk_cut", "upstream_broken", 1),
    *((f"hostile={name}", 200, 1) for name in GOOD),
    ("hostile=redirect", 302, 1),
    ("hostile=no_content", 204, 1),
    ("connection_close=1", 200, 1),
    ("hostile=retry_bytes", 200, 2),
    *((f"status=429&retry_after={text}", 200, 2) for text in WAITS),
    ("status=429&reset_in=-99999999999999999999", 200, 2),
    ("status=429&reset_in=1e308&retry_after=0", 200, 2),
    ("status=503&retry_after=99999999999999999999999", 503, 1),
    ("status=503&retry_after=-1", 503, 1),
    ("status=599", 599, 1),
]
SILENT = ["stall=1", "drip_bytes=1&drip_ms=1000", "hostile=body_10gb_open&drip_bytes=20&drip_ms=5"]
FAILING = ["stall=1", "drip_bytes=40&drip_ms=60", "cut_bytes=0", "cut_bytes=250&cut_with=rst", "hostile=http09",
           "hostile=chunk_garbage", "hostile=head_endless", "hostile=body_10gb", "status=503&retry_after=-1"]
NOT_JSON = ["empty", "html", "not_json", "gzip_bomb"]


@pytest.fixture(name="trial", scope="module")
def trial_of_the_module():
    with Stack(CACHE_TTL_SECONDS=0.001, ASAN_OPTIONS="quarantine_size_mb=4", **LIMITS) as stack:
        yield Trial(stack)


@pytest.mark.parametrize("form, expected, arrivals", CASES)
def test_each_answer_has_a_definite_end(trial, form, expected, arrivals):
    with trial.case():
        assert (trial.bad(form), trial.arrived()) == (expected, arrivals)


@pytest.mark.parametrize("form", FAILING)
def test_a_stale_answer_stands_in(trial, form):
    with trial.case():
        number = cpf.make(trial.number)
        stored = trial.stack.ask(number)
        trial.stack.simulator.faults(f"{form}&count=1")
        stale = trial.stack.ask(number)
        told = fields.check(stale)
        assert (stale.status, stale.body) == (200, stored.body)
        assert stale.fields["x-proxy-fallback"] == "cache" and told["cache-status"]["hit"]
        assert told["cache-status"]["ttl"] <= 0
        assert trial.arrived() == 2


@pytest.mark.parametrize("form", SILENT)
def test_a_client_with_less_time_is_answered_by_its_own_deadline(form):
    with Stack(RATE_LIMIT_SECONDS=0.03, EXTERNAL_API_TIMEOUT=2) as stack:
        trial = Trial(stack)
        with trial.case():
            assert trial.bad(form, within=1.8, extra=[("Request-Timeout", "0.4")]) == "deadline_passed"
            assert trial.arrived() == 1


@pytest.mark.parametrize("rule, arrivals", [("json", 2), ("any", 1)])
def test_what_is_no_json_passes_and_is_stored_only_where_that_is_configured(rule, arrivals):
    with Stack(RATE_LIMIT_SECONDS=0.03, CACHE_CONTENT=rule) as stack:
        for number, name in enumerate(NOT_JSON, 100):
            stack.simulator.faults(f"hostile={name}")
            before = stack.simulator.state()["arrivals"]
            first, second = stack.ask(cpf.make(number)), stack.ask(cpf.make(number))
            assert (first.status, second.status, first.body) == (200, 200, second.body)
            assert stack.simulator.state()["arrivals"] - before == arrivals, name
        assert first.fields["content-encoding"] == "gzip", "as it came"
        assert len(first.body) == 65013 and len(zlib.decompressobj(31).decompress(first.body)) > 10_000_000


def test_nothing_of_it_stays_in_memory():
    forms = ["stall=1", "cut_bytes=250&cut_with=rst", "garbage=1", "hostile=gzip_bomb", "hostile=chunk_endless",
             *(f"hostile={name}" for name in [*HEAD_FLOODS, *BODY_FLOODS])]
    quick = {"RATE_LIMIT_SECONDS": 0.005, "UPSTREAM_FIRST_BYTE_TIMEOUT": 0.05, "UPSTREAM_LOW_SPEED_SECONDS": 0.05}
    with Stack(SLUICE_BIN=release_programs(), **LIMITS | quick) as stack:
        trial, fetcher = Trial(stack), stack.processes["fetcher"]
        used_kb = []
        for _ in range(12):
            for form in forms:
                trial.bad(form, within=10)
            used_kb.append(fetcher.memory_kb())
        assert used_kb[-1] <= used_kb[1] + 2048, used_kb  # the allocator takes a step of 1 MB now and then; a leak takes one each round
        assert fetcher.memory_kb("VmHWM") <= used_kb[1] + 4096, "one body has 1 MB, and a copy while it grows"
        trial.good()
