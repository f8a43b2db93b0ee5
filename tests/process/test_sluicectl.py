"""test_sluicectl.py - the terminal view on a whole stack: every command, every exit code, text and JSON; what it says
when it is refused or nobody answers; and that neither token nor CPF gets out."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import client
import cpf
import pytest
from stack import BIN, Stack, check_log, wait_for
from test_admin import TOKEN, events

DONE, REFUSED, USAGE, NOBODY = range(4)
SECONDS = 60
FAST = {"RATE_LIMIT_SECONDS": 0.02}


class Run:
    """One that has ended."""

    def __init__(self, stack, *words, given=None, **options):
        environment = stack.environment | {name: str(value) for name, value in options.items()}
        done = subprocess.run([BIN / "sluicectl", *words], env=environment, cwd=stack.folder, input=given,
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        check_log("sluicectl", self.err)

    def json(self):
        return json.loads(self.out)

    def lines(self):
        """What the labelled lines say."""
        return dict(line.split(None, 1) for line in self.out.splitlines() if not line.startswith(" "))


def ctl(stack, *words, code=DONE, **how):
    run = Run(stack, *words, **how)
    assert run.code == code, (run.out, run.err)
    assert code == DONE or run.err.startswith("sluicectl: ")
    return run


@pytest.fixture(scope="module")
def stack():
    with Stack(**FAST) as running:
        wait_for(lambda: running.get("/readyz").json()["missing"] == [], "nothing is missing")
        wait_for(lambda: len([each for each in running.state()["processes"] if each["pid"]]) == 4, "each has told of itself")
        yield running


def begin(stack, *words, **how):
    return subprocess.Popen([BIN / "sluicectl", *words], env=stack.environment, cwd=stack.folder,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def end(process):
    out, err = process.communicate(timeout=SECONDS)
    check_log("sluicectl", err)
    return process.returncode, out, err


def test_status_tells_the_truth(stack):
    ctl(stack, "policy", "fair")
    run = wait_for(lambda: (run := ctl(stack, "status")).lines()["policy"] == "fair" and run, "the policy in a snapshot")
    assert run.lines()["health"] == "ok"
    assert run.lines()["breaker"] == "closed, 0 of 3 failures in a row"
    assert run.lines()["policy"] == "fair" and run.lines()["hold"] == "none"
    assert run.err == ""
    for name in ("gateway", "scheduler", "fetcher", "metricsd"):
        assert re.search(rf"^(processes)? +{name} +0  pid {stack.processes[name].popen.pid} +up for ", run.out, re.M)
    told = ctl(stack, "status", "--json").json()
    assert list(told) == ["health", "breaker", "state"] and told["breaker"]["fail_max"] == 3
    assert told["state"]["values"]["scheduler.limiter_interval_seconds"] == 20_000
    ctl(stack, "policy", "fifo")


def test_policy_rate_pause_and_resume(stack):
    assert ctl(stack, "policy", "priority").out == "policy priority\n"
    told = ctl(stack, "policy", "--json").json()
    assert (told["policy"], told["paused"]) == ("priority", False)
    assert ctl(stack, "policy").lines()["policy"] == "priority (of fifo, priority, fair)"
    assert ctl(stack, "rate", "0.03").out == "seconds 0.03\n"
    assert stack.get("/admin/policy").json()["seconds"] == 0.03
    ctl(stack, "rate", "0.02")
    assert ctl(stack, "pause").out == "paused true\n"
    assert "resume" in ctl(stack, "policy").lines()["sends"]
    status = wait_for(lambda: "degraded" in (run := ctl(stack, "status")).out and "paused" in run.lines()["next"] and run,
                      "the pause in the status")
    assert status.code == DONE, "paused is degraded, and still ready"
    assert ctl(stack, "resume", "--json").json() == {"paused": False}
    refused = ctl(stack, "policy", "lifo", code=REFUSED)
    assert "sluicectl: 400 bad_request: policy: " in refused.err and refused.out == ""
    refused = ctl(stack, "policy", "lifo", "--json", code=REFUSED)
    assert refused.json()["status"] == 400 and "400" in refused.err
    ctl(stack, "policy", "fifo")


def test_the_queue_and_a_removal(stack):
    assert ctl(stack, "queue").out == "nobody waits\n"
    numbers = cpf.make_many(4, 7000)
    with stack.paused():
        waiting = []
        for i, number in enumerate(numbers):
            waiting.append(stack.wait(number))
            wait_for(lambda want=i + 1: stack.queued() == want, "its place")
        told = stack.get("/admin/queue").json()["requests"]
        run = ctl(stack, "queue")
        heading, *rows = run.out.splitlines()
        assert heading.split()[:5] == ["POSITION", "ID", "LANE", "CLASS", "CLIENT"]
        assert [row.split()[:5] for row in rows] == [
            [str(r["position"]), r["id"], r["lane"], str(r["priority"]), r["client"]] for r in told]
        assert not any(number in run.out for number in numbers)
        short = ctl(stack, "queue", "--limit", "2").out.splitlines()
        assert len(short) == 4 and short[-1].strip() == "and more"
        listed = ctl(stack, "queue", "--json").json()
        assert [r["id"] for r in listed["requests"]] == [r["id"] for r in told] and listed["next"] is None
        assert ctl(stack, "remove", told[1]["id"]).out == f"removed {told[1]['id']}\n"
        assert waiting[1].answer().status == 503
        gone = ctl(stack, "remove", told[1]["id"], code=REFUSED)
        assert "404 not_found" in gone.err
        assert len(ctl(stack, "queue").out.splitlines()) == 4
    for i in (0, 2, 3):
        assert waiting[i].answer().status == 200


def test_a_long_queue_comes_page_by_page():
    with Stack(RATE_LIMIT_SECONDS=0.002, QUEUE_MAX_SIZE=1000, BURST_CONCURRENCY_MAX=500) as stack, stack.paused():
        numbers = cpf.make_many(450, 7100)
        assert client.ask(stack.port, "/admin/bursts", method="POST", body={"cpfs": numbers}).status == 201
        wait_for(lambda: stack.state()["values"]["scheduler.queue_length"] == 450, "all of them wait")
        told = ctl(stack, "queue", "--json", "--limit", "1000").json()
        assert [r["position"] for r in told["requests"]] == list(range(1, 451)) and told["next"] is None
        assert len({r["id"] for r in told["requests"]}) == 450
        told = ctl(stack, "queue", "--json", "--limit", "401").json()
        assert len(told["requests"]) == 401 and told["next"] == told["requests"][-1]["id"]


def test_breaker_and_purge(stack):
    number = cpf.make(7700)
    assert ctl(stack, "breaker", "--json").json()["state"] == "closed"
    assert ctl(stack, "breaker", "trip", "30").out == "action trip, seconds 30\n"
    wait_for(lambda: ctl(stack, "breaker").out.startswith("breaker     open, "), "open")
    assert stack.ask(number).status == 503
    assert ctl(stack, "breaker", "reset").out == "action reset\n"
    wait_for(lambda: ctl(stack, "breaker").out == "breaker     closed, 0 of 3 failures in a row\n", "closed")
    assert stack.ask(number).status == 200
    assert ctl(stack, "purge", f"cpf={cpf.pretty(number)}", "--lane", "score").out == "removed 1\n"
    assert ctl(stack, "purge", f"cpf={number}").out == "removed 0: it was not there\n"
    refused = ctl(stack, "purge", f"cpf={number}", "--lane", "nobody", code=REFUSED)
    assert refused.err.startswith("sluicectl: 400 bad_request: lane: ")
    assert stack.ask(number).status == 200
    assert ctl(stack, "purge", "--json").json()["removed"] >= 1


def test_a_burst_to_its_end(stack):
    numbers = cpf.make_many(20, 7800)
    run = ctl(stack, "burst", *numbers, "--client-id", "billing", "--priority", "3")
    progress = [line for line in run.out.splitlines() if " of 20 ended " in line]
    assert progress[0].startswith("running: 0 of 20") and progress[-1].startswith("done: 20 of 20 ended (20 successful")
    assert run.lines()["statuses"] == "200: 20" and run.lines()["sources"] == "upstream: 20"
    assert run.lines()["times"].startswith("min ")
    assert not any(number in run.out for number in numbers)
    again = ctl(stack, "burst", "-", "--client-id", "billing", "--json", given="\n".join(numbers)).json()
    assert again["state"] == "done" and again["summary"]["sources"]["cache"] == 20
    assert len(again["results"]) == 20
    one = ctl(stack, "burst", numbers[0], "--repeat", "5", "--concurrency", "2", "--rate", "1000", "--json").json()
    assert (one["requests"], one["concurrency"], one["rate"]) == (5, 2, 1000)
    failed = ctl(stack, "burst", numbers[0], "123", code=REFUSED)
    assert failed.lines()["statuses"] == "200: 1, 400: 1" and "1 failed, 0 dropped" in failed.err
    refused = ctl(stack, "burst", numbers[0], "--lane", "nobody", code=REFUSED)
    assert "400 bad_request: lane: " in refused.err
    assert "no CPF" in ctl(stack, "burst", "-", given=" \n", code=USAGE).err
    assert "65536" in ctl(stack, "burst", "-", given="1 " * 40000, code=USAGE).err


def catches_interrupts(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"SigCgt:\s+(\w+)", status).group(1), 16) & 1 << (signal.SIGINT - 1)


def test_ctrl_c_cancels_a_burst(stack):
    with stack.paused():
        process = begin(stack, "burst", *cpf.make_many(10, 7900))
        assert process.stdout.readline().startswith("running: 0 of 10 ended")
        wait_for(lambda: stack.queued() == 10, "they wait")

        wait_for(lambda: catches_interrupts(process), "its handler, soon after the first line")
        process.send_signal(signal.SIGINT)
        code, out, err = end(process)
        assert code == REFUSED and "cancelled: 10 of 10 ended (0 successful, 0 failed, 10 dropped)" in out
        assert "the burst is cancelled: 0 failed, 10 dropped" in err
        wait_for(lambda: stack.queued() == 0, "no slot is spent on them")


def test_top_draws_as_often_as_asked(stack):
    run = ctl(stack, "top", "--count", "2")
    assert run.out.count("health ") == 2 and run.out.count("nobody waits") == 2 and "\x1b" not in run.out
    pictures = [json.loads(line) for line in ctl(stack, "top", "--count", "2", "--json").out.splitlines()]
    assert [list(picture) for picture in pictures] == [["health", "breaker", "state", "queue"]] * 2
    master, slave = os.openpty()
    with subprocess.Popen([BIN / "sluicectl", "top"], env=stack.environment, cwd=stack.folder, stdout=slave) as process:
        os.close(slave)
        seen = b""
        while seen.count(b"\x1b[H\x1b[2J") < 2 or b"nobody waits" not in seen:
            seen += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        drain = threading.Thread(target=lambda: [None for _ in iter(lambda: read_some(master), b"")])
        drain.start()
        assert process.wait(SECONDS) == DONE, "Ctrl-C is how it ends"
        drain.join()
    os.close(master)


def read_some(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_tail_prints_each_event_once(stack):
    process = begin(stack, "tail", "--json")
    for _ in range(3):
        stack.order("pause")
        stack.order("resume")
    numbers = cpf.make_many(3, 8000)
    assert [answer.status for answer in stack.ask_all(numbers)] == [200] * 3
    ctl(stack, "policy", "fair")
    ctl(stack, "policy", "fifo")
    seen = []
    while not seen or not (seen[-1]["event"] == "control_policy" and "fifo" in seen[-1]["note"]):
        seen.append(json.loads(process.stdout.readline()))
    process.send_signal(signal.SIGTERM)
    code, _, err = end(process)
    assert (code, err) == (DONE, "")
    keys = [(event["epoch"], event["seq"]) for event in seen]
    assert len(set(keys)) == len(keys)
    for epoch in {epoch for epoch, _ in keys}:
        numbers = [seq for other, seq in keys if other == epoch]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "all of them, in order"
    text = ctl(stack, "tail", "--count", "4").out.splitlines()
    assert len(text) == 4 and all(re.match(r"\d\d:\d\d:\d\d\.\d{3}Z \w+ +\w+", line) for line in text)


def test_wrong_usage(stack):
    for words, says in [([], "no command"), (["stats"], "stats: no such command"), (["rate", "soon"], "rate: 'soon'"),
                        (["status", "--count", "1"], "means nothing to status"), (["remove", "../x"], "is no id")]:
        run = ctl(stack, *words, code=USAGE)
        assert says in run.err and run.out == "" and run.err.count("\n") == 1
    assert "GATEWAY_PORT is 0" in ctl(stack, "status", GATEWAY_PORT=0, code=USAGE).err
    assert "METRICSD_PORT is 0" in ctl(stack, "tail", METRICSD_PORT=0, code=USAGE).err
    assert "GATEWAY_PORT: 'x'" in ctl(stack, "status", GATEWAY_PORT="x", code=USAGE).err
    help_ = ctl(stack, "--help").out
    assert "usage: sluicectl" in help_ and "ADMIN_TOKEN" in help_ and "QUEUE_MAX_SIZE" not in help_
    assert re.fullmatch(r"sluicectl \d+\.\d+\.\d+\n", ctl(stack, "--version").out)


def test_options_tell_where_to_ask(stack):
    """Before where the processes say that they listen, and after the command line."""
    told = {"SLUICECTL_URL": f"http://localhost:{stack.port}", "SLUICECTL_METRICSD": f"http://localhost:{stack.metricsd_port}"}
    assert "-" not in ctl(stack, "status", GATEWAY_PORT=0, METRICSD_PORT=0, **told).lines().values()
    ctl(stack, "tail", "--count", "1", GATEWAY_PORT=0, METRICSD_PORT=0, **told)
    ctl(stack, "queue", "--url", f"http://localhost:{stack.port}", SLUICECTL_URL="http://localhost:1")
    assert "http://localhost:1" in ctl(stack, "queue", SLUICECTL_URL="http://localhost:1", code=NOBODY).err


def test_nobody_answers(stack):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for words in (["status"], ["queue"], ["pause"], ["burst", "1"], ["top"]):
            run = ctl(stack, *words, "--url", url, code=NOBODY)
            assert f"nobody answers at {url}" in run.err and "--url" in run.err and run.out == ""
        assert "--metricsd" in ctl(stack, "tail", "--metricsd", url, code=NOBODY).err
        partly = ctl(stack, "status", "--metricsd", url)
        assert "nobody answers" in partly.err and partly.lines()["health"] == "ok" and partly.lines()["policy"] == "-"
        nobody.listen()
        assert "nobody answers" in ctl(stack, "queue", "--url", url, "--timeout", "0.2", code=NOBODY).err
    metricsd = f"http://127.0.0.1:{stack.metricsd_port}"
    for words in (["queue"], ["status"]):
        assert "is not Sluice" in ctl(stack, *words, "--url", f"{metricsd}/?", code=NOBODY).err
        assert "is not Sluice's gateway" in ctl(stack, *words, "--url", f"{metricsd}/api/state?", code=NOBODY).err


def test_not_ready_and_back():
    with Stack(**FAST, METRICSD_PORT=0) as stack:
        process = begin(stack, "top")
        assert process.stdout.readline().startswith("health")
        stack.kill("scheduler")
        run = wait_for(lambda: (run := Run(stack, "status")).code == REFUSED and run, "not ready", 20)
        assert run.lines()["health"].startswith("unavailable (") and "503 health is unavailable: " in run.err
        refused = ctl(stack, "pause", code=REFUSED)
        assert "sluicectl: 503 " in refused.err
        stack.spawn("scheduler")
        wait_for(lambda: Run(stack, "status").code == DONE, "ready again")
        stack.restart("gateway")
        process.send_signal(signal.SIGINT)
        assert end(process)[0] == DONE


def test_the_token_comes_from_the_environment_or_the_file_alone():
    with Stack(**FAST, ADMIN_TOKEN=TOKEN) as stack:
        assert ctl(stack, "pause").out == "paused true\n"
        wait_for(lambda: events(stack, "control_pause"), "the event")
        refused = ctl(stack, "resume", ADMIN_TOKEN="", code=REFUSED)
        assert "401 " in refused.err and "ADMIN_TOKEN" in refused.err
        assert "401 " in ctl(stack, "queue", ADMIN_TOKEN="another", code=REFUSED).err
        del stack.environment["ADMIN_TOKEN"]
        (stack.folder / ".env").write_text(f"ADMIN_TOKEN={TOKEN}\n")
        assert ctl(stack, "resume").out == "paused false\n"
        assert ctl(stack, "status").lines()["health"], "needs none"
        assert all(TOKEN not in Run(stack, *words).err + Run(stack, *words).out
                   for words in (["status"], ["--help"], ["queue", "--json"]))
