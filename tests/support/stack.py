"""stack.py - a whole stack for a test: the real processes on free ports, in a folder of their own.

    with Stack(RATE_LIMIT_SECONDS=0.1) as stack:
        assert stack.ask(cpf.make(1)).status == 200

The programs are taken from SLUICE_BIN (in the environment, or as an option), else from build/dev/bin. At the end every process must have stopped in
order and with status 0 (unless the test killed it), and no log may hold a sanitizer's report or a whole CPF.
"""
import contextlib
import fcntl
import functools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import client
import cpf

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/dev/bin"))
START_SECONDS = 20  # sanitized programs on a busy machine
PROCESSES = ["metricsd", "fetcher", "scheduler", "gateway"]  # they are stopped the other way round
ALL = [*PROCESSES, "simulator"]
SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def wait_for(condition, what, seconds=10.0):
    """Asks until the condition is true, and returns what it said then."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def clean_environment():
    """Ours, without options of Sluice that a developer has set."""
    names = subprocess.run([BIN / "sluice-gateway", "--env-example"], capture_output=True, text=True, check=True)
    options = set(re.findall(r"^#([A-Z_]+)=", names.stdout, re.M)) | {"LISTEN_FDS", "LISTEN_PID", "NOTIFY_FD"}
    return {name: value for name, value in os.environ.items()
            if name not in options and not name.startswith("SIMULATOR_")}


def check_log(name, text):
    assert not SANITIZER.search(text), f"{name}: a sanitizer's report:\n{text[-4000:]}"
    for number in re.findall(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)", text):
        assert re.sub(r"\D", "", number) not in cpf.used, f"{name}: a whole CPF in the log"


@functools.cache
def release_programs(*more):
    """Where programs without sanitizers are, for what cannot be tested with them, and more targets; built if that is not
    done yet."""
    build = ["cmake", "--build", "--preset", "release", "--target", *(f"sluice-{name}" for name in ALL), *more]
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build/release.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["cmake", "--preset", "release"], build):
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build/release/bin"


class Process:
    """One running program. Its log is the file `log`, the words of its READY line are in `ready`."""

    def __init__(self, name, environment, folder, log=None):
        self.name = name
        self.log = folder / f"{log or name}.log"
        self.ready = {}
        self.killed = False
        self.told_to_stop = False
        with open(self.log, "ab") as log:
            programs = pathlib.Path(environment.get("SLUICE_BIN", BIN))
            self.popen = subprocess.Popen([programs / f"sluice-{name}"], env=environment, cwd=folder,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)

    def wait_ready(self):
        readable, _, _ = select.select([self.popen.stdout], [], [], START_SECONDS)
        line = self.popen.stdout.readline().decode() if readable else ""
        assert line.startswith(f"READY {self.name}"), f"{self.name} is not ready:\n{self.log_text()[-4000:]}"
        self.ready = dict(word.split("=", 1) for word in line.split()[2:])

    def log_text(self):
        return self.log.read_text(errors="replace")

    @property
    def port(self):
        return int(self.ready["port"])

    def running(self):
        return self.popen.poll() is None

    def memory_kb(self, what="VmRSS"):
        """Now; or "VmHWM", the most so far."""
        status = pathlib.Path(f"/proc/{self.popen.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"{what}:\s+(\d+)", status).group(1))

    def kill(self):
        self.killed = True
        self.popen.kill()
        self.popen.wait()

    def terminate(self):
        """Once: a second signal would cut the drain short."""
        if self.running() and not self.told_to_stop:
            self.popen.send_signal(signal.SIGTERM)
        self.told_to_stop = True

    def stop(self):
        self.terminate()
        status = self.popen.wait(START_SECONDS)
        self.popen.stdout.close()
        return status


class Simulator:
    """The provider's stand-in, by its control endpoint."""

    def __init__(self, port):
        self.port = port

    def control(self, what, method="GET"):
        answer = client.ask(self.port, f"/control/{what}", method=method)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def state(self):
        return self.control("state")

    def faults(self, form):
        """Such as "status=500", "service_ms=300&count=2", "reset=1"."""
        self.control(f"faults?{form}", "POST")

    def reset(self):
        """Forgets arrivals and windows."""
        self.control("reset", "POST")

    def arrivals(self):
        """All that came to the provider: dictionaries with ns, verdict, gap_ns, cpf (masked), ..."""
        return self.control("log?limit=10000")["entries"]


class Provider:
    """The provider's stand-in alone."""

    def __init__(self, **options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        self.environment = clean_environment() | {"SIMULATOR_PORT": "0"} | {
            name: str(value) for name, value in options.items()}

    def __enter__(self):
        self.process = Process("simulator", self.environment, self.folder)
        self.process.wait_ready()
        return Simulator(int(self.process.ready["port"]))

    def __exit__(self, kind, error, trace):
        try:
            assert self.process.stop() == 0
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Stack:
    def __init__(self, simulator=True, **options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        self.environment = clean_environment() | {
            "GATEWAY_PORT": "0", "METRICSD_PORT": "0", "SIMULATOR_PORT": "0",
            "FEED_ENDPOINT": f"ipc://{self.folder}/public.ipc", "RUNTIME_DIR": f"{self.folder}/run",
            "STATE_DIR": f"{self.folder}/state", "CACHE_DIR": f"{self.folder}/cache", "LOG_LEVEL": "debug",
        } | {name: str(value) for name, value in options.items()}
        self.processes = {}
        self.simulator = None
        self.with_simulator = simulator

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.abandon()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            self.show_logs()
            self.abandon()
            return
        try:
            self.stop()
        finally:
            self.abandon()

    def start(self):
        if self.with_simulator:
            self.start_simulator()
        for name in PROCESSES:
            self.spawn(name, wait=False)
        for name in PROCESSES:
            self.processes[name].wait_ready()
        self.settle()

    def start_simulator(self):
        rate = self.environment.get("RATE_LIMIT_SECONDS", "1")
        self.environment.setdefault("SIMULATOR_WINDOW_SECONDS", rate)
        self.simulator = Simulator(int(self.spawn("simulator").ready["port"]))
        self.environment["SIMULATOR_PORT"] = str(self.simulator.port)
        url = self.environment.get("UPSTREAM_URL", "http://127.0.0.1:{port}/api/score")
        self.environment["UPSTREAM_URL"] = url.replace("{port}", str(self.simulator.port))

    def settle(self):
        self.environment["GATEWAY_PORT"] = self.processes["gateway"].ready["port"]  # a restart keeps them
        self.environment["METRICSD_PORT"] = self.processes["metricsd"].ready["port"]
        wait_for(lambda: self.get("/readyz").status == 200, "the stack is ready", START_SECONDS)

    def spawn(self, name, wait=True):
        self.processes[name] = Process(name, self.environment, self.folder)
        if wait:
            self.processes[name].wait_ready()
        return self.processes[name]

    def spawn_again(self, name, environment=None):
        """At its old place. Its port is one that clients' connections get, too: one may have it for a moment."""
        end = time.monotonic() + START_SECONDS
        while True:
            process = Process(name.split("-")[0], environment or self.environment, self.folder, name)
            self.processes[name] = process
            try:
                process.wait_ready()
                return process
            except AssertionError:
                process.kill()
                if "Address already in use" not in process.log_text() or time.monotonic() > end:
                    raise

    def spawn_gateway(self, **options):
        """One more gateway, on a port of its own; "gateway-2" and so on among the processes."""
        name = f"gateway-{1 + sum(name.startswith('gateway') for name in self.processes)}"
        environment = self.environment | {"GATEWAY_PORT": "0"} | {key: str(value) for key, value in options.items()}
        self.processes[name] = Process("gateway", environment, self.folder, name)
        self.processes[name].wait_ready()
        wait_for(lambda: client.ask(self.processes[name].port, "/readyz").status == 200, f"{name} is ready")
        return self.processes[name]

    def kill(self, name):
        self.processes[name].kill()

    def restart(self, name):
        """Kills it and starts it again at its old place."""
        self.kill(name)
        return self.spawn_again(name)

    def stop(self):
        more = [name for name in self.processes if name not in [*PROCESSES, "simulator"]]
        for name in [*more, *reversed(PROCESSES), "simulator"]:
            process = self.processes.get(name)
            if process is None:
                continue
            assert process.killed or process.told_to_stop or process.running(), f"{name} died:\n{process.log_text()[-4000:]}"
            status = process.stop()
            assert process.killed or status == 0, f"{name} ended with {status}:\n{process.log_text()[-4000:]}"
        for name, process in self.processes.items():
            check_log(name, process.log_text())

    def show_logs(self):
        """The last lines of each process, where pytest shows them beside the failure."""
        for name, process in self.processes.items():
            print(f"--- {name}\n{process.log_text()[-3000:]}")

    def abandon(self):
        for process in self.processes.values():
            if process.running():
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def port(self):
        return self.processes["gateway"].port

    @property
    def metricsd_port(self):
        return self.processes["metricsd"].port

    def get(self, target, **how):
        return client.ask(self.port, target, **how)

    def queued(self):
        """How many requests wait in the queue."""
        return len(self.get("/admin/queue?limit=200").json()["requests"])

    def order(self, what):
        """An operator's order; a scheduler that has just been started may not be connected yet."""
        wait_for(lambda: self.get(f"/admin/{what}", method="POST").status == 200, what)

    @contextlib.contextmanager
    def paused(self):
        """Nothing is sent meanwhile."""
        self.order("pause")
        yield
        self.order("resume")

    def state(self):
        """metricsd's /api/state."""
        return client.ask(self.metricsd_port, "/api/state").json()

    @staticmethod
    def target(number, extra=""):
        return f"/proxy/score?cpf={number}{extra}"

    def ask(self, number, extra="", fields=()):
        return client.ask(self.port, self.target(number, extra), fields)

    def ask_all(self, numbers, fields=()):
        return client.ask_all(self.port, [self.target(number) for number in numbers], fields)

    def wait(self, number, fields=()):
        """A request that waits, and may leave."""
        return client.Waiting(self.port, self.target(number), fields)
