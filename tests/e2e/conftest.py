"""conftest.py - the table of rules.py at the end of a run: each rule with its tests and what became of them.

A test says with `@rules("2.2b", "5.2a")` which it tries. `--all-rules` fails the run when a rule of ours has no test, or one that was
left out."""
import collections

import pytest
from rules import BY_NUMBER, RULES

HELD, BROKEN, UNTRIED, NOT_OURS = "held", "BROKEN", "NOT TRIED", "not ours"
outcomes = collections.defaultdict(dict)  # rule: test: whether it passed


def pytest_addoption(parser):
    parser.addoption("--all-rules", action="store_true", help="fail when a rule of RFC 9112 is not tried, or does not hold")


def pytest_configure(config):
    config.addinivalue_line("markers", "rules(*numbers): the rules of rules.py that a test tries")


def rules_of(item):
    return [number for mark in item.iter_markers("rules") for number in mark.args]


def pytest_collection_modifyitems(items):
    for item in items:
        for number in rules_of(item):
            if number not in BY_NUMBER:
                raise pytest.UsageError(f"{item.nodeid}: there is no rule {number}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    for number in rules_of(item):
        if report.when == "call" or not report.passed:
            passed = outcomes[number].get(item.name, True)
            outcomes[number][item.name] = passed and report.passed


def verdict(rule):
    if rule.not_ours:
        return NOT_OURS
    if rule.number not in outcomes:
        return UNTRIED
    return HELD if all(outcomes[rule.number].values()) else BROKEN


def tests_of(rule):
    """The names of functions, and how many cases of each."""
    counts = collections.Counter(name.split("[")[0].removeprefix("test_") for name in outcomes.get(rule.number, ()))
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in counts.items())


def pytest_sessionfinish(session):
    verdicts = {verdict(rule) for rule in RULES}
    if session.config.getoption("all_rules") and verdicts & {BROKEN, UNTRIED} and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    if not outcomes:
        return
    terminalreporter.section("RFC 9112, sections 2 to 9, and what it leans on")
    for rule in RULES:
        word = verdict(rule)
        why = rule.not_ours or tests_of(rule) + (f" ({rule.note})" if rule.note else "")
        terminalreporter.write_line(f"{rule.number:13}{word:10}{rule.level:7}{rule.whom:11}{rule.text} - {why}",
                                    red=word in (BROKEN, UNTRIED))
    counts = collections.Counter(verdict(rule) for rule in RULES)
    terminalreporter.write_line(", ".join(f"{count} {word}" for word, count in counts.items()))
