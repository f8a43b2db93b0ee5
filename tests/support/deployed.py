"""deployed.py - a whole stack as people run it, by deploy/run, and its processes by the supervisor's names."""
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

import client
import stack

SERVICES = ["gateway", "scheduler", "fetcher", "metricsd", "simulator"]  # in the order of their end
RUN = [stack.ROOT / "deploy/run", "--no-install", "--build"]


def heed_interrupts():
    """Tests that run in the background inherit that SIGINT is ignored, and a shell could not trap it then."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Deployed:
    """folder: where it runs, and is left; a new one that is removed. programs: the folder they are in."""

    def __init__(self, folder=None, programs=stack.BIN, **options):
        self.made = folder is None
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="sluice-deploy-"))
        self.log = self.folder / "log"
        environment = stack.clean_environment() | {
            "GATEWAY_PORT": "0", "METRICSD_PORT": "0", "SIMULATOR_PORT": "0", "RATE_LIMIT_SECONDS": "0.1",
            "FEED_ENDPOINT": f"ipc://{self.folder}/public.ipc"} | options
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen([*RUN, programs], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                                          preexec_fn=heed_interrupts)
        self.urls = {}
        self.pids = []

    def __enter__(self):
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def wait_ready(self):
        text, fd = "", self.popen.stdout.fileno()
        while "curl" not in text:
            ready, _, _ = select.select([fd], [], [], 2 * stack.START_SECONDS)
            more = os.read(fd, 4096).decode() if ready else ""
            assert more, f"no URLs:\n{text}\n{self.log_text()[-4000:]}"
            text += more
        self.urls = dict(re.findall(r"^  (gateway|dashboard|provider) +http://[^:]+:(\d+)", text, re.M))
        self.pids = [self.pid(name) for name in self.services()]

    def services(self):
        """In the order of their end."""
        found = [entry.name for entry in (self.folder / "run/services").glob("gateway-*")]
        return [*found, *SERVICES]

    def __exit__(self, kind, *_):
        if kind:
            print(self.log_text()[-6000:])
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            self.popen.wait(30)
        self.popen.stdout.close()
        try:
            stack.wait_for(lambda: not any(map(alive, self.pids)), "everything has ended", 20)
            stack.check_log("deploy/run", self.log_text())
        finally:
            if self.made:
                shutil.rmtree(self.folder)

    def log_text(self):
        return self.log.read_text(errors="replace")

    def status(self, name):
        """(pid or -1, ready or not)"""
        shown = subprocess.run(["s6-svstat", "-o", "pid,ready", self.folder / "run/services" / name],
                               capture_output=True, text=True, check=False).stdout.split()
        return (int(shown[0]), shown[1] == "true") if len(shown) == 2 else (-1, False)

    def pid(self, name):
        return self.status(name)[0]

    def ask(self, number):
        return client.ask(int(self.urls["gateway"]), f"/proxy/score?cpf={number}")


def alive(pid):
    """Running, and not just a dead child whom nobody has asked for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
