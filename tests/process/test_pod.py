"""test_pod.py - sluice-pod: a listener that one process holds and others get from it, and are replaced without a loss."""
import os
import signal
import socket
import subprocess
import threading

import client
import compose
import pytest
from stack import BIN, Stack, wait_for

POD = BIN / "sluice-pod"


def run(*words, **environment):
    return subprocess.run([POD, *words], capture_output=True, text=True, timeout=20, check=False, env=os.environ | environment)


class Pod:
    def __init__(self, folder):
        self.path, self.port = folder / "listener.sock", compose.free_port()
        self.popen = subprocess.Popen([POD, "hold", self.path, str(self.port)], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self.popen.stdout.readline() == f"READY pod port={self.port}\n"
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()


@pytest.fixture
def pod(tmp_path):
    with Pod(tmp_path) as running:
        yield running


def test_hands_over_its_listener(pod):
    said = run("take", pod.path, "/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd; readlink /proc/self/fd/3", LISTEN_PID="1")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.split()
    assert lines[0] == "1" and lines[-1].startswith("socket:") and lines[1:5] == ["0", "1", "2", "3"], lines
    assert pod.path.stat().st_mode & 0o777 == 0o700
    assert run("check", pod.path).returncode == 0


def test_ends_by_a_signal_and_cleans_up(pod):
    pod.popen.send_signal(signal.SIGTERM)
    assert pod.popen.wait(10) == 0
    assert not pod.path.exists()
    gone = run("check", pod.path)
    assert (gone.returncode, gone.stdout) == (1, "") and "no listener" in gone.stderr


def test_a_killed_one_is_followed(tmp_path):
    with Pod(tmp_path) as first:
        first.popen.kill()
        first.popen.wait()
        assert run("take", first.path, "true").returncode == 1
    with Pod(tmp_path) as second:
        assert run("take", second.path, "true").returncode == 0


def test_who_hangs_up_does_no_harm(pod):
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(pod.path))
    assert run("check", pod.path).returncode == 0


@pytest.mark.parametrize("words, said", [
    ((), "usage"), (("take", "/x"), "usage"), (("hold", "/x"), "usage"),
    (("hold", "/x", "0"), "no port"), (("hold", "/x", "65536"), "no port"), (("hold", "/x", "80x"), "no port"),
    (("check", "/nowhere/x"), "no listener"), (("check", "/" + "x" * 200), "File name too long")])
def test_bad_words_are_refused(words, said):
    refused = run(*words)
    assert (refused.returncode, refused.stdout) == (1, "") and said in refused.stderr


@pytest.mark.parametrize("where, token, refused", [
    ("127.0.0.1", "", False), ("[::1]", "", False), ("0.0.0.0", "t", False), ("0.0.0.0", "", True), ("192.0.2.1", "", True)])
def test_beyond_loopback_a_token_is_needed(pod, where, token, refused):
    said = run("take", pod.path, "true", PUBLISHED_ON=where, ADMIN_TOKEN=token)
    assert said.returncode == refused and ("ADMIN_TOKEN is needed" in said.stderr) == refused


def test_gateways_are_replaced_without_a_reset(pod):
    """New connections all the while, for what costs no slot; gateways end in turn by SIGTERM, each after its successor is there."""
    over, failures, answered = threading.Event(), [], [0]

    def load():
        while not over.is_set():
            try:
                answer = client.ask(pod.port, "/livez")
                answered[0] += 1
                if answer.status != 200:
                    failures.append(answer.status)
            except (OSError, EOFError) as error:
                failures.append(repr(error))

    with Stack() as stack:
        def begin():
            process = subprocess.Popen([POD, "take", pod.path, BIN / "sluice-gateway"], env=stack.environment, cwd=stack.folder,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            assert f"port={pod.port}" in process.stdout.readline()
            return process
        gateway = begin()
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                before, successor = answered[0], begin()
                gateway.terminate()
                assert gateway.wait(20) == 0
                gateway.stdout.close()
                gateway = successor
                wait_for(lambda: answered[0] > before + 20, "it answers")  # pylint: disable=cell-var-from-loop
        finally:
            over.set()
            for thread in threads:
                thread.join()
            gateway.terminate()
            assert gateway.wait(20) == 0
            gateway.stdout.close()
    assert failures == []
