"""ahead.py - what is measured goes before others on a busy machine (SCHED_FIFO), where that is allowed: else the machine's
scheduler would be measured."""
import os
import subprocess

ALLOWED = subprocess.run(["chrt", "--fifo", "1", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def put_ahead(pid):
    if ALLOWED:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))


def ahead(command):
    return ["chrt", "--fifo", "1", *command] if ALLOWED else command
