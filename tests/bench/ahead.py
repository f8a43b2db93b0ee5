"""ahead.py - what is measured goes before others on a busy machine (SCHED_FIFO), where that is allowed, and a load's own
program may be kept on other processors: else the machine's scheduler would be measured."""
import os
import subprocess

ALLOWED = subprocess.run(["chrt", "--fifo", "1", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def put_ahead(pid):
    if ALLOWED:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))


def first(command):
    """Before those, too: a client of theirs that would have a machine of its own, and sees an answer when it comes."""
    return ["chrt", "--fifo", "2", *command] if ALLOWED else command


def split():
    """The processors for what is measured, and those for the load; the same where there is only one."""
    one, *others = sorted(os.sched_getaffinity(0))
    return {one}, set(others) or {one}
