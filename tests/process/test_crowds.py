"""test_crowds.py - many at once: who floods the queue, who leaves in a body, and who has to wait behind them."""
import resource
import time

import client
import cpf
from stack import Stack, release_programs, wait_for

CROWD = 1000
WAITING_KB = {"gateway": 1.1, "scheduler": 0.54}  # what one that waits takes
LINE = 10000
STARVATION_SECONDS = 1.0
T = 0.02


def queue_length(stack):
    return stack.state()["values"]["scheduler.queue_length"]


def arrivals(stack):
    return stack.simulator.state()["arrivals"]


def may_open(files):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, files), most))


def test_a_thousand_leave_and_nothing_stays():
    """Nothing of theirs is sent, and the next thousand find the memory of the first."""
    may_open(4 * CROWD)
    with Stack(SLUICE_BIN=release_programs(), QUEUE_MAX_SIZE=2 * CROWD, REQUEST_TIMEOUT_SECONDS=3000) as stack:
        used_kb = []
        with stack.paused():
            for crowd in range(4):
                waiting = [stack.wait(cpf.make(20000 + crowd * CROWD + i)) for i in range(CROWD)]
                wait_for(lambda: queue_length(stack) == CROWD, "all wait", 30)
                for one in waiting:
                    one.close()
                wait_for(lambda: queue_length(stack) == 0, "nobody waits any more", 30)
                used_kb.append({name: stack.processes[name].memory_kb() for name in ("gateway", "scheduler")})
        assert stack.ask(cpf.make(19999)).status == 200
        assert arrivals(stack) == 1
    for name, first_kb in used_kb[0].items():  # half of what three crowds would take if they stayed (tests/bench/footprint)
        assert used_kb[-1][name] <= first_kb + 3 * CROWD * WAITING_KB[name] / 2, used_kb


def test_a_call_that_waits_takes_less_than_a_kilobyte():
    """In the scheduler, all in all: what it keeps of a message is not the whole buffer in which that came."""
    with Stack(SLUICE_BIN=release_programs(), QUEUE_MAX_SIZE=LINE, JOBS_MAX=LINE,
               REQUEST_TIMEOUT_SECONDS=20000) as stack:
        with stack.paused():
            used_kb = []
            for count in (0, 1000, 2000):
                targets = [stack.target(cpf.make(60000 + 2 * count + i)) for i in range(count)]
                answers = client.ask_in_turn(stack.port, targets, [("Prefer", "respond-async")])
                assert {answer.status for answer in answers} <= {202}
                used_kb.append(stack.processes["scheduler"].memory_kb())
            wait_for(lambda: queue_length(stack) == 3000, "all wait", 30)
    assert used_kb[2] - used_kb[1] < 2000, used_kb


def test_fair_lets_a_second_client_wait_two_slots_at_most():
    """Ten thousand of the first one wait, as jobs: they need no connections."""
    with Stack(QUEUE_MAX_SIZE=2 * LINE, WAITERS_MAX=2 * LINE, JOBS_MAX=2 * LINE, JOBS_MAX_MB=512, QUEUE_POLICY="fair",
               RATE_LIMIT_SECONDS=0.5, REQUEST_TIMEOUT_SECONDS=20000, SLUICE_BIN=release_programs()) as stack:
        targets = [stack.target(cpf.make(30000 + i)) for i in range(LINE)]
        accepted = client.ask_in_turn(stack.port, targets, [("client-id", "flood"), ("Prefer", "respond-async")])
        assert {answer.status for answer in accepted} == {202}
        assert wait_for(lambda: queue_length(stack) > LINE - 500, "they wait", 30)
        before = arrivals(stack)
        answer = stack.ask(cpf.make(500), fields=[("client-id", "other")])
        between = arrivals(stack) - before - 1
    assert answer.status == 200
    assert between <= 2


def test_whoever_starves_in_a_flood_is_served_within_the_bound():
    with Stack(QUEUE_MAX_SIZE=CROWD, QUEUE_POLICY="priority", QUEUE_STARVATION_SECONDS=STARVATION_SECONDS,
               RATE_LIMIT_SECONDS=T) as stack:
        stack.ask(cpf.make(41999))  # everything is up
        urgent = [("X-Priority", "0")]
        waiting = [stack.wait(cpf.make(42000 + i), urgent) for i in range(20)]
        started = time.monotonic()
        before = arrivals(stack)
        starving = stack.wait(cpf.make(41000), [("X-Priority", "10")])
        waiting += [stack.wait(cpf.make(43000 + i), urgent) for i in range(200)]
        answer = starving.answer()
        between, seconds = arrivals(stack) - before, time.monotonic() - started
        for one in waiting:
            one.close()
    assert answer.status == 200
    assert between >= min(seconds, STARVATION_SECONDS) / T / 2, "the urgent were served meanwhile"
    assert between <= 20 + STARVATION_SECONDS / T + 3, "then it was its turn, before all who came after it"
