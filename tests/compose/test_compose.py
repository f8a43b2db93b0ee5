"""test_compose.py - deploy/compose.yaml on a docker engine: from outside, as its users have it. deploy/test builds the images and
runs this; each test begins with a stack that is up, and leaves one."""
import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import client
import compose
import cpf
import pytest
import yaml
import zmq
import zmq.auth
from compose import PROCESSES, SERVICES, TOKEN, docker
from stack import ROOT, wait_for

SECONDS = 0.1  # the provider's window
HEALTHY_SECONDS = 30
GATEWAYS = 3
numbers = iter(cpf.make_many(20000, 40000))


@pytest.fixture(scope="module")
def stack():
    project = compose.Compose(f"sluice-test-{os.getpid()}", RATE_LIMIT_SECONDS=SECONDS,
                              SIMULATOR_PENALTY_SECONDS=2 * SECONDS)
    try:
        project.took = project.up()
        yield project
    except BaseException:
        print(project.logs())
        raise
    finally:
        project.down()
        assert not project.containers(), "containers are left"
        left = docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={project.project}")
        assert not left, f"left of it: {left}"


def ask(stack, number, **how):
    return client.ask(stack.port, f"/proxy/score?cpf={number}", **how)


def answers(stack, number):
    """False as long as nobody listens."""
    try:
        return ask(stack, number).status == 200
    except (OSError, EOFError):
        return False


def order(stack, method, path, body=None):
    return client.ask(stack.port, path, [("Authorization", f"Bearer {TOKEN}")], method, body)


def values(stack):
    return client.ask(stack.metricsd_port, "/api/state").json()["values"]


class Load:
    """Clients, each on a new connection for each of its requests, none of them for what was asked before."""

    def __init__(self, stack, clients=8, every=None):
        self.stack, self.clients, self.every = stack, clients, every
        self.answers, self.failures = [], []
        self.over = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    async def client(self, known):
        while not self.over.is_set():
            number = known or next(numbers)
            try:
                answer = await client.ask_async(self.stack.port, f"/proxy/score?cpf={number}")
                self.answers.append(answer)
                if answer.status != 200:
                    self.failures.append(f"{answer.status} {answer.body[:200]}")
            except (OSError, EOFError) as error:
                self.failures.append(repr(error))

    async def run(self):
        await asyncio.gather(*(self.client(self.every) for _ in range(self.clients)))

    def __enter__(self):
        self.thread.start()
        self.wait_for_more(3)
        return self

    def wait_for_more(self, count):
        """So many answers from now on: what goes wrong now shows by then."""
        before = len(self.answers) + len(self.failures)
        wait_for(lambda: len(self.answers) + len(self.failures) >= before + count, f"{count} more answers", 60)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_comes_up(stack):
    """Healthy in time; the README's example, by curl; the dashboard; only what is meant to be is published, on loopback."""
    print(f"healthy after {stack.took:.1f} s")
    assert stack.took < HEALTHY_SECONDS
    url = f"http://127.0.0.1:{stack.port}/proxy/score?cpf=529.982.247-25"
    shown = subprocess.run(["curl", "-sS", "--max-time", "20", "-H", "client-id: 1", url], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["score"] == 308
    page = client.ask(stack.metricsd_port, "/")
    assert page.status == 200 and page.fields["content-type"].startswith("text/html")
    assert client.ask(stack.port, "/").fields["location"].startswith(f"http://127.0.0.1:{stack.metricsd_port}")
    published = {(name, binding["HostIp"]) for each in stack.containers()
                 for name, bindings in each["NetworkSettings"]["Ports"].items() for binding in bindings or []}
    assert published == {(f"{port}/tcp", "127.0.0.1") for port in (stack.port, stack.metricsd_port, 5555)}


def test_the_dashboard_in_a_browser(stack):
    browser = ROOT / "tests/browser"
    subprocess.run(["npm", "--prefix", browser, "ci", "--silent", "--no-progress"], check=True)
    done = subprocess.run(["npm", "--prefix", browser, "test", "--silent"], capture_output=True, text=True, check=False,
                          env=os.environ | {"SLUICE_DASHBOARD": f"http://127.0.0.1:{stack.metricsd_port}", "SLUICE_TOKEN": TOKEN})
    assert done.returncode == 0, done.stdout + done.stderr


def test_confined(stack):
    for each in stack.containers():
        host, name = each["HostConfig"], each["Name"]
        assert each["Config"]["User"] == "65534:65534" and host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], name
        assert "no-new-privileges:true" in host["SecurityOpt"] and not host["Privileged"], name
        assert host["Memory"] > 0 and host["PidsLimit"] > 0, name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        status = pathlib.Path(f"/proc/{each['State']['Pid']}/status").read_text()
        assert re.search(r"^Uid:\t65534\t65534\t65534\t65534$", status, re.M) and re.search(r"^CapBnd:\t0{16}$", status, re.M), name
        assert re.search(r"^NoNewPrivs:\t1$", status, re.M), name


def test_scheduler_and_gateways_have_no_way_out(stack):
    for each in stack.containers("scheduler") + stack.containers("gateway"):
        networks = each["NetworkSettings"]["Networks"]
        assert [json.loads(docker("network", "inspect", name))[0]["Internal"] for name in networks] == [True], networks
    upstream = stack.container("simulator")["NetworkSettings"]["Networks"]
    address = next(iter(upstream.values()))["IPAddress"]
    script = f"import socket; socket.create_connection(('{address}', 5555), 2)"
    for service, reached in [("fetcher", True), ("scheduler", False), ("gateway", False)]:
        tried = subprocess.run(["nsenter", "-n", "-t", str(main_pid(stack, service)), sys.executable, "-c", script],
                               stderr=subprocess.DEVNULL, check=False)
        assert (tried.returncode == 0) == reached, service


def test_secrets_go_to_the_gateway_alone(stack):
    for service in compose.SERVICES:
        environment = stack.container(service)["Config"]["Env"] or []
        assert any(TOKEN in each for each in environment) == (service == "gateway"), service


def test_orders_need_the_token(stack):
    """Nobody outside of a container is at its loopback, so that there is no way round the token."""
    assert client.ask(stack.port, "/admin/policy").status == 401
    assert order(stack, "PUT", "/admin/policy", {"policy": "fair"}).json() == {"policy": "fair"}
    assert order(stack, "PUT", "/admin/policy", {"policy": "fifo"}).status == 200


def test_published_without_a_token_is_refused():
    said = docker("run", "--rm", "-e", "PUBLISHED_ON=0.0.0.0", f"sluice:{compose.TAG}", "sluice-container", "run", "--listener", "/x",
                  "sluice-gateway", check=False)
    assert "ADMIN_TOKEN is needed" in said


def test_the_feed_from_within(stack):
    """A subscriber with python3-zmq in metricsd's network."""
    script = """
import sys, zmq
feed = zmq.Context().socket(zmq.SUB)
feed.subscribe(b"")
feed.connect("tcp://127.0.0.1:5556")
topics = set()
while not {"snapshot", "event.gateway.answered"} <= topics:
    assert feed.poll(10000), topics
    topics.add(feed.recv_multipart()[0].decode())
    print("got", *topics, flush=True)
"""
    pid = str(main_pid(stack, "metricsd"))
    with subprocess.Popen(["nsenter", "-n", "-t", pid, sys.executable, "-c", script], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as subscriber:
        subscriber.stdout.readline()  # it is connected
        assert ask(stack, next(numbers)).status == 200
        _, error = subscriber.communicate(timeout=30)
    assert subscriber.returncode == 0, error


def main_pid(stack, service):
    return stack.container(service)["State"]["Pid"]


def kill_main(stack, service):
    """From the host, as a crash: Docker does not restart what was killed by its own order. Gives the new one."""
    old = main_pid(stack, service)
    os.kill(old, signal.SIGKILL)
    return wait_for(lambda: (pid := main_pid(stack, service)) not in (0, old) and pid, f"{service} runs again", 20)


@pytest.mark.parametrize("service", ["metricsd", "fetcher", "scheduler"])
def test_killed_under_load(stack, service):
    """It is back by itself, and no request has failed."""
    with Load(stack) as load:
        kill_main(stack, service)
        load.wait_for_more(20)
    stack.wait_healthy()
    assert load.failures == []
    assert stack.simulator.state()["rejected"] == 0


def test_killed_simulator(stack):
    """Calls meet a provider that is away for a moment, and are made again; later ones succeed."""
    kill_main(stack, "simulator")
    wait_for(lambda: ask(stack, next(numbers)).status == 200, "answers again", 60)
    stack.wait_healthy()


def told_by(stack):
    """How many events each gateway has told of."""
    processes = client.ask(stack.metricsd_port, "/api/state").json()["processes"]
    return {each["pid"]: each["events"] for each in processes if each["process"] == "gateway" and each["up"]}


def test_who_hangs_is_unhealthy(stack):
    """A process that runs and does nothing is told from one that works."""
    first = main_pid(stack, "fetcher")
    pid = int(pathlib.Path(f"/proc/{first}/task/{first}/children").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: "fetcher" in stack.unhealthy(), "the fetcher is unhealthy", 40)
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.wait_healthy()
    shown = docker("exec", stack.container("fetcher")["Id"], "sluicectl", "health")
    assert re.fullmatch(r"fetcher \d+  ok\n", shown)


def test_health_of_an_empty_container():
    said = docker("run", "--rm", f"sluice:{compose.TAG}", "sluicectl", "health", check=False)
    assert "no process of Sluice runs here" in said


def test_scaled_to_three(stack):
    """Requests spread over gateways that share one port, and what they count adds up."""
    stack.run("up", "-d", "--no-recreate", "--scale", f"gateway={GATEWAYS}", "gateway")
    stack.wait_healthy()
    wait_for(lambda: len(told_by(stack)) == GATEWAYS, "all are heard of")
    before, total, asked = told_by(stack), values(stack)["gateway.requests_total"], 0

    def spread():
        nonlocal asked
        answers = client.ask_all(stack.port, [f"/proxy/score?cpf={next(numbers)}" for _ in range(20)])
        assert {answer.status for answer in answers} == {200}
        asked += len(answers)
        return all(count > before[pid] for pid, count in told_by(stack).items())
    wait_for(spread, "each gateway has had some", 60)
    wait_for(lambda: values(stack)["gateway.requests_total"] == total + asked, "the sum of all of them")
    assert values(stack)["gateway.up"] == GATEWAYS
    print(f"{asked} requests; events of each:", *(count - before[pid] for pid, count in told_by(stack).items()))


def test_upgrade_without_a_failure(stack):
    """Every process is replaced by one of another image, under load, and nobody notices."""
    old = {service: {each["Id"] for each in stack.containers(service)} for service in PROCESSES}
    listener = stack.container("listener")["State"]["StartedAt"]
    subprocess.run(["docker", "build", "-q", "-t", f"sluice:{compose.TAG}", "-"], input=f"FROM sluice:{compose.TAG}\nLABEL upgraded=yes\n", text=True,
                   stdout=subprocess.DEVNULL, check=True)
    known = next(numbers)
    with Load(stack) as waiting, Load(stack, clients=4, every=known) as hits:
        done = subprocess.run([ROOT / "deploy/upgrade", "--no-build"], capture_output=True, text=True, check=False,
                              env=stack.environment | {"COMPOSE": " ".join(stack.command)})
        waiting.wait_for_more(5)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"{len(waiting.answers)} that waited, {len(hits.answers)} hits, failed: {len(waiting.failures)}, {len(hits.failures)}")
    assert waiting.failures == hits.failures == []
    assert stack.container("listener")["State"]["StartedAt"] == listener
    image = json.loads(docker("image", "inspect", f"sluice:{compose.TAG}"))[0]["Id"]
    for service in PROCESSES:
        now = stack.containers(service)
        assert {each["Image"] for each in now} == {image} and not old[service] & {each["Id"] for each in now}, service
    assert len(stack.containers("gateway")) == GATEWAYS
    ids = {each["Id"] for each in stack.containers()}
    stack.run("up", "-d", "--scale", f"gateway={GATEWAYS}")
    assert {each["Id"] for each in stack.containers()} == ids, "nothing is left to be done"
    assert stack.simulator.state()["rejected"] == 0


def test_killed_listener(stack):
    """The port is away until it runs again and the gateways, which follow it, do; nothing else ends, and nobody has to help."""
    others = {service: [each["State"]["Pid"] for each in stack.containers(service)] for service in ("metricsd", "fetcher", "scheduler")}
    kill_main(stack, "listener")
    killed = time.monotonic()
    wait_for(lambda: answers(stack, next(numbers)), "answers again", 30)
    print(f"answers {time.monotonic() - killed:.1f} s after the listener runs again")
    stack.wait_healthy()
    assert len(stack.containers("gateway")) == GATEWAYS
    assert others == {service: [each["State"]["Pid"] for each in stack.containers(service)] for service in others}
    with Load(stack) as load:
        load.wait_for_more(20)
    assert load.failures == []


def test_all_killed_at_once(stack):
    """Every container is back by itself, in any order."""
    old = [each["State"]["Pid"] for each in stack.containers()]
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not {each["State"]["Pid"] for each in stack.containers()} & {0, *old}, "all run again", 30)
    stack.wait_healthy()
    wait_for(lambda: ask(stack, next(numbers)).status == 200, "answers again", 60)


@pytest.mark.skipif("SLUICE_ENGINE" not in os.environ, reason="the engine that runs is not ours to start anew")
def test_the_engine_is_started_anew(stack):
    """As at a boot of the host: nobody has to help."""
    pid = pathlib.Path(os.environ["SLUICE_ENGINE"]).with_name("pid")
    os.kill(int(pid.read_text()), signal.SIGTERM)
    wait_for(lambda: not pid.exists(), "the engine has ended", 60)
    began = time.monotonic()
    subprocess.run(["setsid", "--fork", os.environ["SLUICE_ENGINE"]], check=True)
    wait_for(lambda: answers(stack, next(numbers)), "answers again", 60)
    print(f"answers {time.monotonic() - began:.1f} s after the engine's start")
    stack.wait_healthy()


def test_scenarios(stack):
    """S1 to S5, from outside."""
    done = subprocess.run([ROOT / "tests/scenarios", "--compose", stack.project], stdout=subprocess.PIPE, text=True, check=False,
                          env=stack.environment)
    print(done.stdout)
    assert done.returncode == 0


def keys(folder, *arguments):
    """As deploy/README.md has it: sluice-keys of the image, and a folder that is its user's."""
    docker("run", "--rm", "-v", f"{folder}:/keys", f"sluice:{compose.TAG}", "sluice-keys", *arguments)


def test_the_feed_for_other_hosts(stack, tmp_path):
    """Published and encrypted by deploy/feed.yaml: who has a key hears all, who has none hears nothing."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    keys(folder, "server", "/keys")
    keys(folder, "client", "reader", "/keys/made")
    (folder / "clients").mkdir()
    (folder / "clients/reader").write_bytes((folder / "made/reader").read_bytes())
    port = compose.free_port()
    stack.environment |= {"FEED_PORT": str(port), "FEED_KEYS": str(folder)}
    stack.command += ["-f", f"{ROOT}/deploy/feed.yaml"]
    stack.run("up", "-d")
    stack.wait_healthy()

    shown = subprocess.run(["timeout", "10", ROOT / "deploy/examples/feed.py", f"tcp://127.0.0.1:{port}", "--server-key",
                            folder / "metricsd", "--key", folder / "made/reader_secret"], capture_output=True, text=True, check=False)
    assert "gateway.requests_total" in shown.stdout, shown
    with zmq.Context() as context, context.socket(zmq.SUB) as stranger:
        stranger.linger = 0
        stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
        stranger.curve_serverkey, _ = zmq.auth.load_certificate(folder / "metricsd")
        stranger.subscribe("")
        stranger.connect(f"tcp://127.0.0.1:{port}")
        wait_for(lambda: values(stack)["metricsd.feed_handshakes_refused_total"] > 0, "it is told of who was refused")
        assert not stranger.poll(0)


def test_prometheus_of_the_profile(stack):
    """It scrapes the stack, and has taken the rules."""
    stack.environment |= {"METRICSD_BIND": "127.0.0.2", "METRICSD_PORT": "5001"}  # where its configuration looks
    stack.run("--profile", "observability", "up", "-d", *SERVICES, "prometheus")
    pid = str(main_pid(stack, "prometheus"))

    def told(what):
        return json.loads(subprocess.run(["nsenter", "-n", "-t", pid, "curl", "-sS", "--retry", "30", "--retry-connrefused",
                                          f"http://127.0.0.1:9090/api/v1/{what}"], stdout=subprocess.PIPE, check=True).stdout)["data"]
    wait_for(lambda: {each["metric"]["process"] for each in told("query?query=sluice_up==1")["result"]} == set(PROCESSES),
             "all are up", 60)
    alerts = yaml.safe_load((ROOT / "deploy/observability/alerts.yml").read_text())
    wanted = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    rules = [rule for group in told("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules if rule["health"] != "err"} == wanted
