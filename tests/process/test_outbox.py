"""test_outbox.py - more waiters of one call than a link has credits, on a real stack with a gateway played here."""
import struct
import time

import cpf
import msgpack
import pytest
import zmq
from stack import Stack

HELLO, WELCOME, PING, CREDIT, GOODBYE, SUBMIT, CONTROL = 1, 2, 3, 5, 6, 10, 12
ACCEPTED, RESULT, REJECTED, STATE, CONTROL_RESULT, REQUEST = 20, 21, 22, 23, 24, 60
PAUSE, RESUME, PURGE = 1, 2, 7
LINK_CREDITS = 8192
WAITERS = 9700  # within the default of WAITERS_MAX, and more than LINK_CREDITS
PATIENCE = 60
EPOCH = 0x1234


class Gateway:
    """Keeps to the credits that it is given, and gives some only while `gives` is set."""

    def __init__(self, stack, credits=LINK_CREDITS):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.IDENTITY, f"{EPOCH:016x}".encode())
        self.socket.set_hwm(0)
        self.socket.connect(f"ipc://{stack.folder}/run/gateways.ipc")
        self.inbox, self.bodies = [], []
        self.scheduler, self.credits, self.unhandled, self.pinged = 0, 0, 0, 0.0
        self.gives = True
        self.say(HELLO, role="gateway", pid=1, cr=credits)
        self.until(lambda: self.scheduler, "the welcome")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.socket.close()

    def say(self, number, body=None, **fields):
        head = {"v": 1, "m": number, "e": EPOCH, "to": self.scheduler} | fields
        self.socket.send_multipart([msgpack.packb(head)] + ([body] if body else []))

    def send(self, number, body=None, **fields):
        self.until(lambda: self.credits > 0, "credit")
        self.credits -= 1
        self.say(number, body, **fields)

    def submit(self, number, digits):
        body = msgpack.packb({"v": 1, "m": REQUEST, "e": EPOCH, "to": 0, "m1": "GET", "qs": f"cpf={digits}", "ci": "alice"})
        self.send(SUBMIT, body, id=number, rq=f"r-{number}", ln="score", k=bytes(16), cl="c", pr=50, rem=60_000_000,
                  age=0)

    def order(self, number, order):
        self.send(CONTROL, id=number, rq=f"o-{number}", who="token", **{"or": order})

    def turn(self):
        """Takes what has come, and shows that it lives."""
        if time.monotonic() - self.pinged > 0.25 and self.scheduler:
            self.pinged = time.monotonic()
            self.say(PING, t=0)
        while self.socket.poll(0):
            self.take(self.socket.recv_multipart())

    def take(self, frames):
        message = msgpack.unpackb(frames[0])
        if message["m"] == WELCOME:
            self.scheduler, self.credits = message["e"], message["cr"]
        elif message["m"] == CREDIT:
            self.credits += message["n"]
        elif message["m"] >= ACCEPTED:
            self.inbox.append(message)
            self.bodies += frames[1:]
            self.unhandled += 1
        assert message["m"] != GOODBYE, "dismissed"
        if self.gives and self.unhandled >= 1000:
            self.say(CREDIT, n=self.unhandled)
            self.unhandled = 0

    def all(self, number):
        return [message for message in self.inbox if message["m"] == number]

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what}; {len(self.inbox)} messages so far"
            self.socket.poll(5)
            self.turn()


def test_all_who_share_a_call_are_answered_and_no_gateway_is_dismissed():
    """The lane is paused until all wait, so that they end in one turn, however slow the machine is."""
    with Stack(REQUEST_TIMEOUT_SECONDS=60) as stack, Gateway(stack) as gateway:
        gateway.order(1, PAUSE)
        for number in range(WAITERS):
            gateway.submit(number, cpf.make(2000))
            if number % 100 == 0:
                gateway.turn()
        gateway.until(lambda: len(gateway.all(ACCEPTED)) == WAITERS, "all wait")
        gateway.gives = False
        gateway.order(2, RESUME)
        gateway.until(lambda: len(gateway.all(RESULT)) > 1000, "results")
        gateway.order(3, PURGE)  # its answer is kept behind the results
        gateway.gives = True
        gateway.until(lambda: len(gateway.all(CONTROL_RESULT)) == 3, "the order's answer")
        log = stack.processes["scheduler"].log_text()
        arrivals = stack.simulator.state()["arrivals"]
    results = gateway.all(RESULT)
    assert sorted(message["id"] for message in results) == list(range(WAITERS))
    assert {struct.unpack_from("<II", body)[1] for body in gateway.bodies} == {200}
    assert len(gateway.bodies) == WAITERS
    last = [message for message in gateway.inbox if message["m"] != STATE][-1]
    assert (last["m"], last["id"], last["out"]) == (CONTROL_RESULT, 3, "done"), "it has overtaken nothing"
    assert not gateway.all(REJECTED)
    assert arrivals == 1
    assert "gateway_unreachable" not in log and "gateway_down" not in log


def test_a_gateway_that_takes_nothing_is_dismissed():
    """It is owed an answer to each `submit`, and gives no credit, until more is owed than may be."""
    with Stack(WAITERS_MAX=10) as stack, Gateway(stack, credits=10) as gateway:
        gateway.gives = False
        with pytest.raises(AssertionError, match="dismissed"):
            for number in range(LINK_CREDITS + 2 * 10 + 1000):
                gateway.submit(number, cpf.make(2001))
                gateway.turn()
            gateway.until(lambda: False, "goodbye")
        log = stack.processes["scheduler"].log_text()
        assert len(gateway.inbox) <= 10, "not more than it has given credit for"
        assert "gateway_unreachable" in log
        assert stack.ask(cpf.make(2002)).status == 200, "the others are served"
