"""oracle.py - says whether a stack has kept its promises: compares what clients saw with what came to the provider, under
what was done to the stack meanwhile. Pure: it judges records that may as well be forged (test_oracle.py).

Times are seconds of CLOCK_MONOTONIC, which bench and simulator share.

record = {
  "window": T, "burst": N, "fifo": is it the queue's policy?, "sanitized": does the programs' memory mean nothing?,
  "requests": [...], "arrivals": [...], "actions": [...], "granted": [attempt, ...],
  "stalls": [[from, to], ...], "memory": [[at, process, pid, kB], ...], "began": t, "ended": t }

request: id, start, end, patience, shared (may others ask for the same?), outcome (answered, left, cut, silent), status,
    reason, good (is it the right answer?), extra (bytes that nobody asked for), tries: [{port, reused, sent, end, how}]
    (how: answered, closed before any byte, broken within the answer, left, silent, refused)
arrival: the simulator's own entries: ns, verdict, attempt (request.number)
action: kind, target, pid, at, end; ports (clients of a gateway that is killed or stopped); held (attempts granted before a
    fetcher was stopped)
"""
import collections
import statistics
import typing

GRACE = 1.0  # an answer comes by its deadline and this
RESUME = 2.5  # dispatch goes on within this and T
SAME = 0.1  # two things that are done so close together are done at once
RACE = 0.25  # a request that meets the end of an idle connection learns it that soon
AFTERMATH = 4.0  # a provider's failure is felt so long after it: a call's time-out of 2 s, the breaker's 1 s, a probe's 1 s
SLIP, SLIP_SLOTS = 0.05, 1
PATIENT = 10.0  # who has less may be told that it is not enough
WAITING = 5  # requests that must wait, or a pause in dispatch means nothing
FLAT = 1.10  # memory grows by no more than this share,
TOP_KB = 128  # and what the C library keeps at the end of its heap; and
YOUNG_KB = 512  # where processes are compared that may be young
SETTLED, MINUTE = 120.0, 60.0

AT_ONCE = "deadline_unmeetable"
PROVIDER = {"breaker_open", AT_ONCE, "deadline_passed"}  # and upstream_...


class Breach(typing.NamedTuple):
    kind: str
    what: str


def overlap(spans, start, end):
    """How much of the time from start to end they cover; spans do not overlap each other."""
    return sum(max(0.0, min(end, b) - max(start, a)) for a, b in spans)


def spans_of(actions, kind, targets=None):
    return [(a["at"], a["end"]) for a in actions if a["kind"] == kind and (targets is None or a["target"] in targets)]


def merged(spans):
    result = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def is_gateway(name):
    return name.startswith("gateway")


def causes(troubles):
    """(since when dispatch could go on, what): those to which a pause is put down: the last of them, and scheduler and
    fetcher rather than others; none while the provider fails."""
    if any(what.startswith(("provider", "descriptors")) for _, _, what in troubles):
        return []
    found = [(at + wait - RESUME, what) for at, wait, what in troubles]
    found = [each for each in found if each[1].endswith(("scheduler", "fetcher"))] or found
    return [each for each in found if each[0] >= max(since for since, _ in found) - SAME]


class Case:
    """One record under judgement."""

    def __init__(self, record):
        self.record = record
        self.breaches = []
        self.figures = {}
        self.reasons = collections.Counter()
        actions = record["actions"]
        self.starts = {request["id"]: request["start"] for request in record["requests"]}
        self.stalls = merged([tuple(s) for s in record["stalls"]])
        self.killed, self.stopped = ([(a["at"], a["end"], set(a["ports"])) for a in actions if a["kind"] == kind
                                      and is_gateway(a["target"])] for kind in ("kill", "stop"))
        self.away = merged([(a["at"], a["end"] + RESUME) for a in actions if a["kind"] in ("kill", "stop", "term")
                            and a["target"] in ("scheduler", "fetcher")])
        self.failing = merged([(a["at"], self.later(a["end"], AFTERMATH)) for a in actions if a["kind"] == "provider"
                               or (a["kind"] == "descriptors" and a["target"] == "fetcher")])
        self.closing = merged([(a["at"], a["end"] + RACE) for a in actions if a["kind"] in ("kill", "term")
                               and is_gateway(a["target"])])
        self.troubled = merged([(a["at"], a["end"] + RESUME) for a in actions if a["target"] != "metricsd"
                                and a["kind"] in ("kill", "stop", "term", "descriptors", "provider")])
        self.shuffled = merged([(a["at"], a["end"] + RESUME) for a in actions if a["target"] == "scheduler"
                                or is_gateway(a["target"])])
        # A gateway without descriptors cannot connect to a new scheduler.
        self.gone = merged([(a["at"], a["end"] + RESUME) for a in actions
                            if (a["target"] == "scheduler" and a["kind"] in ("kill", "stop", "term", "descriptors"))
                            or (is_gateway(a["target"]) and a["kind"] == "descriptors")])

    def breach(self, kind, what):
        self.breaches.append(Breach(kind, what))

    def later(self, at, seconds):
        """When so much time has passed, without that in which scheduler or fetcher was away: nobody can learn then that the
        provider is well again."""
        for start, end in self.away:
            if end <= at:
                continue
            if start - at >= seconds:
                break
            seconds -= max(0.0, start - at)
            at = end
        return at + seconds

    def by_kill(self, attempt):
        """Whether that try ended with the gateway that had its connection."""
        return any(attempt["port"] in ports and attempt["sent"] <= end and at <= attempt["end"] <= end + GRACE
                   for at, end, ports in self.killed)

    # Answers

    def forgiven(self, attempt, start, end):
        """How long nothing could be done about it: the bench was late, or the gateway that had the connection was stopped."""
        stopped = [(at, until) for at, until, ports in self.stopped if attempt["port"] in ports]
        return overlap(merged([*self.stalls, *stopped]), start, end)

    def slipped(self, request):
        """Whether its turn would have come a little later than it was told: by a slot and 5 % of its wait, by which a forecast
        may be wrong (scheduler/README.md)."""
        came = self.starts.get
        sent = [a["attempt"] for a in self.record["arrivals"] if request["start"] < a["ns"] / 1e9 <= request["end"]]
        ahead = [a["attempt"] for a in self.record["arrivals"] if a["ns"] / 1e9 > request["end"]
                 and came((a["attempt"] or "").rpartition(".")[0], request["end"]) < request["start"]]
        return len(ahead) <= SLIP_SLOTS + SLIP * len(sent)

    def short_of_time(self, request):
        """Whether it had little, and there is a cause why that was not enough."""
        reason, end = request["reason"], request["end"]
        if request["patience"] >= PATIENT:
            return False
        if reason == "deadline_passed":
            return overlap(self.troubled, request["start"], end) > 0 or self.slipped(request)
        stopped = any(a <= end <= b + RESUME and request["tries"][-1]["port"] in ports for a, b, ports in self.stopped)
        return reason == AT_ONCE or (reason == "scheduler_gone" and (stopped or any(a <= end <= b for a, b in self.gone)))

    def excused(self, request):
        reason = request["reason"] or ""
        if self.short_of_time(request):
            return True
        provider = reason in PROVIDER or reason.startswith("upstream_") or (not reason and request["status"] == 500)
        return provider and overlap(self.failing, request["start"], request["end"]) > 0

    def try_again(self, request, attempt):
        """A try that got no answer, after which the client asked once more."""
        took = attempt["end"] - attempt["sent"]
        race = took - overlap(self.stalls, attempt["sent"], attempt["end"]) <= RACE and \
            any(a <= attempt["end"] <= b for a, b in self.closing)
        if not (attempt["reused"] and attempt["how"] == "closed"):
            self.breach("cut", f"{request['id']}: {attempt['how']} on a new connection")
        elif not race and not self.by_kill(attempt):
            self.breach("cut", f"{request['id']}: its connection was closed {took:.2f} s after it had been sent")

    def answers(self):
        counts = collections.Counter()
        for request in self.record["requests"]:
            outcome, tries = request["outcome"], request["tries"]
            counts[outcome] += 1
            if request["extra"]:
                self.breach("two answers", f"{request['id']}: {request['extra']} bytes that nobody asked for")
            if len(tries) > 2:
                self.breach("cut", f"{request['id']}: asked {len(tries)} times")
            for attempt in tries[:-1]:
                counts["suffered"] += self.by_kill(attempt)
                counts["raced"] += not self.by_kill(attempt)
                if attempt["how"] != "left" and not self.by_kill(attempt):
                    self.try_again(request, attempt)
            if outcome == "answered":
                self.answer(request, counts)
            elif outcome in ("cut", "refused"):
                self.no_answer(request, counts)
            elif outcome == "silent":
                self.breach("silent", f"{request['id']}: nothing in {request['end'] - request['start']:.1f} s")
        self.figures |= {"answers": counts, "reasons": self.reasons}

    def no_answer(self, request, counts):
        if self.by_kill(request["tries"][-1]):
            counts["suffered"] += 1
        else:
            self.breach("cut", f"{request['id']}: {request['tries'][-1]['how']}, no answer")

    def answer(self, request, counts):
        start, end = request["tries"][-1]["sent"], request["end"]  # who asks anew has a new deadline
        late = end - start - request["patience"] - GRACE
        late -= self.forgiven(request["tries"][-1], start, end) if late > 0 else 0  # most are not, and it takes long
        if late > 0:
            self.breach("late", f"{request['id']}: {late:.2f} s after its deadline and {GRACE} s")
        if request["status"] == 200 and request["good"]:
            counts["served"] += 1
        elif request["status"] == 200:
            self.breach("wrong", f"{request['id']}: not the provider's answer")
        elif self.excused(request):
            counts["refused"] += 1
            self.reasons[request["reason"] or str(request["status"])] += 1
        else:
            self.breach("failed", f"{request['id']}: {request['status']} {request['reason']}, patience {request['patience']} s")

    # Arrivals

    def arrivals(self):
        known = self.starts
        granted, seen = set(self.record["granted"]), set()
        for arrival in self.record["arrivals"]:
            name, _, number = (arrival["attempt"] or "").rpartition(".")
            if arrival["attempt"] in seen:
                self.breach("twice", f"attempt {arrival['attempt']}")
            seen.add(arrival["attempt"])
            if name not in known or arrival["ns"] / 1e9 < known[name] or number not in granted:
                self.breach("unpaid", f"attempt {arrival['attempt']}: nobody asked for it, or no permit was given")
        self.spacing()

    def spacing(self):
        """As the provider said, and as it ought to have said."""
        arrivals, burst = self.record["arrivals"], self.record["burst"]
        rejected = [arrival for arrival in arrivals if arrival["verdict"] in ("early", "blocked")]
        for arrival in rejected:
            self.breach("early", f"attempt {arrival['attempt']}: {arrival['verdict']}")
        gaps = [(b["ns"] - a["ns"], b) for a, b in zip(arrivals, arrivals[burst:])]
        for gap, arrival in gaps:
            if gap < self.record["window"] * 1e9 and arrival not in rejected:
                self.breach("early", f"attempt {arrival['attempt']}: {gap} ns")
        self.figures |= {"arrivals": len(arrivals), "rejected": len(rejected),
                         "least gap": min((gap for gap, _ in gaps), default=0) / 1e9}

    def order(self):
        """A call whose attempt is lost has its old place: nobody who came later is sent before it is sent again. But for
        gateways, whoever of them finds a new scheduler first, and for calls that fail, which are made again after a pause. Of
        a burst, several may be on their way at once."""
        came = {r["id"]: r["start"] for r in self.record["requests"] if not r["shared"]}
        excused = merged([*self.shuffled, *self.failing])
        sent, again = [], {}
        for arrival in self.record["arrivals"] if self.record["fifo"] and self.record["burst"] == 1 else []:
            name, at = (arrival["attempt"] or "").rpartition(".")[0], arrival["ns"] / 1e9
            if name not in came:
                continue
            before = again.get(name, len(sent))
            later = [other for other, _ in sent[before + 1:] if came[other] > came[name]]
            if later and not overlap(excused, sent[before][1], at):
                self.breach("overtaken", f"{name}: sent again {at - sent[before][1]:.2f} s later, after {len(later)} "
                            "who came later")
            again[name] = len(sent)
            sent.append((name, at))
        self.figures["lost"] = len(sent) - len(again)

    def expired(self):
        """A grant that a stopped fetcher held must not be fired when it goes on."""
        times = {arrival["attempt"].rpartition(".")[2]: arrival["ns"] / 1e9
                 for arrival in self.record["arrivals"] if arrival["attempt"]}
        held = fired = 0
        for action in self.record["actions"]:
            if action["kind"] != "stop" or action["target"] != "fetcher":
                continue
            for number in action["held"]:
                late = times.get(number, 0) > action["end"]
                held += late or number not in times
                fired += late
                if late:
                    self.breach("expired", f"attempt {number} was held by a stopped fetcher and came after it")
        self.figures |= {"held": held, "fired": fired}

    # Dispatch

    def disturbances(self):
        """(from when on dispatch must go on, how long that may take, what it was); the start, too."""
        yield self.record["began"], RESUME, "start"
        for action in self.record["actions"]:
            what = f"{action['kind']} {action['target']}"
            if action["kind"] in ("kill", "term"):
                yield action["at"], RESUME, what
            elif action["kind"] == "stop":
                yield action["at"], action["end"] - action["at"] + RESUME, what
            elif action["kind"] == "provider" or (action["kind"] == "descriptors" and action["target"] == "fetcher"):
                yield action["at"], self.later(action["end"], AFTERMATH) - action["at"] + RESUME, what

    def waits(self, start, end):
        """Whether enough requests waited all the time."""
        return sum(r["start"] <= start and r["end"] >= end for r in self.record["requests"]) >= WAITING

    def dispatch(self):
        window = self.record["window"]
        times = [self.record["began"], *(arrival["ns"] / 1e9 for arrival in self.record["arrivals"])]
        troubles = sorted(self.disturbances())
        pauses = collections.defaultdict(list)
        for before, after in zip(times, [*times[1:], self.record["ended"]]):
            hit = [t for t in troubles if t[0] < after and t[0] + t[1] + window > before]
            for since, what in causes(hit):
                pauses[what].append(max(0.0, after - max(since, before)))
            due = max([before + RESUME, *(at + wait for at, wait, _ in hit)]) + window
            late = after - due
            late -= overlap(self.stalls, before, after) if late > 0 else 0
            if late > 0 and self.waits(before, after):
                self.breach("dispatch", f"nothing sent for {after - before:.2f} s, {late:.2f} s too long; last: "
                            f"{hit[-1][2] if hit else 'nothing was done'}")
        pauses.pop("start", None)
        self.figures["dispatch resumes"] = {what: max(values) for what, values in sorted(pauses.items())}

    # Processes

    def deaths(self):
        """Who is not the last of his name has ended by our doing. Or for want of descriptors: libzmq ends a process that has
        none for a peer that connects."""
        taken = {kind: {(a["target"], a["pid"]) for a in self.record["actions"] if a["kind"] == kind}
                 for kind in ("kill", "term", "descriptors")}
        last = {process: pid for _, process, pid, _ in self.record["memory"]}
        gone = {(process, pid) for _, process, pid, _ in self.record["memory"]} - set(last.items())
        alone = gone - taken["kill"] - taken["term"]
        self.figures["starved"] = len(alone & taken["descriptors"])
        for process, pid in sorted(alone - taken["descriptors"]):
            self.breach("died", f"{process}, pid {pid}, by itself")

    def grown(self, who, values, slack_kb):
        """values: (age, kB). The middle ones of the third minute and of the last; None: too short to say."""
        end = values[-1][0]
        early = [kb for age, kb in values if SETTLED <= age < SETTLED + MINUTE]
        last = [kb for age, kb in values if age > end - MINUTE]
        if end < SETTLED + 2 * MINUTE or not early:
            return None
        before, after = statistics.median_low(early), statistics.median_low(last)
        if after > before * FLAT + slack_kb:
            self.breach("memory", f"{who}: {before} kB after two minutes, {after} kB at the end")
        return before, after

    def memory(self):
        """Of each process from its own start on; and of each name, whose processes may be of any age, from the run's."""
        self.figures["memory"] = {}
        if self.record["sanitized"]:
            return
        lives, names = collections.defaultdict(list), collections.defaultdict(list)
        for at, process, pid, kilobytes in self.record["memory"]:
            lives[process, pid].append((at, kilobytes))
            names[process].append((at - self.record["began"], kilobytes))
        found = {process: self.grown(process, values, YOUNG_KB) for process, values in sorted(names.items())}
        for (process, pid), life in lives.items():
            born = life[0][0]
            self.grown(f"{process}, pid {pid}", [(at - born, kb) for at, kb in life], TOP_KB)
        self.figures["memory"] = {process: both for process, both in found.items() if both}


def judge(record):
    """(breaches, figures)"""
    case = Case(record)
    for look in (case.answers, case.arrivals, case.order, case.expired, case.dispatch, case.deaths, case.memory):
        look()
    return case.breaches, case.figures
