"""test_deploy.py - deploy/run as people use it: restarts, orderly ends, no leftovers, clear refusals."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import client
import cpf
import pytest
import stack
from deployed import RUN, SERVICES, Deployed, alive


def test_what_is_killed_runs_again():
    """kill -9 of any process: it is ready again within 1.5 s, and what is asked afterwards is answered."""
    with Deployed() as deployed:
        assert deployed.ask(cpf.make(600)).status == 200
        for i, name in enumerate(SERVICES):
            pid, killed = deployed.pid(name), time.monotonic()
            os.kill(pid, signal.SIGKILL)
            stack.wait_for(lambda: deployed.status(name)[1] and deployed.pid(name) != pid, f"{name} again", 1.5)
            assert time.monotonic() - killed < 1.5
            deployed.pids.append(deployed.pid(name))
            assert deployed.ask(cpf.make(601 + i)).status == 200, name
        assert client.ask(int(deployed.urls["dashboard"]), "/metrics").status == 200


def test_the_port_outlives_the_gateway():
    """The listener is not the gateway's own: who connects while there is none is served by the next."""
    with Deployed() as deployed:
        folder = deployed.folder / "run/services/gateway"
        subprocess.run(["s6-svc", "-d", "-wD", "-T", "20000", folder], check=True)
        waiting = client.Waiting(int(deployed.urls["gateway"]), "/livez")
        subprocess.run(["s6-svc", "-u", folder], check=True)
        assert waiting.socket.recv(100).startswith(b"HTTP/1.1 200")
        waiting.close()
        deployed.pids.append(deployed.pid("gateway"))


def connections(deployed, name):
    """How many clients a gateway has: its sockets, without the listener (3)."""
    listed = pathlib.Path(f"/proc/{deployed.pid(name)}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    here = {line.split()[9] for line in listed if line.split()[3] == "01"}
    links = []
    for fd in pathlib.Path(f"/proc/{deployed.pid(name)}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(fd))
    return sum(link.removeprefix("socket:[").rstrip("]") in here for link in links)


def test_several_gateways_share_the_listener():
    """Each of three takes clients; one that is stopped or killed leaves new ones to the others; one drain for all."""
    with Deployed(GATEWAY_WORKERS="3") as deployed:
        gateways, port = ["gateway", "gateway-2", "gateway-3"], int(deployed.urls["gateway"])
        for name in gateways:
            others = [deployed.pid(other) for other in gateways if other != name]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            assert client.ask(port, "/livez").status == 200, f"{name} alone"
            for pid in others:
                os.kill(pid, signal.SIGCONT)
        waiting = [client.Waiting(port, "/livez") for _ in range(100)]
        assert all(each.answer().status == 200 for each in waiting)
        stack.wait_for(lambda: sum(connections(deployed, name) for name in gateways) == 100, "all are held by a gateway")
        os.kill(deployed.pid("gateway-2"), signal.SIGKILL)
        assert [deployed.ask(cpf.make(650 + i)).status for i in range(5)] == [200] * 5
        stack.wait_for(lambda: deployed.status("gateway-2")[1], "gateway-2 again")
        deployed.pids.append(deployed.pid("gateway-2"))
        for each in waiting:
            each.close()
        deployed.popen.send_signal(signal.SIGTERM)
        assert deployed.popen.wait(30) == 0
        drains = re.findall(r"^\S+ info (\w+) drain signal", deployed.log_text(), re.M)
        assert drains == ["gateway"] * 3 + SERVICES[1:4]


@pytest.mark.parametrize("how", ["TERM to the script", "Ctrl-C"])
def test_ends_in_order(how):
    with Deployed() as deployed:
        if how == "Ctrl-C":
            os.killpg(deployed.popen.pid, signal.SIGINT)
        else:
            deployed.popen.send_signal(signal.SIGTERM)
        assert deployed.popen.wait(30) == 0
        assert not any(map(alive, deployed.pids)), "the script ends last"
        drains = re.findall(r"^\S+ info (\w+) drain signal", deployed.log_text(), re.M)
        assert drains == SERVICES[:4]
        assert not (deployed.folder / "run/services").exists()


def test_second_signal_ends_at_once():
    """The first one waits for a client whose answer takes its time; the second does not."""
    with Deployed(SIMULATOR_FAULTS="service_ms=9000") as deployed:
        waiting = client.Waiting(int(deployed.urls["gateway"]), f"/proxy/score?cpf={cpf.make(605)}")
        stack.wait_for(lambda: "scheduler granted" in deployed.log_text(), "the request is on its way")
        deployed.popen.send_signal(signal.SIGTERM)
        stack.wait_for(lambda: "gateway drain signal" in deployed.log_text(), "the gateway drains")
        deployed.popen.send_signal(signal.SIGTERM)
        deployed.popen.wait(4)
        waiting.close()


def test_killing_the_script_leaves_nothing():
    with Deployed() as deployed:
        deployed.popen.kill()
        deployed.popen.wait()
        stack.wait_for(lambda: not any(map(alive, deployed.pids)), "everything has ended", 20)
        with Deployed(folder=deployed.folder) as again:  # and its folder can be used again
            assert again.ask(cpf.make(610)).status == 200


def run_to_end(folder, **options):
    environment = stack.clean_environment() | {"GATEWAY_PORT": "0", "METRICSD_PORT": "0", "SIMULATOR_PORT": "0",
                                               "FEED_ENDPOINT": f"ipc://{folder}/other.ipc"} | options
    return subprocess.run([*RUN, stack.BIN], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_second_stack_in_the_same_folder_is_refused():
    with Deployed() as deployed:
        second = run_to_end(deployed.folder)
        assert second.returncode == 1
        assert "RUNTIME_DIR run: a stack runs here" in second.stderr
        assert deployed.ask(cpf.make(620)).status == 200


def test_two_stacks_side_by_side():
    with Deployed() as one, Deployed() as two:
        assert one.urls["gateway"] != two.urls["gateway"]
        assert one.ask(cpf.make(630)).status == two.ask(cpf.make(630)).status == 200


def test_another_provider_takes_the_simulators_place():
    with Deployed() as other, Deployed(UPSTREAM_URL=f"http://127.0.0.1:{other.urls['provider']}/api/score") as deployed:
        assert not (deployed.folder / "run/services/simulator/up").exists()
        assert deployed.ask(cpf.make(640)).body == cpf.answer(cpf.make(640))
        assert other.status("fetcher")[1] and deployed.urls["provider"] == other.urls["provider"]
        assert links(other) == {"gateway": int(other.urls["gateway"]), "simulator": int(other.urls["provider"])}
        assert links(deployed) == {"gateway": int(deployed.urls["gateway"]), "simulator": None}, "it is another stack's"


def links(deployed):
    """The ports that the dashboard knows, when it knows where the gateway is."""
    def told():
        found = client.ask(int(deployed.urls["dashboard"]), "/api/state").json()["links"]
        return found if found["gateway"] else None

    return {name: url and int(url.rsplit(":", 1)[1]) for name, url in stack.wait_for(told, "the gateway has told where it is").items()}


def test_bad_option_is_named(tmp_path):
    (tmp_path / ".env").write_text("QUEUE_MAX_SIZE=many\n")
    refused = run_to_end(tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "QUEUE_MAX_SIZE" in refused.stderr


@pytest.mark.parametrize("option", ["GATEWAY_PORT", "METRICSD_PORT"])
def test_port_in_use_is_told(tmp_path, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run_to_end(tmp_path, **{option: str(taken.getsockname()[1])})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ddress already in use" in refused.stderr
