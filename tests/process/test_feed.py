"""test_feed.py - the feed as a product: its keys, who gets in and who does not, the examples, and what readers that do not
read cost. All of it with foreign clients: pyzmq and msgpack, or deploy/examples."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess

import client
import msgpack
import pytest
import stack
import zmq
import zmq.auth
from stack import BIN, ROOT, START_SECONDS, Process, check_log, wait_for
from test_metricsd import Metricsd, promtool

KEYS = ROOT / "deploy/keys"
EXAMPLES = {"python": [ROOT / "deploy/examples/feed.py"], "c": [BIN / "feed-example"]}


def keys(*arguments):
    return subprocess.run([KEYS, *arguments], env=os.environ | {"SLUICE_BIN": str(BIN)}, capture_output=True, text=True,
                          check=False)


class Safe:
    """Keys, and a metricsd that uses them."""

    def __init__(self, folder, endpoint="tcp://127.0.0.1:0"):
        assert keys("server", folder / "server").returncode == 0
        self.sockets = []  # or who is not kept is closed
        self.allowed, self.own = folder / "allowed", folder / "own"
        self.allowed.mkdir()
        self.server = folder / "server/metricsd"
        self.metricsd = Metricsd(folder, FEED_ENDPOINT=endpoint, FEED_CURVE_CERT=f"{self.server}_secret",
                                 FEED_CURVE_CLIENTS=str(self.allowed))

    def client(self, name, allow=True):
        """The secret certificate."""
        assert keys("client", name, self.own).returncode == 0
        if allow:
            self.allow(name)
        return self.own / f"{name}_secret"

    def allow(self, name):
        (self.allowed / name).write_bytes((self.own / name).read_bytes())

    def socket(self, secret=None, server=None):
        """A subscriber of everything; without a certificate it speaks as one that knows of no keys."""
        reader = self.metricsd.context.socket(zmq.SUB)
        if secret:
            reader.curve_publickey, reader.curve_secretkey = zmq.auth.load_certificate(secret)
            reader.curve_serverkey, _ = zmq.auth.load_certificate(server or self.server)
        reader.subscribe("")
        reader.connect(self.endpoint)
        self.sockets.append(reader)
        return reader

    @property
    def endpoint(self):
        return self.metricsd.process.ready["feed"].replace("0.0.0.0", "127.0.0.1")

    def refused(self):
        return self.metricsd.value("metricsd.feed_handshakes_refused_total")


@contextlib.contextmanager
def running(metricsd):
    """Started; and ended in order, however the test goes."""
    try:
        yield metricsd.start()
        assert metricsd.process.running(), f"metricsd died:\n{metricsd.process.log_text()[-4000:]}"
        assert metricsd.process.stop() == 0
        check_log("metricsd", metricsd.process.log_text())
    finally:
        metricsd.context.destroy(linger=0)
        if metricsd.process and metricsd.process.running():
            print(metricsd.process.log_text()[-3000:])
            metricsd.process.kill()


@pytest.fixture
def safe(tmp_path):
    it = Safe(tmp_path)
    with running(it.metricsd):
        yield it


def next_snapshot(reader):
    while True:
        assert reader.poll(START_SECONDS * 1000), "the feed is silent"
        topic, head, *_ = reader.recv_multipart()
        if topic == b"snapshot":
            return msgpack.unpackb(head)


# --- keys

def test_keys_are_made_once_and_for_their_owner_alone(tmp_path):
    made = keys("server", tmp_path / "a/b")
    assert made.returncode == 0 and made.stderr == ""
    assert f"FEED_CURVE_CERT={tmp_path}/a/b/metricsd_secret\n" in made.stdout
    made = keys("client", "gra.fana-1", tmp_path)
    assert made.returncode == 0 and f"{tmp_path}/gra.fana-1\n" in made.stdout
    for path in (tmp_path / "a/b/metricsd", tmp_path / "gra.fana-1"):
        secret = pathlib.Path(f"{path}_secret")
        assert path.stat().st_mode & 0o777 == secret.stat().st_mode & 0o777 == 0o600
        public, _ = zmq.auth.load_certificate(path)
        both = zmq.auth.load_certificate(secret)
        assert both[0] == public == zmq.curve_public(both[1])
        assert both[1].decode() not in path.read_text() + made.stdout
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(before) == 4
    again = keys("client", "gra.fana-1", tmp_path)
    assert again.returncode == 1 and "gra.fana-1: is there already; nothing has been changed" in again.stderr
    (tmp_path / "a/b/metricsd").unlink()
    half = keys("server", tmp_path / "a/b")
    assert half.returncode == 1 and "metricsd_secret: File exists" in half.stderr
    before.pop(tmp_path / "a/b/metricsd")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("arguments", [[], ["server"], ["client", "a"], ["server", "a", "b"], ["thing", "a"],
                                       ["client", "../a", "{}"], ["client", "", "{}"], ["client", "a b", "{}"],
                                       ["client", ".a", "{}"], ["client", "a_secret", "{}"], ["client", "a" * 65, "{}"],
                                       ["client", "a", "/proc/nothing"], ["client", "a", "{}/" + "x" * 1100]])
def test_keys_says_what_is_wrong(tmp_path, arguments):
    refused = keys(*(argument.replace("{}", str(tmp_path)) for argument in arguments))
    assert refused.returncode == 1 and refused.stdout == ""
    assert "Usage: deploy/keys" in refused.stderr or refused.stderr.startswith("sluice-keys: ")
    assert list(tmp_path.iterdir()) == []


def spoil(safe, how):
    secret = pathlib.Path(f"{safe.server}_secret")
    if how == "open to others":
        secret.chmod(0o640)
    elif how == "not a certificate":
        secret.write_bytes(b"\x00\xff = [\n\t:")
    elif how == "no secret in it":
        secret.write_bytes(safe.server.read_bytes())
    elif how == "no pair":
        other, _ = zmq.curve_keypair()
        own, _ = zmq.auth.load_certificate(secret)
        secret.write_bytes(secret.read_bytes().replace(own, other))
    elif how == "not there":
        secret.unlink()
        safe.server.unlink()
    elif how == "no folder":
        safe.allowed.rmdir()
    elif how == "no clients":
        del safe.metricsd.environment["FEED_CURVE_CLIENTS"]
    elif how == "no certificate":
        del safe.metricsd.environment["FEED_CURVE_CERT"]
    elif how == "neither":
        del safe.metricsd.environment["FEED_CURVE_CERT"], safe.metricsd.environment["FEED_CURVE_CLIENTS"]
    elif how == "ipc":
        safe.metricsd.environment["FEED_ENDPOINT"] = f"ipc://{safe.allowed}/feed.ipc"


@pytest.mark.parametrize("how, named, why", [
    ("open to others", "FEED_CURVE_CERT", "can be read by others"),
    ("not a certificate", "FEED_CURVE_CERT", "is no certificate"), ("no secret in it", "FEED_CURVE_CERT", "no secret key"),
    ("no pair", "FEED_CURVE_CERT", "no pair"), ("not there", "FEED_CURVE_CERT", "is no certificate"),
    ("no folder", "FEED_CURVE_CLIENTS", "no folder"), ("no clients", "FEED_CURVE_CLIENTS", "needed"),
    ("no certificate", "FEED_CURVE_CERT", "needed"), ("neither", "FEED_ENDPOINT", "can be reached from other hosts"),
    ("ipc", "FEED_CURVE_CERT", "only tcp")])
def test_no_start_without_proper_keys(tmp_path, how, named, why):
    safe = Safe(tmp_path, "tcp://*:0")
    spoil(safe, how)
    process = Process("metricsd", safe.metricsd.environment, tmp_path)
    assert process.popen.wait(START_SECONDS) == 1 and process.stop() == 1
    log = process.log_text()
    assert f"sluice-metricsd: {named}: " in log and why in log and log.count("\n") == 1
    safe.metricsd.context.destroy()


# --- who gets in

def test_who_has_a_key_that_is_known_reads(tmp_path):
    safe = Safe(tmp_path, "tcp://*:0")  # each address of this host
    secret = safe.client("reader")
    with running(safe.metricsd):
        assert safe.metricsd.process.ready["feed"].startswith("tcp://0.0.0.0:")
        reader = safe.socket(secret)
        first = next_snapshot(reader)
        assert next_snapshot(reader)["n"] > first["n"]
        safe.metricsd.subscriber("snapshot", local=True).take_topic("snapshot")  # gateways need none
        assert safe.refused() == 0


def test_nobody_else_does(safe):
    """A key that is not known, no key, another server's name, the other direction."""
    known = safe.socket(safe.client("reader"))
    next_snapshot(known)
    stranger = safe.socket(safe.client("stranger", allow=False))
    wait_for(lambda: safe.refused() == 1, "it is refused, and counted")
    assert keys("server", safe.own / "another").returncode == 0
    misled = safe.socket(safe.own / "reader_secret", server=safe.own / "another/metricsd")
    naked = safe.socket()
    begin = next_snapshot(known)["n"]
    while next_snapshot(known)["n"] < begin + 3:
        pass
    for outsider in (stranger, misled, naked):
        assert outsider.poll(0) == 0
    log = safe.metricsd.process.log_text()
    assert "feed_client_refused" in log and "last_from=127.0.0.1" in log


def test_the_list_of_clients_is_reread(safe):
    first = safe.client("late", allow=False)
    safe.socket(first)
    wait_for(lambda: safe.refused() == 1, "not yet known")
    safe.allow("late")

    def gets_in():
        """Who was refused does not come again by itself."""
        reader = safe.socket(first)
        came = reader.poll(1500)
        reader.close(0)
        return came

    wait_for(gets_in, "known now", 20)
    (safe.allowed / "late").unlink()
    refused = safe.refused()
    wait_for(lambda: not gets_in(), "known no more", 20)
    assert safe.refused() > refused


def test_a_folder_full_of_rubbish_keeps_nobody_out(safe):
    """czmq's own certificate store would have ended the process at the second file with one key."""
    secret = safe.client("reader")
    safe.allow("reader")
    for name, content in {"copy": (safe.own / "reader").read_bytes(), "binary": bytes(range(256)), "empty": b"",
                          "short": b'curve\n    public-key = "abc"\n', "long": b"#" * 20000,
                          "reader_secret": secret.read_bytes(), ".hidden": b"x"}.items():
        (safe.allowed / name).write_bytes(content)
    os.mkfifo(safe.allowed / "pipe")
    (safe.allowed / "loop").symlink_to("loop")
    (safe.allowed / "folder").mkdir()
    reader = safe.socket(secret)
    next_snapshot(reader)
    wait_for(lambda: "keys=1 bad_files=7" in safe.metricsd.process.log_text(), "what it made of the folder")
    safe.socket(safe.client("stranger", allow=False))
    wait_for(lambda: safe.refused() == 1, "a stranger remains one")


def greeting(mechanism):
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


RUDE = {"nothing": b"", "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "garbage": os.urandom(4096),
        "half a greeting": greeting(b"CURVE")[:20], "a greeting": greeting(b"CURVE"), "another mechanism": greeting(b"PLAIN"),
        "none": greeting(b"NULL") + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB\x00\x01\x01",
        "a frame that claims much": greeting(b"CURVE") + b"\x06" + b"\x00\x00\x00\x01\x00\x00\x00\x00" + b"x" * 4096,
        "a broken hello": greeting(b"CURVE") + b"\x04\xc8\x05HELLO\x01\x00" + os.urandom(192)}


def test_strangers_do_not_disturb(safe):
    """Rubbish, halves of handshakes that are left hanging, and floods of wrong keys: whoever is in goes on hearing all, each
    second, metricsd answers, and neither its memory nor its log grows with them."""
    reader = safe.socket(safe.client("reader"))
    wrong = safe.client("stranger", allow=False)
    port = int(safe.endpoint.rsplit(":", 1)[1])
    before = next_snapshot(reader)
    safe.metricsd.get("/metrics")
    held, flood = [], zmq.Context()
    memory = 0
    for turn in range(4):
        for bytes_ in list(RUDE.values()) * 12:
            held.append(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(OSError):
                held[-1].sendall(bytes_)
        for _ in range(50):
            outsider = flood.socket(zmq.SUB)
            outsider.linger = 0
            outsider.curve_publickey, outsider.curve_secretkey = zmq.auth.load_certificate(wrong)
            outsider.curve_serverkey, _ = zmq.auth.load_certificate(safe.server)
            outsider.connect(safe.endpoint)
            held.append(outsider)
        wait_for(lambda turn=turn: safe.refused() >= 50 * (turn + 1), f"{safe.refused()} were asked for their keys", 30)
        after = next_snapshot(reader)
        memory = memory or safe.metricsd.process.memory_kb()
    assert safe.metricsd.process.memory_kb() - memory < 24 * 1024
    seen = after["n"]
    assert next_snapshot(reader)["n"] == seen + 1  # one after the other, not a single one left out
    assert after["t"] - before["t"] > 0 and after["e"] == before["e"]
    assert safe.metricsd.get("/livez").status == 200
    lines = safe.metricsd.process.log_text().count("feed_client_refused")
    assert 1 <= lines <= (after["t"] - before["t"]) / 1e6 + 2
    for one in held:
        one.close()
    flood.destroy(linger=0)


# --- the examples

class Example:
    def __init__(self, language, endpoint, folder, curve=()):
        options = ["--server-key", curve[0], "--key", curve[1]] if curve and language == "python" else list(curve)
        self.path = folder / f"example-{language}.out"
        with open(self.path, "wb") as out:
            self.popen = subprocess.Popen([*EXAMPLES[language], endpoint, *options], stdout=out, stderr=subprocess.STDOUT)

    def text(self):
        return self.path.read_text()

    def lines(self, start):
        return [line for line in self.text().splitlines() if line.startswith(start)]

    def totals(self):
        """What it has printed last of each."""
        words = (line.split(" ") for line in self.text().splitlines())
        return {word[0]: int(word[1]) for word in words
                if len(word) == 2 and word[1].lstrip("-").isdigit() and word[0].split(".")[0] in stack.PROCESSES}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()


def prometheus_counts(metricsd):
    """The whole numbers of /metrics, by the names that the feed has."""
    counts = {}
    for line in metricsd.get("/metrics").body.decode().splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and "." not in value and "_bucket" not in name:
            counts[name.removeprefix("sluice_").replace("_", ".", 1)] = int(value)
    return counts


def follow(example, metricsd, gateway):
    """It tells what Prometheus is told, and when metricsd is another one."""
    wait_for(lambda: example.lines("snapshot "), "a first snapshot", START_SECONDS)
    gateway.totals(requests_total=7, **{'refused_total{reason="queue_full"}': 2})
    gateway.event("refused", rq="01-a", why="queue_full", val=-3)
    wait_for(lambda: any("why=queue_full val=-3" in line for line in example.lines("event.gateway.refused rq=01-a ")),
             "the event")
    wait_for(lambda: example.totals().get("gateway.requests_total") == 7, "the totals")
    told = prometheus_counts(metricsd)
    ours = {name: value for name, value in example.totals().items() if name in told and name.startswith("gateway.")}
    assert ours == {name: told[name] for name in ours} and len(ours) > 40
    assert ours['gateway.refused_total{reason="queue_full"}'] == 2
    metricsd.environment["FEED_ENDPOINT"] = metricsd.process.ready["feed"]
    metricsd.process.kill()
    metricsd.start()
    wait_for(lambda: example.lines("restarted"), "it says that metricsd is another one", START_SECONDS)
    wait_for(lambda: gateway.totals(requests_total=9) or example.totals()["gateway.requests_total"] == 9, "and goes on",
             START_SECONDS)
    assert not example.lines("lost")
    assert len({line.split(" ")[3] for line in example.lines("snapshot")}) == 2


@pytest.mark.parametrize("language", EXAMPLES)
@pytest.mark.parametrize("curve", [False, True], ids=["open", "curve"])
def test_the_examples_tell_what_prometheus_is_told(tmp_path, language, curve):
    safe = Safe(tmp_path) if curve else None
    identity = (safe.server, safe.client("example")) if safe else ()
    with running(safe.metricsd if safe else Metricsd(tmp_path)) as metricsd:
        with Example(language, metricsd.process.ready["feed"], tmp_path, identity) as example:
            follow(example, metricsd, metricsd.publisher("gateway"))


@pytest.mark.parametrize("language", EXAMPLES)
def test_an_example_that_is_too_slow_says_what_it_has_lost(tmp_path, language):
    """It is stopped while more comes than queues and sockets hold."""
    metricsd = Metricsd(tmp_path, SLUICE_BIN=str(stack.release_programs()))
    with running(metricsd), Example(language, metricsd.process.ready["feed"], tmp_path) as example:
        scheduler = metricsd.publisher("scheduler")
        wait_for(lambda: example.lines("snapshot "), "a first snapshot", START_SECONDS)
        example.popen.send_signal(signal.SIGSTOP)
        for sent in range(5000, 65000, 5000):
            for _ in range(5000):
                scheduler.event("granted", rq="x" * 60, at=1, nt="y" * 90)
            wait_for(lambda sent=sent: metricsd.value("metricsd.events_total") == sent, "they are there", 20)
        example.popen.send_signal(signal.SIGCONT)
        wait_for(lambda: example.lines("lost "), "it says so", 60)
        text = example.text()
        seen = [int(number) for number in re.findall(r"^snapshot (\d+)", text, re.M)]
        snapshots_lost = seen[-1] - seen[0] + 1 - sent - len(seen)
        lost = sum(int(number) for number in re.findall(r"^lost (\d+)", text, re.M))
        assert lost + len(re.findall(r"^event\.", text, re.M)) == sent + snapshots_lost
        assert 10000 < lost < sent


# --- many readers

def test_readers_that_do_not_read_cost_nothing_more(tmp_path):
    """A hundred subscribers, ten of which take everything and never receive: the others miss nothing, and once what may wait
    for the ten is there, memory stays where it is, however much more comes."""
    with running(Metricsd(tmp_path, SLUICE_BIN=str(stack.release_programs()))) as metricsd:
        scheduler, fetcher = metricsd.publisher("scheduler"), metricsd.publisher("fetcher")
        readers = [metricsd.context.socket(zmq.SUB) for _ in range(100)]
        for reader in readers:
            reader.rcvbuf = 65536
            for topic in [""] if reader in readers[:10] else ["snapshot", "event.fetcher."]:
                reader.subscribe(topic)
            reader.connect(metricsd.process.ready["feed"])
        for reader in readers[10:]:
            next_snapshot(reader)

        def flood(events):
            wanted = metricsd.value("metricsd.events_total") + events
            for count in range(2000, events + 1, 2000):
                for _ in range(1999):
                    scheduler.event("granted", rq="x" * 60, nt="y" * 90)
                fetcher.event("sent", val=count)
                wait_for(lambda so_far=wanted - events + count: metricsd.value("metricsd.events_total") == so_far, "all came")
            return metricsd.process.memory_kb()

        memory = flood(24000)
        assert flood(24000) - memory < 4096
        for reader in readers[10:]:
            heard = []
            while len(heard) < 24:
                assert reader.poll(START_SECONDS * 1000), "a reader waits for ever"
                topic, head, *_ = reader.recv_multipart()
                heard += [msgpack.unpackb(head)["n"]] if topic == b"event.fetcher.sent" else []
            assert heard == list(range(1, 25))
        assert metricsd.value("metricsd.event_gaps_total") == 0


def test_what_has_come_all_at_once_is_given_back(tmp_path):
    """metricsd is stopped while events come, and takes them all when it goes on; soon it is as small again as it was."""
    with running(Metricsd(tmp_path, SLUICE_BIN=str(stack.release_programs()))) as metricsd:
        scheduler = metricsd.publisher("scheduler")
        wait_for(lambda: scheduler.totals() or metricsd.value("scheduler.up") == 1, "it hears")
        before_kb, all_kb = metricsd.process.memory_kb("RssAnon"), metricsd.process.memory_kb()

        def has_grown():
            """By chance not, when it takes the events as quickly as they come over from the socket."""
            wanted = metricsd.value("metricsd.events_total") + 6000
            metricsd.process.popen.send_signal(signal.SIGSTOP)
            for _ in range(6000):
                scheduler.event("granted", rq="x" * 60, nt="y" * 90)
            metricsd.process.popen.send_signal(signal.SIGCONT)
            wait_for(lambda: metricsd.value("metricsd.events_total") == wanted, "all came")
            return metricsd.process.memory_kb("VmHWM") > all_kb + 0.3 * before_kb
        assert any(has_grown() for _ in range(10)), "there is nothing to be given back"
        wait_for(lambda: metricsd.process.memory_kb("RssAnon") < 1.1 * before_kb, "it has been given back", START_SECONDS)


def test_what_the_protocol_says_of_frames_keys_and_numbers(tmp_path):
    """common/PROTOCOL.md, "The feed", from its first sentence on."""
    with running(Metricsd(tmp_path)) as metricsd:
        reader = metricsd.subscriber("snapshot", "event.", "exposition")
        first, none = reader.take_topic("snapshot")
        own = next(int(one["epoch"], 16) for one in metricsd.state()["processes"] if one["process"] == "metricsd")
        assert (first["v"], first["m"], first["e"], first["sv"], none) == (1, 53, own, 1, [])
        table = (ROOT / "common/metrics.def").read_text()
        names = {f"{process}.{name}" for process, name in re.findall(r'^METRIC\(\w+, \w+, "(\w+)", "(\w+)", ""', table, re.M)}
        spans = {f"{process}.{name}" for process, name in re.findall(r'^HISTOGRAM\(\w+, "(\w+)", "(\w+)"', table, re.M)}
        assert len(names) > 80 and len(spans) >= 5
        assert set(first["val"]) >= names | {f"{kind}.up" for kind in stack.PROCESSES} | {
            f"{name}.{what}" for name in spans for what in ("count", "sum_us")}
        assert set(first["q"]) == {f"{name}.{point}" for name in spans for point in ("p50", "p90", "p95", "p99")}
        assert first["val"]["gateway.requests_total"] == 0 and first["val"]["metricsd.up"] == 1
        exposition, body = reader.take_topic("exposition")
        assert (exposition["m"], exposition["e"], exposition["n"], len(body)) == (54, own, first["n"], 1)
        fetcher = metricsd.publisher("fetcher")
        fetcher.event("sent", later="a key of tomorrow")
        topic = ""
        while topic != "event.fetcher.sent":
            topic, event, rest = reader.take()
        assert (event["v"], event["m"], event["e"], event["n"], rest) == (1, 50, fetcher.epoch, 1, [])
        begin, _ = reader.take_topic("snapshot")
        metricsd.process.popen.send_signal(signal.SIGTERM)
        assert metricsd.process.popen.wait(START_SECONDS) == 0
        last = begin
        while reader.socket.poll(1000):
            topic, message, _ = reader.take()
            last = message if topic == "snapshot" else last
        assert last["n"] > begin["n"]
        assert last["t"] - begin["t"] < 1_000_000 * (last["n"] - begin["n"])  # the last one did not wait for its second
        metricsd.environment["FEED_ENDPOINT"] = metricsd.process.ready["feed"]
        metricsd.start()
        again, _ = reader.take_topic("snapshot")
        assert again["e"] not in (own, 0) and again["n"] < last["n"] + 5  # it counts anew


# --- Prometheus

def families(text):
    return {line.split(" ")[2]: line.split(" ", 3)[3] for line in text.splitlines() if line.startswith("# HELP ")}


def test_gateway_and_metricsd_tell_prometheus_of_the_same(tmp_path):
    with stack.Stack(RATE_LIMIT_SECONDS=0.01) as it:
        ours = families(client.ask(it.metricsd_port, "/metrics").body.decode())
        answer = wait_for(lambda: (got := it.get("/metrics")).status == 200 and got, "the gateway has heard of it")
        assert families(answer.body.decode()) == ours
        checked = promtool(answer.body.decode())
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        told = re.search(r'^sluice_build_info\{version="([^"]+)"\} 1$', answer.body.decode(), re.M).group(1)
        version = subprocess.run([BIN / "sluice-metricsd", "--version"], capture_output=True, text=True, check=True).stdout
        assert version == f"sluice-metricsd {told}\n"
        table = (ROOT / "common/metrics.def").read_text()
        for kind, process, name, help_ in re.findall(
                r'^METRIC\(\w+, (\w+), "(\w+)", "(\w+)", .*, "(.+)"\)$', table, re.M):
            assert ours[f"sluice_{process}_{name}"] == help_, kind
        longest = max(float(edge) for edge in re.findall(r'_request_seconds_bucket\{le="([\d.]+)"', answer.body.decode()))
        options = (ROOT / "common/options.def").read_text()
        assert longest >= float(re.search(r'"REQUEST_TIMEOUT_SECONDS", "\d+", [\d.]+, (\d+)', options).group(1))
