#!/usr/bin/python3
"""tally.py REPORT: prints "PASSED FAILED" of a JUnit report, as ctest and pytest write them."""
import sys
import xml.etree.ElementTree


def has_failed(case):
    """ctest says that a test skipped itself (SKIP_RETURN_CODE) as it says that one could not be run: only the message differs."""
    skipped = case.find("skipped")
    if case.get("status") == "notrun":
        return skipped is None or not skipped.get("message", "").startswith("SKIP_")
    return case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"


def tally(report):
    cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    passed = sum(case.find("skipped") is None and not has_failed(case) for case in cases)
    return passed, sum(map(has_failed, cases))


if __name__ == "__main__":
    print(*tally(sys.argv[1]))
