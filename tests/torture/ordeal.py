"""ordeal.py - one whole stack in which one call of one process fails, and what must come of it.

The process refuses to start, with a status and a line that says why, and starts well the next time; or it goes on: whoever
asks meanwhile gets a definite answer in time, whoever asks afterwards the right one, and SIGTERM ends it in order. It never
dies by a signal, never hangs, and no sanitizer finds anything, a leak at its end included; nor does the rest of the stack
suffer, and the provider is never asked too early.
"""
import dataclasses
import http.client
import itertools
import json
import re
import socket
import threading
import time

import cpf
import places
import stack

OPTIONS = {
    "RATE_LIMIT_SECONDS": "0.02", "RATE_LIMIT_MODE": "strict", "REQUEST_TIMEOUT_SECONDS": "6", "EXTERNAL_API_TIMEOUT": "3",
    "UPSTREAM_CONNECT_TIMEOUT": "2", "DRAIN_SECONDS": "5", "LOG_LEVEL": "info", "CACHE_MAX_MB": "16",
}
ANSWER_SECONDS = 8.0  # REQUEST_TIMEOUT_SECONDS, and what a busy machine may add
END_SECONDS = 10.0  # DRAIN_SECONDS, and the same
NOTICE_SECONDS = 10.0  # within which a stack is well again
LEAK_STATUS = 23  # of LeakSanitizer's
LINE = re.compile(r"^\S+Z (\w+) (\w+) (\w+)(.*)$", re.M)  # level, process, event, fields
REASON = re.compile(r" (?:reason|note|why|detail)=(\S+)")

numbers = itertools.count(100_000)
numbers_lock = threading.Lock()


def fresh_number():
    with numbers_lock:
        return cpf.make(next(numbers))


def gist(line):
    """Of a line of a log: what it says, without numbers."""
    reason = REASON.search(line[4])
    return line[1], line[3], re.sub(r"\d+", "0", reason[1]) if reason else ""


@dataclasses.dataclass
class Verdict:
    point: places.Point
    end: str  # refused, went on, ended, not reached, or BREACH
    told: str = ""  # the line that tells of it
    breach: str = ""
    log: str = ""


def exchange(port, method, target, fields=(), body=None):
    """The answer's status, fields and body; None when the connection was closed instead. Too late is a breach."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, target, body and json.dumps(body), dict(fields))
        response = connection.getresponse()
        if response.getheader("Content-Type", "").startswith("text/event-stream"):
            return response.status, response.headers, response.readline()
        return response.status, response.headers, response.read()
    except socket.timeout as error:
        raise AssertionError(f"no answer to {method} {target} within {ANSWER_SECONDS} s") from error
    except (ConnectionError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Visit:
    """A client of everything: a miss, a hit, a job, a burst, orders, and what metricsd shows. A strict one wants every answer
    to be the right one; else a definite one is enough."""

    def __init__(self, the_stack, strict):
        self.stack, self.strict = the_stack, strict
        self.seen = []

    def run(self):
        number = fresh_number()
        self.score(number)
        self.score(number)
        self.job(fresh_number())
        self.burst()
        for what in ("pause", "resume"):
            self.ask("POST", f"/admin/{what}", (200,))
        self.ask("GET", "/admin/queue", (200,))
        self.ask("GET", "/readyz", (200,))
        for target in ("/api/state", "/api/history?span=15m", "/api/stream", "/metrics", "/"):
            self.ask("GET", target, (200,), self.stack.metricsd_port)
        if self.strict:  # they come once a second
            stack.wait_for(lambda: exchange(self.stack.port, "GET", "/metrics")[0] == 200, "metrics at the gateway")
        self.ask("GET", "/metrics", (200,))
        return self

    def worst(self):
        """An answer that tells its client of a failure, or ""."""
        return next((line for line in self.seen if re.search(r": (closed|[45]\d\d)$", line)), "")

    def ask(self, method, target, right, port=None, fields=(), body=None):
        answer = exchange(port or self.stack.port, method, target, fields, body)
        status = answer and answer[0]
        self.seen.append(f"{method} {target.split('?')[0]}: {status or 'closed'}")
        assert not self.strict or status in right, f"{self.seen[-1]}: {answer and answer[2][:300]}"
        if status and status >= 400 and "json" in answer[1].get("Content-Type", ""):
            json.loads(answer[2])
        return answer

    def score(self, number):
        answer = self.ask("GET", self.stack.target(number), (200,))
        assert not answer or answer[0] != 200 or answer[2] == cpf.answer(number), f"a wrong body: {answer[2][:300]}"

    def job(self, number):
        answer = self.ask("GET", self.stack.target(number), (202,), fields=[("Prefer", "respond-async")])
        if answer and answer[0] == 202:
            self.ask("GET", answer[1]["Location"] + "?wait=5", (200,))

    def burst(self):
        order = {"cpfs": [fresh_number(), fresh_number()]}
        answer = self.ask("POST", "/admin/bursts", (201,), fields=[("Content-Type", "application/json")], body=order)
        if not answer or answer[0] != 201:
            return
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            told = self.ask("GET", answer[1]["Location"], (200,))
            if not told or told[0] != 200 or json.loads(told[2])["state"] == "done":
                return
            self.seen.pop()
            assert time.monotonic() < end, f"a burst that does not end: {told[2][:300]}"
            time.sleep(0.01)


class House(stack.Stack):
    """A stack in which some processes run as torture has them: `special` has their environments."""

    def __init__(self, special):
        super().__init__(**OPTIONS)
        self.special = special

    def spawn(self, name, wait=True):
        environment = self.environment | self.special.get(name, {})
        self.processes[name] = stack.Process(name, environment, self.folder)
        if wait:
            self.processes[name].wait_ready()
        return self.processes[name]

    def again(self, name, special=None):
        """Another life of it, after an orderly end of the one before."""
        if self.processes[name].running():
            assert self.processes[name].stop() == 0
        environment = {"SLUICE_BIN": str(places.PROGRAMS)} | special if special else {}
        self.processes[name] = stack.Process(name, self.environment | environment, self.folder)
        return self.processes[name]

    def begin(self):
        """All are started, and those that do can be used; one may refuse."""
        self.start_simulator()
        for name in stack.PROCESSES:
            self.spawn(name, wait=False)

    def ready(self, but=None):
        for name in stack.PROCESSES:
            if name != but:
                self.processes[name].wait_ready()

    def idle(self, until, seconds=4.0):
        """Until that, or until two more seconds have been told of, so that all has been done that is done each second."""
        first, end = self.told(), time.monotonic() + seconds
        while not until() and self.told() < first + 2 and time.monotonic() < end:
            time.sleep(0.01)

    def told(self):
        answer = exchange(self.metricsd_port, "GET", "/api/state")
        return json.loads(answer[2])["seq"] if answer and answer[0] == 200 else 0


class Ordeal:
    def __init__(self, point, calm):
        self.point, self.calm = point, calm  # calm: what is told when nothing fails
        self.house = None
        self.verdict = Verdict(point, "not reached")
        self.answer = ""  # a client's, that says so

    @property
    def victim(self):
        return self.house.processes[self.point.process]

    def run(self):
        self.house = House({})
        try:
            self.go_through()
            self.house.stop()
        except Exception as error:  # whatever it is, it belongs to this point
            self.verdict.end, self.verdict.breach = "BREACH", f"{type(error).__name__}: {error}"
            self.verdict.log = "\n".join(f"--- {name}\n{process.log_text()[-1500:]}"
                                         for name, process in self.house.processes.items())
        finally:
            self.house.abandon()
        return self.verdict

    def struck(self):
        return bool(places.read(self.house.folder / "struck"))

    def arm(self):
        (self.house.folder / "armed").touch()

    def go_through(self):
        point, house = self.point, self.house
        special = point.environment(house.folder / "struck", house.folder / "armed")
        if point.phase == "start":
            self.arm()
        if point.life == 1:
            house.special = {point.process: {"SLUICE_BIN": str(places.PROGRAMS)} | special}
        house.begin()
        house.ready(but=point.process if point.life == 1 else None)
        if point.life == places.SECOND:
            house.settle()
            house.again(point.process, special)
        if self.refused():
            house.again(point.process).wait_ready()
            self.verdict.end = "refused"
        self.settle()
        (house.folder / "armed").unlink(missing_ok=True)
        if point.phase == "visit":
            self.arm()
            self.answer = Visit(house, strict=False).run().worst()
            house.idle(self.struck)
            (house.folder / "armed").unlink()
            self.revive()
        if point.phase == "stop":
            self.arm()
        else:
            Visit(house, strict=True).run()
        self.end()

    def refused(self):
        """Whether it did not start; then it has said why."""
        process = self.victim
        try:
            process.wait_ready()
            return False
        except AssertionError:
            assert self.struck(), f"did not start, and nothing had failed:\n{process.log_text()[-1500:]}"
            self.check_status(process.popen.wait(END_SECONDS))
            assert process.popen.returncode != 0, "ended without a word as if all were well"
            self.verdict.told = self.find_reason()
            assert self.verdict.told, "refused to start without a word"
            return True

    def revive(self):
        """Starts it again when it has ended after it had started; it must have said why."""
        process = self.victim
        if process.running():
            return
        status = process.popen.wait()
        self.check_status(status)
        self.verdict.told, self.verdict.end = self.find_reason(), "ended"
        assert self.struck() and status != 0 and self.verdict.told, f"ended with {status} without a word"
        self.house.again(self.point.process).wait_ready()

    def settle(self):
        """Until the stack can be used; a client that is cut off asks again."""
        end = time.monotonic() + NOTICE_SECONDS
        for port in ("GATEWAY_PORT", "METRICSD_PORT"):
            self.house.environment[port] = self.house.processes[port.split("_")[0].lower()].ready["port"]
        while True:
            self.revive()
            answers = [exchange(port, "GET", target) for port, target in
                       ((self.house.port, "/readyz"), (self.house.metricsd_port, "/api/state"))]
            if all(answer and answer[0] == 200 for answer in answers) and b'"degraded"' not in answers[0][2]:
                return  # nobody is away, or about to die
            assert time.monotonic() < end, f"the stack is not well within {NOTICE_SECONDS} s: {answers}"
            time.sleep(0.01)

    def check_status(self, status):
        log = self.victim.log_text()
        assert status >= 0, f"died of signal {-status}"
        assert not stack.SANITIZER.search(log) and status != LEAK_STATUS, f"a sanitizer's report:\n{log[-3000:]}"
        assert status in (0, 1), f"ended with {status}"

    def lines_told(self):
        """The lines of its log that are not there when nothing fails, errors first."""
        log = self.victim.log_text()
        strange = [line for line in LINE.finditer(log) if gist(line) not in self.calm or "lost_lines=" in line[4]]
        found = [line[0].split(" ", 1)[1] for line in sorted(strange, key=lambda line: line[1] != "error")]
        return [line for line in log.splitlines() if line.startswith("sluice-")] + found

    def find_told(self):
        """The first of them, or what a client was told."""
        return next(iter(self.lines_told()), self.answer)

    def find_reason(self):
        """The line by which it says why it does not go on."""
        return next((line for line in self.lines_told() if line.startswith(("error ", "sluice-"))), "")

    def end(self):
        """SIGTERM, and what it leaves."""
        process = self.victim
        process.terminate()
        status = process.popen.wait(END_SECONDS)
        self.check_status(status)
        if self.verdict.end == "not reached" and self.struck():
            self.verdict.told = self.find_told()
            self.verdict.end = "went on" if status == 0 else "ended"
            assert status == 0 or self.verdict.told, f"ended with {status} without a word"
        process.killed = True  # its status has been looked at
        assert self.house.simulator.state()["rejected"] == 0, "the provider was asked too early"


def undergo(point, calm):
    """One ordeal; a second one where the last call did not come, since not every life is as long as the recorded one."""
    verdict = Ordeal(point, calm).run()
    if verdict.end == "not reached" and point.nth > 2:
        verdict = Ordeal(dataclasses.replace(point, nth=2), calm).run()
        verdict.point = point
    return verdict
