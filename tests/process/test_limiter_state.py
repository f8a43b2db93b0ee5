"""test_limiter_state.py - what the limiter knows outlives the scheduler: kill -9 at the worst moment, idle restarts,
holds, a state that cannot be written. SLUICE_KILLS sets how often it is killed in the first test."""
import os
import re
import subprocess
import threading
import time

import cpf
import pytest
from stack import BIN, Stack, wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "8"))


def grants(stack):
    return len(re.findall(r"\bgranted\b", stack.processes["scheduler"].log_text()))


def ask_in_background(stack, numbers):
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(stack.ask_all(numbers)))
    thread.start()
    return thread, answers


def gaps(stack):
    stamps = [entry["ns"] for entry in stack.simulator.arrivals()]
    return [later - earlier for earlier, later in zip(stamps, stamps[1:])]


@pytest.mark.parametrize("mode, window, kills", [("strict", 0.2, KILLS), ("adaptive", 0.2, KILLS),
                                                 ("adaptive", 1.0, 4)])
def test_killed_right_after_a_grant(mode, window, kills):
    """With answers that take a while, so that some are under way, and some arrive while nobody listens."""
    with Stack(RATE_LIMIT_SECONDS=window, RATE_LIMIT_MODE=mode, REQUEST_TIMEOUT_SECONDS=600,
               QUEUE_MAX_SIZE=1000) as stack:
        stack.simulator.faults("forward_jitter_ms=20&backward_jitter_ms=20&service_ms=20")
        asking, answers = ask_in_background(stack, cpf.make_many(kills + 3, 7000))
        for _ in range(kills):
            before = grants(stack)
            wait_for(lambda before=before: grants(stack) > before, "a grant", 30)
            stack.restart("scheduler")
        asking.join()
        assert [answer.status for answer in answers] == [200] * len(answers)
        assert stack.simulator.state()["rejected"] == 0
        assert min(gaps(stack)) >= window * 1e9
        assert stack.processes["scheduler"].log_text().count("note=known") == kills


def test_after_an_idle_time_nobody_waits():
    with Stack(RATE_LIMIT_SECONDS=3) as stack:
        assert stack.ask(cpf.make(7200)).status == 200
        stack.kill("scheduler")
        last = stack.simulator.arrivals()[-1]["ns"] / 1e9
        wait_for(lambda: time.monotonic() > last + 3.1, "the window has passed")
        stack.spawn("scheduler")
        answer = stack.ask(cpf.make(7201))
        assert answer.status == 200 and answer.seconds < 1.5
        assert "note=known" in stack.processes["scheduler"].log_text()


def test_without_a_state_a_start_waits_the_window():
    with Stack(RATE_LIMIT_SECONDS=2) as stack:
        assert stack.ask(cpf.make(7210)).status == 200
        stack.kill("scheduler")
        last = stack.simulator.arrivals()[-1]["ns"] / 1e9
        wait_for(lambda: time.monotonic() > last + 2.1, "the window has passed")
        state = stack.folder / "state/limiter.state"
        assert state.stat().st_mode & 0o777 == 0o600 and state.stat().st_size == 128
        state.write_bytes(bytes(byte ^ 1 for byte in state.read_bytes()))
        started = time.monotonic()
        stack.spawn("scheduler")
        assert stack.ask(cpf.make(7211)).status == 200
        assert stack.simulator.arrivals()[-1]["ns"] / 1e9 - started >= 2


def test_a_hold_goes_on():
    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        stack.simulator.faults("status=429&retry_after=5&count=1")
        asking, answers = ask_in_background(stack, [cpf.make(7220)])
        wait_for(lambda: re.search(r"\bhold\b", stack.processes["scheduler"].log_text()), "the hold")
        stack.restart("scheduler")
        asking.join()
        assert [answer.status for answer in answers] == [200]
        assert len(gaps(stack)) == 1 and gaps(stack)[0] >= 5e9


def degraded(stack):
    return [line for line in stack.get("/metrics").body.decode().splitlines()
            if line.startswith("sluice_scheduler_state_degraded ")]


def test_a_state_that_cannot_be_written_degrades():
    stack = Stack(RATE_LIMIT_SECONDS=0.05)
    state = stack.folder / "state/limiter.state"
    state.parent.mkdir(mode=0o700)
    state.symlink_to("/dev/full")
    with stack:
        answers = stack.ask_all(cpf.make_many(20, 7230))
        assert [answer.status for answer in answers] == [200] * 20
        assert stack.simulator.state()["rejected"] == 0
        log = stack.processes["scheduler"]
        assert log.log_text().count("state_degraded") == 1
        wait_for(lambda: degraded(stack) == ["sluice_scheduler_state_degraded 1"], "the gauge shows it")
        state.unlink()
        wait_for(lambda: "state_kept" in log.log_text(), "it is tried again")
        wait_for(lambda: degraded(stack) == ["sluice_scheduler_state_degraded 0"], "the gauge shows it")
        assert state.stat().st_size == 128


def test_a_second_scheduler_refuses_to_start():
    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        second = subprocess.run([BIN / "sluice-scheduler"], env=stack.environment, cwd=stack.folder, timeout=20,
                                capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "another scheduler runs on this state" in second.stderr and "READY" not in second.stdout
        # Another runtime folder is no way round it, and the first one's endpoints are still its own.
        elsewhere = stack.environment | {"RUNTIME_DIR": f"{stack.folder}/elsewhere"}
        second = subprocess.run([BIN / "sluice-scheduler"], env=elsewhere, cwd=stack.folder, timeout=20,
                                capture_output=True, text=True, check=False)
        assert second.returncode == 1 and not (stack.folder / "elsewhere").exists()
        assert [answer.status for answer in stack.ask_all(cpf.make_many(5, 7260))] == [200] * 5


def test_a_wish_to_wait_that_comes_while_the_scheduler_is_away():
    """The provider's 429 is on its way when the scheduler dies: the next one hears of it from the fetcher."""
    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        assert stack.ask(cpf.make(7300)).status == 200
        stack.simulator.faults("status=429&retry_after=4&backward_ms=300&count=1")
        asking, answers = ask_in_background(stack, [cpf.make(7301)])
        wait_for(lambda: stack.simulator.state()["arrivals"] == 2, "the provider has it")
        stack.kill("scheduler")
        wait_for(lambda: "limited" in stack.processes["fetcher"].log_text(), "the answer has come")
        stack.spawn("scheduler")
        asking.join()
        assert answers[0].status == 200
        assert gaps(stack)[1] >= 4e9
        assert stack.simulator.state()["rejected"] == 0
