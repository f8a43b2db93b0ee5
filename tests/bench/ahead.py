"""ahead.py - what is measured goes before others on a busy machine (SCHED_FIFO), where that is allowed, and a load's own
program may be kept on other processors: else the machine's scheduler would be measured."""
import os
import subprocess

ALLOWED = subprocess.run(["chrt", "--fifo", "1", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def put_ahead(pid):
    if ALLOWED:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))


def ahead(command):
    return ["chrt", "--fifo", "1", *command] if ALLOWED else command


def split():
    """The processors for what is measured, and those for the load; the same where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}
