"""test_oracle.py - forged records: each kind of breach must be found, and nothing in what is as it should be."""
import copy
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import oracle
import plan

BEGAN, WINDOW, PATIENCE = 1000.0, 0.05, 30.0


def request(number, start, end, **changes):
    attempt = {"port": 4000 + number, "reused": True, "sent": start, "end": end, "how": "answered"}
    return {"id": f"c{number}-0", "start": start, "end": end, "patience": PATIENCE, "outcome": "answered", "status": 200,
            "reason": None, "good": True, "shared": False, "extra": 0, "tries": [attempt]} | changes


def action(kind, target, at, end, **changes):
    return {"kind": kind, "target": target, "at": BEGAN + at, "end": BEGAN + end, "ports": [], "held": [], "detail": "",
            "pid": 1} | changes


def arrived_ns(i):
    return (1_000_500 + i * 100) * 1_000_000


@pytest.fixture
def record():
    """100 requests, ten at a time, each sent in its turn."""
    arrivals = [{"ns": arrived_ns(i), "verdict": "ok", "attempt": f"c{i}-0.{i}"} for i in range(100)]
    requests = [request(i, BEGAN + max(0, 0.1 * i - 1), BEGAN + 0.55 + i * 0.1) for i in range(100)]
    return {"window": WINDOW, "burst": 1, "fifo": True, "sanitized": False, "requests": requests, "arrivals": arrivals,
            "granted": [str(i) for i in range(100)], "actions": [], "stalls": [], "memory": [], "began": BEGAN,
            "ended": BEGAN + 11}


def kinds(record):
    return sorted({breach.kind for breach in oracle.judge(record)[0]})


def cut(number, how="closed", after=2.0, reused=True, again=True):
    """A request whose connection ends so long after it was sent; it is asked again, and answered."""
    start = BEGAN + 3.0
    first = {"port": 4000 + number, "reused": reused, "sent": start, "end": start + after, "how": how}
    forged = request(number, start, start + after + 1)
    if not again:
        return forged | {"tries": [first], "outcome": "cut", "status": 0, "end": start + after}
    return forged | {"tries": [first, forged["tries"][0] | {"port": 5000, "reused": False, "sent": start + after}]}


def test_a_clean_record(record):
    breaches, figures = oracle.judge(record)
    assert breaches == []
    assert figures["answers"]["served"] == 100
    assert (figures["arrivals"], figures["rejected"], figures["least gap"]) == (100, 0, 0.1)


ANSWERS = {  # what is changed of request 50, and the breach
    "silent": ({"outcome": "silent", "status": 0}, ["silent"]),
    "late": ({"end": BEGAN + 4 + PATIENCE + 1.1}, ["late"]),
    "not yet late": ({"end": BEGAN + 4 + PATIENCE + 0.9}, []),
    "late for its own deadline": ({"patience": 0.5}, ["late"]),
    "somebody else's answer": ({"good": False}, ["wrong"]),
    "an error of ours": ({"status": 500, "reason": "internal"}, ["failed"]),
    "full": ({"status": 503, "reason": "queue_full"}, ["failed"]),
    "draining": ({"status": 503, "reason": "draining", "patience": 3.0}, ["failed"]),
    "nobody killed the provider": ({"status": 502, "reason": "upstream_closed"}, ["failed"]),
    "the provider's 500, for nothing": ({"status": 500}, ["failed"]),
    "a deadline that was long": ({"status": 504, "reason": "deadline_passed"}, ["failed"]),
    "a deadline that was short": ({"status": 503, "reason": "deadline_unmeetable", "patience": 3.0}, []),
    "two answers": ({"extra": 120}, ["two answers"]),
    "left": ({"outcome": "left", "status": 0, "good": False}, []),
}


@pytest.mark.parametrize("changes, found", ANSWERS.values(), ids=ANSWERS)
def test_answers(record, changes, found):
    record["requests"][50] |= changes
    assert kinds(record) == found


CUTS = {
    "closed while it waited": (cut(200), ["cut"]),
    "and not asked again": (cut(200, again=False), ["cut"]),
    "closed as it was sent, and nobody did anything to its gateway": (cut(200, after=0.01), ["cut"]),
    "as it was sent, on a new connection": (cut(200, after=0.01, reused=False), ["cut"]),
    "within its answer": (cut(200, how="broken"), ["cut"]),
    "refused": (cut(200, how="refused", reused=False, again=False), ["cut"]),
}


@pytest.mark.parametrize("forged, found", CUTS.values(), ids=CUTS)
def test_cuts(record, forged, found):
    record["requests"].append(forged)
    assert kinds(record) == found


def test_an_idle_connection_is_closed_by_a_gateway_that_goes(record):
    record["requests"].append(cut(200, after=0.01))
    for each, found in [(action("term", "gateway-2", 2.5, 4), []), (action("kill", "gateway", 2.9, 3.4), []),
                        (action("term", "gateway-2", 1.5, 2), ["cut"]), (action("term", "scheduler", 2.5, 4), ["cut"]),
                        (action("stop", "gateway", 2.5, 4), ["cut"]), (action("descriptors", "gateway", 2.5, 4), ["cut"])]:
        assert kinds(record | {"actions": [each]}) == found, each
    record["requests"][-1] = cut(200, after=0.3)
    assert kinds(record | {"actions": [action("term", "gateway-2", 2.5, 4)]}) == ["cut"]


@pytest.mark.parametrize("again", [True, False])
def test_a_killed_gateway_takes_its_own_connections_only(record, again):
    record["requests"].append(cut(200, again=again, reused=again))
    kill = action("kill", "gateway-2", 4.9, 5.5, ports=[4200])
    record["actions"] = [kill]
    breaches, figures = oracle.judge(record)
    assert (breaches, figures["answers"]["suffered"]) == ([], 1)
    for other in (kill | {"ports": [4201]}, kill | {"at": BEGAN + 7, "end": BEGAN + 8}, kill | {"target": "scheduler"}):
        record["actions"] = [other]
        assert kinds(record) == ["cut"]


def test_a_deadline_begins_anew_with_a_new_try(record):
    record["requests"].append(cut(200) | {"patience": 1.5})  # 2 s, and 1 s
    record["actions"] = [action("kill", "gateway-2", 4.9, 5.5, ports=[4200])]
    assert kinds(record) == []
    record["requests"][-1]["end"] += 2
    assert kinds(record) == ["late"]


def test_a_third_try(record):
    forged = cut(200, after=0.01)
    forged["tries"].insert(0, forged["tries"][0])
    record["requests"].append(forged)
    assert kinds(record) == ["cut"]


def test_what_the_provider_excuses(record):
    record["requests"][50] |= {"status": 502, "reason": "upstream_closed"}
    for each, found in [(action("provider", "simulator", 4, 5), []), (action("descriptors", "fetcher", 4, 5), []),
                        (action("provider", "simulator", 7, 8), ["failed"]), (action("disk", "STATE_DIR", 4, 5), ["failed"]),
                        (action("kill", "fetcher", 4, 5), ["failed"]), (action("descriptors", "gateway", 4, 5), ["failed"])]:
        record["actions"] = [each]
        assert kinds(record) == found, each
    record["requests"][50] |= {"reason": "internal", "status": 500}
    record["actions"] = [action("provider", "simulator", 4, 5)]
    assert kinds(record) == ["failed"]


def test_what_the_provider_has_excused_for_long_enough(record):
    """It was well again for 5 s when request 90 came; but a fetcher that was away cannot have learnt it."""
    record["requests"][90] |= {"status": 503, "reason": "breaker_open"}
    record["actions"] = [action("provider", "simulator", 2, 3)]
    assert kinds(record) == ["failed"]
    assert kinds(record | {"actions": [*record["actions"], action("stop", "fetcher", 4, 5)]}) == []
    assert kinds(record | {"actions": [*record["actions"], action("stop", "metricsd", 4, 5)]}) == ["failed"]
    assert kinds(record | {"actions": [*record["actions"], action("stop", "fetcher", 7.5, 8.5)]}) == ["failed"]


def test_lateness_of_the_bench_and_of_a_stopped_gateway_is_forgiven(record):
    record["requests"][50]["end"] = BEGAN + 4 + PATIENCE + 2.0
    late = copy.deepcopy(record)
    assert kinds(late) == ["late"]
    assert kinds(late | {"stalls": [[BEGAN + 5, BEGAN + 6.1]]}) == []
    stop = action("stop", "gateway", 4.5, 9.5, ports=[4050])
    assert kinds(late | {"actions": [stop]}) == []
    assert kinds(late | {"actions": [stop | {"ports": [4051]}]}) == ["late"]  # the other gateway has that one
    assert kinds(late | {"actions": [stop | {"target": "metricsd"}]}) == ["late"]
    late["requests"][50]["end"] += 5
    assert kinds(late | {"actions": [stop], "stalls": [[BEGAN + 5, BEGAN + 9]]}) == ["late"]  # not forgiven twice


def test_who_has_little_time_runs_out_of_it_for_a_cause(record):
    record["requests"][50] |= {"status": 504, "reason": "deadline_passed", "patience": 3.0}  # just after its turn
    assert kinds(record) == []
    record["requests"][50]["end"] = BEGAN + 4.9  # five are still ahead of it
    assert kinds(record) == ["failed"]
    assert kinds(record | {"actions": [action("kill", "fetcher", 4.5, 4.6)]}) == []
    assert kinds(record | {"actions": [action("kill", "metricsd", 4.5, 4.6)]}) == ["failed"]
    assert kinds(record | {"actions": [action("kill", "fetcher", 0.5, 1.0)]}) == ["failed"]
    record["requests"][50] |= {"status": 503, "reason": "scheduler_gone"}
    assert kinds(record | {"actions": [action("stop", "scheduler", 4.5, 9.5)]}) == []
    assert kinds(record | {"actions": [action("stop", "fetcher", 4.5, 9.5)]}) == ["failed"]
    assert kinds(record | {"actions": [action("stop", "scheduler", 6, 9.5)]}) == ["failed"]
    killed = action("kill", "scheduler", 1, 2)
    assert kinds(record | {"actions": [killed, action("descriptors", "gateway", 1, 4)]}) == []
    assert kinds(record | {"actions": [killed, action("descriptors", "fetcher", 1, 4)]}) == ["failed"]


ARRIVED_49 = arrived_ns(49)
ARRIVALS = {  # what is changed of arrival 50, and the breaches
    "an attempt that has come before": ({"attempt": "c49-0.49"}, ["twice"]),
    "too early": ({"verdict": "early"}, ["early"]),
    "in the block": ({"verdict": "blocked"}, ["early"]),
    "too near, whatever the provider said": ({"ns": ARRIVED_49 + 49_999_999}, ["early"]),
    "just far enough": ({"ns": ARRIVED_49 + 50_000_000}, []),
    "without a permit": ({"attempt": "c50-0.777"}, ["unpaid"]),
    "for nobody": ({"attempt": "z1-0.50"}, ["unpaid"]),
    "without a name": ({"attempt": None}, ["unpaid"]),
    "before it was asked for": ({"attempt": "c99-0.99"}, ["twice", "unpaid"]),
}


@pytest.mark.parametrize("changes, found", ARRIVALS.values(), ids=ARRIVALS)
def test_arrivals(record, changes, found):
    record["arrivals"][50] |= changes
    assert kinds(record) == found


def test_a_burst(record):
    record["arrivals"][50]["ns"] = ARRIVED_49 + 1
    assert kinds(record) == ["early"]
    record["burst"] = 2
    assert kinds(record) == []
    record["arrivals"][51]["ns"] = ARRIVED_49 + 49_999_999
    assert kinds(record) == ["early"]


def test_who_is_sent_again_goes_before_those_who_came_later(record):
    """49 is sent at 5.4, lost, and again at 5.5 or 5.6."""
    def again_at(place):
        arrivals = list(record["arrivals"])
        arrivals[place] = arrivals[place] | {"attempt": f"c49-0.{place}"}
        return record | {"arrivals": arrivals}

    assert kinds(again_at(50)) == []
    assert oracle.judge(again_at(50))[1]["lost"] == 1
    late = again_at(51)
    assert kinds(late) == ["overtaken"]
    assert kinds(late | {"fifo": False}) == kinds(late | {"burst": 2}) == []
    for each, found in [(action("kill", "fetcher", 5.4, 5.5), ["overtaken"]), (action("kill", "scheduler", 5.4, 5.5), []),
                        (action("stop", "gateway", 4.4, 9.5), []), (action("provider", "simulator", 2.4, 4.5), []),
                        (action("kill", "scheduler", 2.4, 2.5), ["overtaken"])]:
        assert kinds(late | {"actions": [each]}) == found, each
    record["requests"][50]["shared"] = True  # somebody who came before 49 may have asked for the same
    assert kinds(late) == []


def test_an_expired_grant(record):
    stop = action("stop", "fetcher", 1.0, 5.0, held=["49", "50"])  # 50 arrives at 5.5, 49 at 5.4
    record["actions"] = [stop]
    assert kinds(record) == ["expired"]
    record["actions"] = [stop | {"end": BEGAN + 5.5}]
    assert kinds(record) == []
    record["actions"] = [stop | {"target": "scheduler"}]
    assert kinds(record) == []


def silence(record, start, end):
    """No arrival from then to then; who has waited goes on waiting."""
    record["arrivals"] = [a for a in record["arrivals"] if not BEGAN + start < a["ns"] / 1e9 < BEGAN + end]
    for each in record["requests"]:
        each["end"] = max(each["end"], BEGAN + end)


def test_dispatch_must_go_on(record):
    silence(record, 3, 6.5)
    assert kinds(record) == ["dispatch"]
    assert kinds(record | {"actions": [action("kill", "scheduler", 3.2, 3.5)]}) == ["dispatch"]
    breaches, figures = oracle.judge(record | {"actions": [action("kill", "scheduler", 4.1, 4.4)]})
    assert breaches == []
    assert figures["dispatch resumes"]["kill scheduler"] == pytest.approx(2.4, abs=0.11)
    breaches, figures = oracle.judge(record | {"actions": [action("stop", "fetcher", 2.9, 4.5)]})
    assert breaches == []
    assert figures["dispatch resumes"]["stop fetcher"] == pytest.approx(2.0, abs=0.11)
    assert kinds(record | {"actions": [action("stop", "fetcher", 2.9, 3.5)]}) == ["dispatch"]
    assert kinds(record | {"actions": [action("provider", "simulator", 2.9, 3.5)]}) == []
    assert kinds(record | {"actions": [action("clock", "all", 4.1, 4.1)]}) == ["dispatch"]
    assert kinds(record | {"stalls": [[BEGAN + 4, BEGAN + 5.5]]}) == []


def test_a_pause_means_nothing_where_few_wait(record):
    record["requests"], record["arrivals"] = record["requests"][:oracle.WAITING - 1], []
    for each in record["requests"]:
        each["end"] = record["ended"]
    assert kinds(record) == []
    record["requests"].append(request(99, BEGAN, record["ended"]))
    assert kinds(record) == ["dispatch"]


def test_dispatch_that_ends_for_good(record):
    silence(record, 4, 20)
    assert kinds(record) == ["dispatch"]


def weighed(process, pid, seconds, slope_kb=0.0, start=0):
    return [[BEGAN + start + second, process, pid, 5000 + (second % 7) * 20 + int(second * slope_kb)]
            for second in range(seconds)]


def test_memory(record):
    flat, slope = weighed("gateway", 7, 400), weighed("scheduler", 8, 400, slope_kb=8)
    assert kinds(record | {"memory": flat}) == []
    breaches, figures = oracle.judge(record | {"memory": flat + slope})
    assert {breach.kind for breach in breaches} == {"memory"} and all("scheduler" in breach.what for breach in breaches)
    assert figures["memory"]["gateway"] == (5060, 5060)
    assert kinds(record | {"memory": slope[:200]}) == []  # too short to say
    assert kinds(record | {"memory": slope, "sanitized": True}) == []


def test_memory_of_one_life_and_of_many(record):
    assert kinds(record | {"memory": weighed("gateway", 7, 400, slope_kb=2.4)}) == []  # 528 kB from minute 3 on: 10 %
    assert kinds(record | {"memory": weighed("gateway", 7, 400, slope_kb=3.4)}) == ["memory"]  # 748 kB
    lives = [each for i in range(8) for each in weighed("gateway", i, 50, 2.8, start=50 * i)]
    record["actions"] = [action("kill", "gateway", 0, 0, pid=i) for i in range(8)]
    assert kinds(record | {"memory": lives}) == []
    grown = [[at, process, pid, kb + int(2 * (at - BEGAN) * 2.8)] for at, process, pid, kb in lives]
    assert kinds(record | {"memory": grown}) == ["memory"]


def test_a_death_that_nobody_ordered(record):
    record["memory"] = [[BEGAN + i, "fetcher", pid, 5000] for i, pid in enumerate((11, 11, 12, 13))]
    kills = [action(kind, "fetcher", i, i, pid=pid) for i, (kind, pid) in enumerate((("kill", 11), ("term", 12)))]
    assert kinds(record | {"actions": kills}) == []
    assert kinds(record | {"actions": kills[:1]}) == ["died"]
    assert kinds(record | {"actions": [kills[0], kills[1] | {"kind": "stop"}]}) == ["died"]
    starved = kills[1] | {"kind": "descriptors"}  # libzmq gives up then
    assert kinds(record | {"actions": [kills[0], starved]}) == []
    assert kinds(record | {"actions": [kills[0], starved | {"pid": 13}]}) == ["died"]
    assert kinds(record | {"actions": [kills[0], kills[1] | {"target": "scheduler"}]}) == ["died"]


def test_a_plan_can_be_done_again():
    for story in plan.STORIES:
        first = plan.make(story, 7, 600)
        assert first == plan.make(story, 7, 600) != plan.make(story, 8, 600)
        assert first[:5] == plan.make(story, 7, 60)[:5]  # a longer one goes on where a shorter one ends
        assert all(action.at < 598 for action in first)
    assert {action.kind for action in plan.make("everything", 7, 600)} == set(plan.EVERYTHING)


def test_stories_do_what_they_say():
    assert {(a.kind, a.target) for a in plan.make("kills", 3, 600)} == {("kill", name) for name in plan.INNER}
    assert {(a.kind, a.target) for a in plan.make("gateways", 3, 600)} == {("kill", name) for name in plan.GATEWAYS}
    stops = plan.make("stops", 3, 600)
    assert {(a.kind, a.seconds) for a in stops} == {("stop", 5.0)}
    assert all(b.at - a.at >= a.seconds or b.at == a.at and b.target != a.target for a, b in zip(stops, stops[1:]))
