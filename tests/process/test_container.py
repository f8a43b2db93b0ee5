"""test_container.py - sluice-container: a listener that one process holds and others get from it, and are replaced without a loss;
the first process of a container."""
import contextlib
import os
import signal
import socket
import subprocess
import threading

import client
import compose
import pytest
from stack import BIN, Stack, wait_for

CONTAINER = BIN / "sluice-container"
# A container as far as it matters here: process ids of its own. Everything in it dies with it.
INSIDE = ["unshare", "--pid", "--fork", "--kill-child", *([] if os.getuid() == 0 else ["--map-root-user"])]
inside = pytest.mark.skipif(subprocess.run([*INSIDE, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0,
                            reason="no process id namespace may be made here; deploy/test has real containers")
WITHIN = [pytest.param((), id="host"), pytest.param(INSIDE, id="inside", marks=inside)]


def run(*words, within=(), **environment):
    return subprocess.run([*within, CONTAINER, *words], capture_output=True, text=True, timeout=20, check=False, env=os.environ | environment)


class Holder:
    def __init__(self, folder, port=None):
        self.path, self.port = folder / "listener.sock", port or compose.free_port()
        self.popen = subprocess.Popen([CONTAINER, "hold", self.path, str(self.port)], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self.popen.stdout.readline() == f"READY listener port={self.port}\n"
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()


@pytest.fixture
def holder(tmp_path):
    with Holder(tmp_path) as running:
        yield running


@contextlib.contextmanager
def running(*words, within=(), **environment):
    """With its output, line by line."""
    with subprocess.Popen([*within, CONTAINER, "run", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=os.environ | environment) as popen:
        try:
            yield popen
        finally:
            popen.kill()


def test_hands_over_its_listener(holder):
    script = "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd; readlink /proc/self/fd/3"
    said = run("run", "--listener", holder.path, "/bin/sh", "-c", script, LISTEN_PID="1")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.split()
    assert lines[0] == "1" and lines[-1].startswith("socket:") and lines[1:5] == ["0", "1", "2", "3"], lines
    assert holder.path.stat().st_mode & 0o777 == 0o700
    assert run("check", holder.path).returncode == 0


def test_ends_by_a_signal_and_cleans_up(holder):
    holder.popen.send_signal(signal.SIGTERM)
    assert holder.popen.wait(10) == 0
    assert not holder.path.exists()
    gone = run("check", holder.path)
    assert (gone.returncode, gone.stdout) == (1, "") and "no listener" in gone.stderr


def test_who_hangs_up_does_no_harm(holder):
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(holder.path))
    assert run("check", holder.path).returncode == 0


@pytest.mark.parametrize("words, said", [
    ((), "usage"), (("run",), "usage"), (("run", "--listener", "/x"), "usage"), (("run", "--no-such", "x"), "usage"), (("hold", "/x"), "usage"),
    (("hold", "/x", "0"), "no port"), (("hold", "/x", "65536"), "no port"), (("hold", "/x", "80x"), "no port"),
    (("check", "/nowhere/x"), "no listener"), (("check", "/" + "x" * 200), "File name too long"),
    (("run", "--listener", "/" + "x" * 200, "true"), "File name too long"), (("run", "/no/such"), "cannot be started")])
def test_bad_words_are_refused(words, said):
    refused = run(*words)
    assert (refused.returncode, refused.stdout) == (1, "") and said in refused.stderr


@pytest.mark.parametrize("where, token, refused", [
    ("127.0.0.1", "", False), ("[::1]", "", False), ("0.0.0.0", "t", False), ("0.0.0.0", "", True), ("192.0.2.1", "", True)])
def test_beyond_loopback_a_token_is_needed(holder, where, token, refused):
    said = run("run", "--listener", holder.path, "true", PUBLISHED_ON=where, ADMIN_TOKEN=token)
    assert said.returncode == refused and ("ADMIN_TOKEN is needed" in said.stderr) == refused


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("script, status", [("exit 7", 7), ("kill -9 $$", 128 + signal.SIGKILL)])
def test_ends_as_its_command(tmp_path, within, script, status):
    assert run("run", "/bin/sh", "-c", script, within=within, RUNTIME_DIR=str(tmp_path)).returncode == status


@pytest.mark.parametrize("within", WITHIN)
def test_passes_signals_on_and_reaps(tmp_path, within):
    """The orphan ends by itself; of the command the end is what its own handler makes of the signal."""
    script = "trap 'exit 3' TERM; (true &); echo $$; while :; do read _ <$0; done"
    os.mkfifo(tmp_path / "never")
    with running("/bin/sh", "-c", script, tmp_path / "never", within=within, RUNTIME_DIR=str(tmp_path)) as popen:
        popen.stdout.readline()
        first = popen.pid if not within else int(open(f"/proc/{popen.pid}/task/{popen.pid}/children", encoding="ascii").read())
        wait_for(lambda: len(children(first)) == 1, "the orphans are gone")
        os.kill(first, signal.SIGTERM)
        assert popen.wait(10) == 3


def children(pid):
    return open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()


@inside
def test_every_container_has_an_id_of_its_own(tmp_path):
    """While others live, after they have ended, and when a health check has taken the next one."""
    ids = set()
    with contextlib.ExitStack() as alive:
        for _ in range(5):
            popen = alive.enter_context(running("/bin/sh", "-c", "echo $$; read _", within=INSIDE, RUNTIME_DIR=str(tmp_path)))
            ids.add(int(popen.stdout.readline()))
    assert len(ids) == 5 and all(1 < number < 512 for number in ids)
    for _ in range(3):
        said = run("run", "/bin/sh", "-c", "echo $$", within=INSIDE, RUNTIME_DIR=str(tmp_path))
        assert said.returncode == 0 and int(said.stdout) not in ids, said
        ids.add(int(said.stdout))


@inside
def test_ids_begin_anew(tmp_path):
    (tmp_path / "process_ids").write_bytes((255).to_bytes(4, "little"))
    assert [int(run("run", "/bin/sh", "-c", "echo $$", within=INSIDE, RUNTIME_DIR=str(tmp_path)).stdout) for _ in range(2)] == [256, 16]


@inside
def test_no_runtime_dir_is_told(tmp_path):
    said = run("run", "true", within=INSIDE, RUNTIME_DIR=str(tmp_path / "none"))
    assert said.returncode == 1 and "No such file" in said.stderr


def test_a_listener_that_comes_later_is_waited_for(tmp_path):
    with running("--listener", tmp_path / "listener.sock", "/bin/sh", "-c", "echo $LISTEN_FDS") as popen, Holder(tmp_path):
        assert popen.stdout.readline() == "1\n"
        assert popen.wait(10) == 0


def test_the_holders_end_is_the_end_of_those_who_serve(tmp_path):
    """However it ended. Who does not heed SIGTERM is killed."""
    with Holder(tmp_path) as holder:
        with running("--listener", holder.path, "/bin/sh", "-c", "trap 'exit 0' TERM; echo up; while :; do read _ <&3; done") as good, \
             running("--listener", holder.path, "/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 60; done") as deaf:
            assert good.stdout.readline() == deaf.stdout.readline() == "up\n"
            holder.popen.kill()
            assert good.wait(10) == 0 and "holder is gone" in good.stderr.read()
            assert deaf.wait(20) == 128 + signal.SIGKILL


def test_gateways_follow_to_the_next_holder(tmp_path):
    """As Docker has it: the holder is killed and started again, the gateways end and are started again, in any order."""
    with Stack() as stack:
        def begin():
            return subprocess.Popen([CONTAINER, "run", "--listener", first.path, BIN / "sluice-gateway"], env=stack.environment,
                                    cwd=stack.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with Holder(tmp_path) as first:
            gateway = begin()
            wait_for(lambda: client.ask(first.port, "/readyz").status == 200, "ready")
            first.popen.kill()
            gateway.wait(20)
        gateway = begin()
        with Holder(tmp_path, first.port) as second:
            wait_for(lambda: client.ask(second.port, "/readyz").status == 200, "ready again")
            gateway.terminate()
            assert gateway.wait(20) == 0


def test_gateways_are_replaced_without_a_reset(holder):
    """New connections all the while, for what costs no slot; gateways end in turn by SIGTERM, each after its successor is there."""
    over, failures, answered = threading.Event(), [], [0]

    def load():
        while not over.is_set():
            try:
                answer = client.ask(holder.port, "/livez")
                answered[0] += 1
                if answer.status != 200:
                    failures.append(answer.status)
            except (OSError, EOFError) as error:
                failures.append(repr(error))

    with Stack() as stack:
        def begin():
            process = subprocess.Popen([CONTAINER, "run", "--listener", holder.path, BIN / "sluice-gateway"], env=stack.environment,
                                       cwd=stack.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            assert f"port={holder.port}" in process.stdout.readline()
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
