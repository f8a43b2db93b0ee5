"""house.py - the stack under trial, and what can be done to it. deploy/run supervises it, so that what dies comes back as it
does for users. Each action is recorded as oracle.py wants it; what has been taken is always given back."""
import asyncio
import contextlib
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import plan
import stack
from deployed import Deployed

PROCESSES = ["gateway", "gateway-2", "scheduler", "fetcher", "metricsd"]
PATH = "forward_jitter_ms=10&backward_jitter_ms=10&service_ms=2"
CONNECTED = "01"  # in /proc/net/tcp
GRANT_SECONDS = 2.0
DISK_BYTES = 262144
ENDED_SECONDS = 60.0  # a drain may take so long
OPTIONS = {
    "RATE_LIMIT_SECONDS": "0.05", "RATE_LIMIT_MODE": "strict", "RATE_LIMIT_BURST": "1", "GATEWAY_WORKERS": "2",
    "QUEUE_MAX_SIZE": "1000", "REQUEST_TIMEOUT_SECONDS": "30", "EXTERNAL_API_TIMEOUT": "2",
    "CIRCUIT_BREAKER_RESET_TIMEOUT": "1", "CIRCUIT_BREAKER_PROBE_TIMEOUT": "1", "CACHE_TTL_SECONDS": "2", "CACHE_MAX_MB": "16",
    "DRAIN_SECONDS": "45",  # a gateway answers who still waits after 3/4 of that with 503
}


def sanitized(program):
    """Such a program insists on being the first library, and cannot have its clock stepped; and it keeps what it frees."""
    return b"libasan" in subprocess.run(["ldd", program], capture_output=True, check=True).stdout


def fake_clock(folder):
    """Programs whose wall clock follows a file; their monotonic clock is the host's. The folder of them, the file."""
    listed = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=True).stdout.split()
    library = next(name for name in listed if name.endswith("/libfaketime.so.1"))
    programs, offset = folder / "bin", folder / "offset"
    programs.mkdir()
    offset.write_text("+0\n", encoding="ascii")
    for program in stack.BIN.glob("sluice-*"):
        if program.name in ("sluice-simulator", "sluice-listen"):
            (programs / program.name).symlink_to(program)
            continue
        (programs / program.name).write_text(
            f"#!/bin/sh\nexport LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={offset} FAKETIME_DONT_FAKE_MONOTONIC=1 "
            f'FAKETIME_NO_CACHE=1\nexec {program} "$@"\n', encoding="ascii")
        (programs / program.name).chmod(0o755)
    return programs, offset


def small_disk(folder):
    """A file system of its own for STATE_DIR, so that it can be filled. False where we may not mount."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", folder]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def clients_of(pid, port):
    """The local ports of whoever is connected over TCP to that gateway, which listens on that port. Others may have thousands
    of connections here, which must not take the time of the bench: in a thread."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(fd).removeprefix("socket:[").rstrip("]"))
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table if f":{port:04X} " in row]
    return [int(row[2].split(":")[1], 16) for row in rows if row[9] in inodes and row[3] == CONNECTED]


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


class House:
    def __init__(self, folder, options):
        self.folder, self.began = folder, time.time()
        programs, self.offset = stack.BIN, None
        self.sanitized = sanitized(programs / "sluice-gateway")
        if not self.sanitized:
            programs, self.offset = fake_clock(folder)
        self.has_disk = small_disk(folder / "state")
        self.deployed = Deployed(folder, programs, SIMULATOR_FAULTS=PATH, **OPTIONS | options)
        self.actions, self.memory = [], []
        self.locks = {name: asyncio.Lock() for name in [*PROCESSES, "gateways", "STATE_DIR", "all", "simulator"]}
        self.log_at, self.granted_before = 0, []

    def __enter__(self):
        try:
            self.deployed.__enter__()
        except BaseException:
            self.clean_up()
            raise
        self.simulator = stack.Simulator(int(self.deployed.urls["provider"]))
        return self

    def __exit__(self, *error):
        try:
            self.deployed.__exit__(*error)
        finally:
            self.clean_up()

    def clean_up(self):
        """And what libfaketime leaves behind for a process that was killed."""
        for left in pathlib.Path("/dev/shm").glob("*faketime_*"):
            with contextlib.suppress(OSError):
                pid = left.name.rpartition("_")[2]
                if left.stat().st_mtime >= self.began and not pathlib.Path(f"/proc/{pid}").exists():
                    left.unlink()
        if self.has_disk:
            subprocess.run(["umount", self.folder / "state"], check=False)

    def cannot(self):
        """Kinds of actions that are not possible here, and why."""
        kinds = {} if self.has_disk else {"disk": "not allowed to mount a file system for STATE_DIR"}
        return kinds if not self.sanitized else kinds | {"clock": "programs with sanitizers take no other clock"}

    @property
    def port(self):
        return int(self.deployed.urls["gateway"])

    def granted(self):
        """Every attempt for which the scheduler has told of a permit so far."""
        with open(self.deployed.log, "rb") as log:
            log.seek(self.log_at)
            text = log.read()
        whole = text.rfind(b"\n") + 1
        self.log_at += whole
        self.granted_before += [number.decode() for number in
                                re.findall(rb" scheduler granted .*?\battempt=(\d+)", text[:whole])]
        return self.granted_before

    def weigh(self):
        """Memory that is a process's own: not the pages of the cache file, which have their bound."""
        for name in PROCESSES:
            with contextlib.suppress(OSError, AttributeError):
                pid = self.deployed.pid(name)
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                self.memory.append([time.monotonic(), name, pid, int(re.search(r"RssAnon:\s+(\d+)", status).group(1))])

    async def pid(self, name, not_this=0):
        """Of the process when it is ready; of the next one, when not_this is given."""
        end = time.monotonic() + ENDED_SECONDS
        while True:
            pid, ready = await asyncio.to_thread(self.deployed.status, name)
            if ready and pid != not_this:
                return pid
            assert time.monotonic() < end, f"{name} is not ready again within {ENDED_SECONDS} s"
            await asyncio.sleep(0.02)

    # What can be done

    async def do(self, action):
        """One thing at a time to each process, and never anything to both gateways."""
        async with contextlib.AsyncExitStack() as locks:
            if action.target in plan.GATEWAYS:
                await locks.enter_async_context(self.locks["gateways"])
            await locks.enter_async_context(self.locks[action.target])
            record = {"kind": action.kind, "target": action.target, "detail": action.detail, "ports": [], "held": []}
            await getattr(self, action.kind)(action, record)
            record["end"] = record.get("end", time.monotonic())
            self.actions.append(record)

    def strike(self, action, pid, number):
        """When it was struck."""
        if action.after_grant_ms >= 0:
            self.await_grant(action.after_grant_ms)
        at = time.monotonic()
        os.kill(pid, number)
        return at

    async def kill(self, action, record):
        """A gateway is stopped first, for a moment: whose connections it takes with it must be known."""
        pid = record["pid"] = await self.pid(action.target)
        if action.target in plan.GATEWAYS:
            record["at"] = time.monotonic()
            await self.freeze(pid)
            record["ports"] = await asyncio.to_thread(clients_of, pid, self.port)
            os.kill(pid, signal.SIGKILL)
        else:
            record["at"] = await asyncio.to_thread(self.strike, action, pid, signal.SIGKILL)
        await self.pid(action.target, pid)

    async def term(self, action, record):
        pid = record["pid"] = await self.pid(action.target)
        record["at"] = await asyncio.to_thread(self.strike, action, pid, signal.SIGTERM)
        await self.pid(action.target, pid)

    @staticmethod
    async def freeze(pid):
        os.kill(pid, signal.SIGSTOP)
        while state_of(pid) not in "TZ":
            await asyncio.sleep(0)

    def await_grant(self, after_ms):
        """Until so long after the next permit; or for a while, when there is none. In a thread."""
        at, end = self.deployed.log.stat().st_size, time.monotonic() + GRANT_SECONDS
        with open(self.deployed.log, "rb") as log:
            log.seek(at)
            while b" scheduler granted " not in log.read() and time.monotonic() < end:
                time.sleep(0.0002)
        time.sleep(after_ms / 1e3)

    async def stop(self, action, record):
        pid = await self.pid(action.target)
        await asyncio.to_thread(self.strike, action, pid, signal.SIGSTOP)
        record["at"] = time.monotonic()
        await self.freeze(pid)
        if action.target == "fetcher":
            record["held"] = self.granted()[-8:]  # more are never out at once
        elif action.target in plan.GATEWAYS:
            record["ports"] = await asyncio.to_thread(clients_of, pid, self.port)
        try:
            await asyncio.sleep(action.seconds)
        finally:
            record["end"] = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def descriptors(self, action, record):
        """Not one more than it has now."""
        pid = record["pid"] = await self.pid(action.target)
        record["at"] = time.monotonic()
        used = {int(fd.name) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        free = next(number for number in range(len(used) + 1) if number not in used)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            await asyncio.sleep(action.seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    async def disk(self, action, record):
        record["at"] = time.monotonic()
        full = self.folder / "state/full"
        try:
            with open(full, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            await asyncio.sleep(action.seconds)
        finally:
            full.unlink()

    async def clock(self, action, record):
        record["at"] = time.monotonic()
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(f"{int(action.detail):+d}\n", encoding="ascii")
        fresh.rename(self.offset)

    async def provider(self, action, record):
        record["at"] = time.monotonic()
        await asyncio.to_thread(self.simulator.faults, action.detail)
        try:
            await asyncio.sleep(action.seconds)
        finally:
            await asyncio.to_thread(self.simulator.faults, f"reset=1&{PATH}")
