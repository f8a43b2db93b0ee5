"""test_pacing.py - what must not disturb the distance of two arrivals: processes that stall, a provider that asks to
wait, clocks that step, and clients that leave at the last moment."""
import contextlib
import os
import signal
import threading
import time

import cpf
import pytest
from stack import Stack, wait_for

T = 0.1


def in_background(function, *arguments):
    """Its results come into the list when the thread ends."""
    results = []
    thread = threading.Thread(target=lambda: results.extend(function(*arguments)))
    thread.start()
    return thread, results


def arrived(stack, count):
    wait_for(lambda: stack.simulator.state()["arrivals"] >= count, f"{count} have arrived", 60)


def gaps(stack):
    return [arrival["gap_ns"] / 1e9 for arrival in stack.simulator.arrivals()[1:]]


@contextlib.contextmanager
def stopped(stack, names):
    pids = [stack.processes[name].popen.pid for name in names]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("names", [["scheduler"], ["fetcher"], ["scheduler", "fetcher"], ["gateway", "scheduler", "fetcher"]],
                         ids="+".join)
def test_after_a_stall_nothing_overdue_is_sent_at_once(names):
    """Stopped for five slots, several times: no slot is made up for, and none is wasted afterwards."""
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        thread, answers = in_background(stack.ask_all, cpf.make_many(45, 9000))
        for stalls in range(1, 4):
            arrived(stack, 10 * stalls)
            with stopped(stack, names):
                time.sleep(0.5)  # the length of the stall is what is tested
        thread.join()
        found = gaps(stack)
        assert [answer.status for answer in answers] == [200] * 45
        assert stack.simulator.state()["rejected"] == 0
        assert min(found) >= T
        assert sum(gap > 1.5 * T for gap in found) <= 9, "two slots are late for each stall, and one where the machine is busy"


def test_a_provider_that_asks_to_wait_is_left_alone():
    """A 429 with Retry-After: 30, and 50 in the queue: those with less time are told at once, the others wait, and are
    served spaced; nobody sees the 429."""
    patient_fields, hasty_fields = [("Request-Timeout", 60)], [("Request-Timeout", 20)]
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        stack.simulator.faults("status=429&retry_after=30&count=1")
        with stack.paused():
            patient, answers = in_background(stack.ask_all, cpf.make_many(40, 9100), patient_fields)
            hasty, refusals = in_background(stack.ask_all, cpf.make_many(11, 9150), hasty_fields)
            wait_for(lambda: stack.queued() == 51, "all wait")
        hasty.join()
        refused_at = time.monotonic()
        assert {(answer.status, answer.json()["reason"]) for answer in refusals} == {(503, "hold")}
        assert {answer.fields["retry-after"] for answer in refusals} <= {"30", "31"}
        limited = stack.simulator.arrivals()
        assert len(limited) == 1 and refused_at - limited[0]["ns"] / 1e9 < 2
        late = stack.ask(cpf.make(9199), fields=hasty_fields)
        assert (late.status, late.json()["reason"]) == (503, "hold"), "who comes during the hold is told so"
        patient.join()
        assert [answer.status for answer in answers] == [200] * 40
        found = gaps(stack)
        assert found[0] >= 30 and min(found) >= T
        assert stack.simulator.state()["arrivals"] == 41


def test_a_wall_clock_that_steps_disturbs_nothing(wall_clock):
    with Stack(RATE_LIMIT_SECONDS=T, CACHE_TTL_SECONDS=600, **wall_clock.options) as stack:
        thread, answers = in_background(stack.ask_all, cpf.make_many(40, 9200))
        for arrivals, step in ((8, 3600), (16, 0), (24, -3600), (32, 0)):
            arrived(stack, arrivals)
            wall_clock.step(step)
        thread.join()
        found = gaps(stack)
        assert [answer.status for answer in answers] == [200] * 40
        assert stack.simulator.state()["rejected"] == 0
        assert min(found) >= T and max(found) < 3 * T, "spaced, and not frozen"


@pytest.mark.parametrize("step", [3600, -3600])
def test_deadlines_and_ages_survive_a_step(wall_clock, step):
    number = cpf.make(9300)
    with Stack(RATE_LIMIT_SECONDS=T, CACHE_TTL_SECONDS=600, **wall_clock.options) as stack:
        first = stack.ask(number)
        with stack.paused():
            thread, answers = in_background(stack.ask_all, [cpf.make(9301)], [("Request-Timeout", 1)])
            wait_for(lambda: stack.queued() == 1, "it waits")
            wall_clock.step(step)
            thread.join()
        assert (answers[0].status, answers[0].json()["reason"]) == (504, "deadline_passed")
        assert 0.9 < answers[0].seconds < 2
        again = stack.ask(number)
        assert (again.status, again.body) == (200, first.body)
        assert 0 <= int(again.fields.get("age", 0)) <= 600, "no age of an hour, and none from the future"
        assert stack.ask(cpf.make(9302)).status == 200


def test_the_head_leaves_just_before_its_slot():
    """Its slot goes to the next one, however late it leaves: if it has not been sent, it never is, and nobody's slot is
    lost."""
    with Stack(RATE_LIMIT_SECONDS=T) as stack:
        stack.ask_all(cpf.make_many(3, 9400))
        dead = lost = 0
        for trial in range(40):
            seen = stack.simulator.state()["arrivals"]
            before = stack.wait(cpf.make(9410 + 3 * trial))
            arrived(stack, seen + 1)
            head = stack.wait(cpf.make(9411 + 3 * trial))
            wait_for(lambda: stack.queued() == 1 or stack.simulator.state()["arrivals"] > seen + 1, "the head waits")
            if stack.simulator.state()["arrivals"] > seen + 1:  # on a busy machine it has been sent already
                before.close()
                head.close()
                continue
            following = stack.wait(cpf.make(9412 + 3 * trial))
            slot = stack.simulator.arrivals()[-1]["ns"] / 1e9 + T
            leave = slot + 0.0005 * (trial % 10) - 0.004  # from 4 ms before it to just after
            while time.monotonic() < leave:
                time.sleep(max(0.0, (leave - time.monotonic()) / 2))  # the moment is what is tested
            head.leave_by_rst()
            assert following.answer().status == 200
            before.close()
            following.close()
            last = stack.simulator.arrivals()[seen:]
            dead += len(last) == 2
            lost += last[1]["gap_ns"] / 1e9 > 1.5 * T
        assert dead >= 5, "some left in time"
        assert lost <= 2, "slots after the head's leaving; one or two may be late where the machine is busy"
        assert stack.simulator.state()["rejected"] == 0
