"""catalogue.py - the messages of common/message.h, read from its table, and what a hostile peer makes of them: each field at
and beyond its limits, of another type, or left out; frames that are no messages at all."""
import os
import random
import re

import msgpack
from stack import ROOT

TEXT = (ROOT / "common/message.h").read_text(encoding="utf-8")
LIMITS = {"UINT64_MAX": 2**64 - 1, "INT64_MAX": 2**63 - 1, "INT32_MAX": 2**31 - 1}
LIMITS |= {name: int(value) for name, value in re.findall(r"^#define (\w+) +(\d+)\b", TEXT, re.M)}
LIMITS |= {name: 1 << int(bits) for name, bits in re.findall(r"^#define (\w+) +\(INT64_C\(1\) << (\d+)\)", TEXT, re.M)}
NUMBERS = {name: int(number) for number, name in re.findall(r"^    MESSAGE\((\d+), (\w+), ", TEXT, re.M)}
# What makes a message one that is not refused for its first word.
SENSE = {"ln": "score", "role": "gateway", "wh": "queue", "pol": "fifo", "nm": "fair", "br": "closed", "why": "none",
         "st": "closed", "p": "gateway", "ev": "answered", "src": "upstream", "out": "done", "who": "token"}


def limit_of(word):
    return LIMITS[word] if word in LIMITS else int(word)


def fields_of(name):
    """(type, key, limit) of each."""
    start = TEXT.index(f"#define MESSAGE_FIELDS_{name}(FIELD)")
    end = re.search(r"[^\\]\n", TEXT[start:]).start() + start + 1
    found = re.findall(r'FIELD\((\w+),\s*\w+,\s*"(\w+)",\s*(\w+),', TEXT[start:end])
    assert found, name
    return [(kind, key, limit_of(limit)) for kind, key, limit in found]


FIELDS = {name: fields_of(name) for name in NUMBERS}


def plain(kind, key, limit):
    if kind in ("UINT", "INT"):
        return min(limit, 1)
    if kind == "TEXT":
        return SENSE.get(key, "x" * 16)[:limit]
    if kind == "BYTES":
        return b"x" * min(limit, 16)
    return {"queue_length": 1} if kind == "PAIRS" else [1, 2]


def bad(kind, limit):
    """Values at the edge, beyond it, and of other kinds."""
    if kind in ("UINT", "INT"):
        return [0, limit, min(limit + 1, 2**64 - 1), 2**64 - 1, 2**63, -1, -limit if limit < 2**63 else -2**63, -2**63, 1.5, "1",
                None, True]
    if kind == "TEXT":
        return ["", "\udcff\x00\n\x1b[2J" * 3, "x" * limit, "x" * (limit + 1), "%s%n", 7, None, ["x"], b"x", "é"]
    if kind == "BYTES":
        return [b"", b"\xff" * limit, b"x" * (limit + 1), 7, None, [b"x"], "x" * limit]
    if kind == "PAIRS":
        return [{}, {"x" * 300: 1}, {"a": 2**63 - 1, "b": -2**63}, {str(i): i for i in range(limit + 1)}, {"a": "b"}, {1: 1}, [1],
                {"a": {}}]
    return [[], [2**64 - 1] * 4, [-1], list(range(limit + 1)), {1: 2}, [[[]]]]


class Forger:
    """Heads of messages as the process of that epoch would send them to another one."""

    def __init__(self, epoch, to=0):
        self.epoch, self.to = epoch, to

    def head(self, name, **fields):
        message = {"v": 1, "m": NUMBERS[name], "e": self.epoch, "to": self.to}
        message |= {key: plain(kind, key, limit) for kind, key, limit in FIELDS[name]} | fields
        return msgpack.packb({key: value for key, value in message.items() if value is not Ellipsis},
                             unicode_errors="surrogateescape")

    def heads(self, name):
        """Of one kind: plain, each field bad, each left out; of other versions, senders and receivers."""
        yield self.head(name)
        for kind, key, limit in FIELDS[name]:
            yield self.head(name, **{key: ...})
            for value in bad(kind, limit):
                yield self.head(name, **{key: value})
        for more in ({"v": 0}, {"v": 2}, {"v": "1"}, {"e": self.epoch + 1}, {"e": 0}, {"to": 4711}, {"m": 9999}, {"m": -1},
                     {"later": [1, {"a": None}]}):
            yield self.head(name, **more)


def bodies(chance):
    """What may come in further frames."""
    return [[], [b""], [chance.randbytes(60)], [b"x" * 70_000], [b"", b"", b"more"], [msgpack.packb({"m1": "GET"})]]


def junk(chance):
    """Single frames that are no head at all."""
    good = Forger(1).head("submit")
    yield from (b"", b"\x00", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x81" * 1000,
                b"\x91" * 5000, b"\x80", b"\x82\xa1v\x01\xa1m", msgpack.packb(list(range(100))), os.urandom(65536), b"x" * 70_000)
    for _ in range(200):
        torn = bytearray(good[:chance.randrange(1, len(good) + 1)])
        torn[chance.randrange(len(torn))] = chance.randrange(256)
        yield bytes(torn)


def everything(forger, seed):
    """Frames of every kind of message, each with bodies of several kinds, and of none."""
    chance = random.Random(seed)
    for name in NUMBERS:
        for head in forger.heads(name):
            yield name, [head, *chance.choice(bodies(chance))]
    for frame in junk(chance):
        yield "junk", [frame, *chance.choice(bodies(chance))]
