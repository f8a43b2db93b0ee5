"""compose.py - a stack in containers, for tests: deploy/compose.yaml on a docker engine.

SLUICE_COMPOSE is the command (docker-compose, or "docker compose"). ComposeStack is the Stack of stack.py for it, so that
tests/scenarios does the same with both.
"""
import json
import os
import re
import shlex
import socket
import subprocess
import time

import client
from stack import ROOT, Simulator, Stack, wait_for

PROCESSES = ["metricsd", "fetcher", "scheduler", "gateway"]
SERVICES = ["listener", *PROCESSES, "simulator"]
PORTS = ["GATEWAY_PORT", "METRICSD_PORT", "SIMULATOR_PORT"]
TOKEN = "token-of-the-compose-tests"
COMMAND = shlex.split(os.environ.get("SLUICE_COMPOSE", "docker-compose"))
TAG = os.environ.get("SLUICE_TAG", "local")
FOLDER = ROOT / "tests/compose"
OPTIONS = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
START_SECONDS = 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def docker(*words, check=True):
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(map(str, words))}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr if not check else done.stdout


class Compose:
    """One project: its containers by service, and what is said to docker-compose."""

    def __init__(self, project, **options):
        self.project = project
        self.command = [*COMMAND, "-p", project, "--env-file", f"{FOLDER}/none.env", "-f", f"{ROOT}/deploy/compose.yaml",
                        "-f", f"{FOLDER}/fast.yaml"]
        clean = {name: value for name, value in os.environ.items() if name not in OPTIONS}
        self.environment = clean | {name: str(free_port()) for name in PORTS} | {"ADMIN_TOKEN": TOKEN} | {
            name: str(value) for name, value in options.items()}

    def run(self, *words, **options):
        environment = self.environment | {name: str(value) for name, value in options.items()}
        done = subprocess.run([*self.command, "--profile", "simulator", *words], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(map(str, words))}:\n{done.stdout[-3000:]}"
        return done.stdout

    def containers(self, service=None):
        filters = [f"label=com.docker.compose.project={self.project}"]
        filters += [f"label=com.docker.compose.service={service}"] if service else []
        ids = docker("ps", "-aq", *(word for each in filters for word in ("--filter", each))).split()
        return json.loads(docker("inspect", *ids)) if ids else []

    def container(self, service):
        found = self.containers(service)
        assert len(found) == 1, f"{len(found)} of {service}"
        return found[0]

    def unhealthy(self):
        """Which are not healthy, or not there."""
        states = [(each["Config"]["Labels"]["com.docker.compose.service"], each["State"]["Health"]["Status"])
                  for each in self.containers() if each["State"]["Running"]]
        good = {name for name, state in states if state == "healthy"} - {name for name, state in states if state != "healthy"}
        return set(SERVICES) - good

    def wait_healthy(self, seconds=START_SECONDS):
        try:
            wait_for(lambda: not self.unhealthy(), "all are healthy", seconds)
        except AssertionError:
            print(f"not healthy: {self.unhealthy()}\n{self.logs()}")
            raise

    def up(self):
        started = time.monotonic()
        self.run("up", "-d")
        self.wait_healthy()
        return time.monotonic() - started

    def logs(self):
        return self.run("logs", "--no-color", "--tail", "50")

    def down(self):
        """Docker 20.10 sometimes counts an endpoint of a network that nobody has any more, and keeps the network until the
        engine is started anew: told, and no fault of the stack's."""
        try:
            self.run("--profile", "observability", "down", "-v", "--remove-orphans")
        except AssertionError as error:
            if "has active endpoints" not in str(error) or self.containers():
                raise
            print(f"the engine keeps a network that has no container: {str(error)[-300:]}")
            return
        assert not docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={self.project}"), "networks are left"

    @property
    def port(self):
        return int(self.environment["GATEWAY_PORT"])

    @property
    def metricsd_port(self):
        return int(self.environment["METRICSD_PORT"])

    @property
    def simulator(self):
        return Simulator(int(self.environment["SIMULATOR_PORT"]))


class ComposeStack(Stack):
    """The processes of a project that is up, begun anew with these options."""

    def __init__(self, compose, **options):
        self.compose = compose  # and nothing of Stack's: no processes, no folder
        self.options = options

    def __enter__(self):
        self.simulator = self.compose.simulator
        self.simulator.faults("reset=1")
        self.compose.run("rm", "-fs", "listener", *PROCESSES)  # with the last of them what was counted in RUNTIME_DIR ends
        self.compose.run("up", "-d", **self.options)
        self.simulator.reset()
        wait_for(lambda: self.get("/readyz").json()["missing"] == [], "the stack is ready", START_SECONDS)
        self.get("/admin/policy", method="PUT", body={"policy": "fifo"})  # STATE_DIR, which stays, has that of before
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            print(self.compose.logs())

    @property
    def port(self):
        return self.compose.port

    @property
    def metricsd_port(self):
        return self.compose.metricsd_port

    def get(self, target, fields=(), **how):
        token = [("Authorization", f"Bearer {TOKEN}")] if target.startswith("/admin") else []
        return client.ask(self.port, target, [*token, *fields], **how)
