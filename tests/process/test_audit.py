"""test_audit.py - every decision is an event and a line of its process's log with the same facts, and every kind of
it stands in common/decisions.def."""
import re

import cpf
import stack as support
from stack import Stack, wait_for
from test_admin import order

ROW = re.compile(r'^DECISION\(\w+, "(\w+)", "(\w+)", (\w+), (\w+),', re.M)
# What one story with a rejection, an open breaker and an operator must tell: limiter, queue and breaker.
TOLD = {
    "scheduler": {"admitted", "joined", "granted", "sent", "answered", "served", "limited", "requeued", "hold",
                  "hold_over", "failed", "dismissed", "refused", "cancelled", "control_pause",
                  "control_resume", "control_trip", "control_reset"},
    "fetcher": {"sent", "answered", "limited", "failed", "stored", "breaker_opened", "breaker_tripped",
                "breaker_reset"},
    "gateway": {"answered", "failed", "gone"},
}


def table():
    text = (support.ROOT / "common/decisions.def").read_text(encoding="utf-8")
    return {(process, name): (level, told) for process, name, level, told in ROW.findall(text)}


def tell_story(stack):
    assert stack.ask(cpf.make(51000)).status == 200
    stack.simulator.faults("status=429&retry_after=0.3&count=1")
    assert stack.ask(cpf.make(51001)).status == 200
    with stack.paused():
        leaving = [stack.wait(cpf.make(51002)) for _ in range(2)]
        wait_for(lambda: stack.queued() == 2, "they wait for one call")
        for client in leaving:
            client.close()
        wait_for(lambda: stack.queued() == 0, "they have left")
    assert order(stack, "POST", "/admin/breaker", {"action": "trip", "seconds": 60})
    wait_for(lambda: stack.ask(cpf.make(51003)).json().get("reason") == "breaker_open", "the breaker is open")
    assert order(stack, "POST", "/admin/breaker", {"action": "reset"})
    wait_for(lambda: stack.ask(cpf.make(51004)).status == 200, "the breaker is closed")
    stack.simulator.faults("status=500")
    answers = stack.ask_all(cpf.make_many(16, 51100))
    assert {answer.status for answer in answers} <= {500, 502, 503}


def facts(event):
    """Those that a line has, too, as they stand in it."""
    told = {key: event.get(key) for key in ("lane", "request", "reason") if event.get(key)}
    if event.get("attempt"):
        told["attempt"] = str(event["attempt"])
    return told


def kinds(events):
    return {(event["process"], event["event"]) for event in events}


def has_line(lines, event):
    return any(all(f"{key}={value}" in line.split(" ") for key, value in facts(event).items())
               for line in lines.get((event["process"], event["event"]), []))


def test_every_decision_is_an_event_and_a_line():
    rows = table()
    with Stack(RATE_LIMIT_SECONDS=0.05, CIRCUIT_BREAKER_FAIL_MAX=3, QUEUE_MAX_SIZE=10) as stack:
        tell_story(stack)

        for process, names in TOLD.items():
            for name in names:
                wait_for(lambda: (process, name) in kinds(stack.state()["events"]), f"{process} tells {name}")
        events = stack.state()["events"]
        logs = {name: process.log_text() for name, process in stack.processes.items()}
    lines = {}
    for log in logs.values():
        for line in log.splitlines():
            words = line.split(" ")
            lines.setdefault(tuple(words[2:4]), []).append(line)
    for event in events:
        assert (event["process"], event["event"]) in rows, f"{event} is in no row"
        assert has_line(lines, event), f"{event} has no line"
    for (process, name), found in lines.items():
        if (process, name) in rows:
            level, _ = rows[(process, name)]
            assert {line.split(" ")[1] for line in found} == {level.lower()}
