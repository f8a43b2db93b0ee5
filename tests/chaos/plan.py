"""plan.py - what is done to a stack, and when: a list that its seed and length decide, and nothing else. Pure."""
import random
import typing

GATEWAYS = ["gateway", "gateway-2"]
INNER = ["scheduler", "fetcher", "metricsd"]
CUTS = ["cut_bytes=0&cut_with=rst", "cut_bytes=40", "stall=1", "status=500", "deaf_ms=1500&connection_close=1", "garbage=1"]
STOP_SECONDS = 5.0
FLIGHT_MS = 20.0  # about as long as an attempt takes, and the permit before it
PAIRS = 0.25  # so often two processes meet it at once
# What may happen in the story of everything, and how often beside the others.
EVERYTHING = {"kill": 5, "stop": 2, "term": 3, "disk": 1, "descriptors": 2, "clock": 2, "provider": 2}


class Action(typing.NamedTuple):
    at: float  # seconds from the start
    kind: str
    target: str
    seconds: float = 0.0  # how long it lasts, where it lasts
    detail: str = ""
    after_grant_ms: float = -1.0  # strikes so long after the next permit has been given; below 0: at once


def some(rng, kind, at, among, seconds=0.0, aimed=0.5):
    """The same to one of them, or to two at the same moment. Some strike while an attempt is on its way, by design, and
    not by the chance that they do."""
    count = 2 if rng.random() < PAIRS else 1
    after_ms = round(rng.uniform(0, FLIGHT_MS), 1) if rng.random() < aimed else -1.0
    return [Action(at, kind, name, seconds, after_grant_ms=after_ms) for name in rng.sample(among, count)]


def everything(rng, at):
    kind = rng.choices(list(EVERYTHING), list(EVERYTHING.values()))[0]
    seconds = round(rng.uniform(2, 5), 2)
    if kind == "clock":
        return [Action(at, kind, "all", detail=str(rng.choice([-1, 1]) * rng.choice([5, 600, 86400])))]
    if kind == "provider":
        return [Action(at, kind, "simulator", min(seconds, 3), rng.choice(CUTS))]
    if kind == "disk":
        return [Action(at, kind, "STATE_DIR", seconds)]
    among = INNER if rng.random() < 0.7 else [rng.choice(GATEWAYS), rng.choice(INNER)]
    return some(rng, kind, at, among, {"stop": STOP_SECONDS, "descriptors": seconds}.get(kind, 0.0))


# Of each story: the pauses between its actions (from, to), and what is done after each.
STORIES = {
    "kills": ((1.0, 3.0), lambda rng, at: some(rng, "kill", at, INNER)),
    "windows": ((0.7, 3.0), lambda rng, at: some(rng, "kill", at, INNER[:2], aimed=0.9)),
    "stops": ((STOP_SECONDS + 1, STOP_SECONDS + 3), lambda rng, at: some(rng, "stop", at, INNER, STOP_SECONDS)),
    "gateways": ((2.0, 4.0), lambda rng, at: [Action(at, "kill", rng.choice(GATEWAYS))]),
    "everything": ((0.5, 3.5), everything),
}


def make(story, seed, seconds):
    """The last action leaves time to see what comes of it."""
    (least, most), draw = STORIES[story]
    rng = random.Random(f"{story}/{seed}")
    actions, at = [], 1.0
    while at < seconds - 2:
        actions += draw(rng, round(at, 2))
        at += rng.uniform(least, most)
    return actions
