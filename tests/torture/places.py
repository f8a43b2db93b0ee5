"""places.py - where the programs make calls that can fail: read from a record of them, and named by file and line.

A point is one call that is to fail: in which process, in its first or second life in a stack (the second finds files there),
in which phase of that life, at which place, and the how manieth time there.
"""
import collections
import dataclasses
import functools
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = ROOT / "build/dev/torture"
PHASES = ["start", "visit", "stop"]
SECOND = 2


@dataclasses.dataclass(frozen=True)
class Point:
    process: str
    life: int
    phase: str
    call: str
    site: str  # as TORTURE_SITE wants it
    nth: int
    name: str  # for people, and for --only

    def environment(self, log, armed):
        return {"TORTURE_CALL": self.call, "TORTURE_SITE": self.site, "TORTURE_NTH": str(self.nth), "TORTURE_LOG": str(log),
                "TORTURE_ARMED": str(armed)}


def table():
    """The calls that calls.def lists."""
    return set(re.findall(r"^(?:CALL|MORE)\((\w+),", (HERE / "calls.def").read_text(encoding="ascii"), re.M))


def sure():
    lines = (HERE / "sure.txt").read_text(encoding="ascii").splitlines()
    return {name for line in lines if not line.startswith("#") for name in line.split()}


def unknown_calls(process):
    """What the program calls that is in neither list."""
    listed = subprocess.run(["nm", "-D", "-u", PROGRAMS / f"sluice-{process}"], capture_output=True, text=True, check=True)
    called = {re.sub(r"@.*|^__isoc\d\d_", "", line.split()[-1]) for line in listed.stdout.splitlines()}
    return sorted(name for name in called - table() - sure()
                  if not re.match(r"__(asan|ubsan|sanitizer|lsan|gmon|cxa|wrap)|_ITM_", name))


@functools.cache
def line_of(process, address):
    """file.c:12 of a call's return address, "a library" for 0."""
    if address == 0:
        return "a library"
    found = subprocess.run(["addr2line", "-e", PROGRAMS / f"sluice-{process}", hex(address - 1)], capture_output=True, text=True,
                           check=True).stdout.split()[0]
    return pathlib.Path(found).name


def name_of(process, life, phase, call, site, nth):
    place, caller = (line_of(process, int(address, 16)) for address in site.split(","))
    return f"{process}/{life}/{phase}/{call}@{place}<{caller}#{nth}"


def read(log):
    return [tuple(line.split()) for line in log.read_text(encoding="ascii").splitlines()] if log.exists() else []


def points_of(process, life, phase, calls):
    """The first call at each place, and the last."""
    for (call, site), count in collections.Counter(calls).items():
        for nth in sorted({1, count}):
            yield Point(process, life, phase, call, site, nth, name_of(process, life, phase, call, site, nth))


def choose(record):
    """All points of a record {(process, life, phase): calls}. A start finds other files each time; all else is the same in
    a second life, unless it is new."""
    chosen = []
    for (process, life, phase), calls in record.items():
        known = set(record[process, 1, phase]) if life == SECOND and phase != "start" else set()
        chosen += points_of(process, life, phase, [call for call in calls if call not in known])
    return chosen
