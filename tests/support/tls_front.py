"""tls_front.py - a provider over TLS, good or bad: a listener that ends TLS in front of the simulator.

    with TlsFront() as front, Stack(UPSTREAM_URL=front.url, UPSTREAM_CA_FILE=front.ca_file) as stack:
        front.target = stack.simulator.port
        front.use("expired")

Each mode is a way to behave from the next connection on; those that are open end when it changes. Certificates
are made at the start, by an authority that lives as long as the front.
"""
import contextlib
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

AUTHORITY = """
[ca]
default_ca = here
[here]
dir = .
new_certs_dir = .
database = index.txt
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
"""
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
NOW = ["-days", "2"]
PAST = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]
LEAVES = {"good": ("localhost", NOW), "expired": ("localhost", PAST), "wrong_host": ("other.example", NOW)}
MODES = [*LEAVES, "self_signed", "old_tls", "plain", "cut", "stall"]


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """NAME.pem with NAME.key for each leaf, and ca.pem."""
    (folder / "ca.cnf").write_text(AUTHORITY)
    (folder / "index.txt").touch()
    openssl(folder, "req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    for name, (host, dates) in LEAVES.items():
        openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", "request.pem", "-subj", f"/CN={host}",
                "-addext", f"subjectAltName=DNS:{host}")
        openssl(folder, "ca", "-batch", "-notext", "-config", "ca.cnf", *dates, "-in", "request.pem",
                "-out", f"{name}.pem")
    openssl(folder, "req", "-x509", *KEY, "-keyout", "self_signed.key", "-out", "self_signed.pem", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")


class TlsFront:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-tls-"))
        self.ca_file = str(self.folder / "ca.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}/api/score"
        self.target = None  # the simulator's port
        self.mode = "good"
        self.open = set()
        self.accepted = 0
        self.lock = threading.Lock()

    def __enter__(self):
        make_certificates(self.folder)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.use("cut")
        shutil.rmtree(self.folder, ignore_errors=True)

    def use(self, mode):
        assert mode in MODES
        with self.lock:
            self.mode = mode
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        handle = connection.dup()  # TLS takes the connection itself over
        with self.lock:
            mode = self.mode
            self.open.add(handle)
        with contextlib.suppress(OSError):  # ssl.SSLError is one: a client that does not like us leaves
            self.behave(mode, connection)
        with self.lock:
            self.open.discard(handle)
        handle.close()
        connection.close()

    def behave(self, mode, connection):
        if mode == "stall":
            while connection.recv(65536):
                pass
        elif mode == "plain":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.recv(65536)
        elif mode != "cut":
            with self.context(mode).wrap_socket(connection, server_side=True) as secure:
                relay(secure, self.target)

    def context(self, mode):
        name = "good" if mode == "old_tls" else mode
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if mode == "old_tls":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context


def relay(secure, port):
    """Until either side ends."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        while True:
            readable = [secure] if secure.pending() else select.select([secure, plain], [], [])[0]
            for end in readable:
                data = end.recv(65536)
                if not data:
                    return
                (plain if end is secure else secure).sendall(data)
