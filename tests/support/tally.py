#!/usr/bin/python3
"""tally.py REPORT: prints "PASSED FAILED" of a JUnit report, as ctest and pytest write them."""
import sys
import xml.etree.ElementTree


def tally(report):
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") in ("fail", "notrun"):
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


if __name__ == "__main__":
    print(*tally(sys.argv[1]))
