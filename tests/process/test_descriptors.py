"""test_descriptors.py - where a process may have only a few descriptors, its clients do not get the last ones: it needs
some itself, to find its peers again. (libzmq ends a process that has none for a peer that connects.)"""
import contextlib
import os
import socket

import client
import cpf
import stack

LIMIT, KEPT, CROWD = 220, 25, 300
FACES = ["gateway", "metricsd"]


def with_few(folder, programs):
    """The same programs, each with so few descriptors."""
    for program in programs.glob("sluice-*"):
        script = folder / program.name
        script.write_text(f'#!/bin/sh\nulimit -n {LIMIT}\nexec {program} "$@"\n', encoding="ascii")
        script.chmod(0o755)
    return folder


def used(house, name):
    return len(os.listdir(f"/proc/{house.processes[name].popen.pid}/fd"))


def test_a_crowd_leaves_descriptors_for_the_process(tmp_path):
    few = with_few(tmp_path, stack.BIN)
    with stack.Stack(SLUICE_BIN=few, RATE_LIMIT_SECONDS=0.05) as house, contextlib.ExitStack() as open_ones:
        first = open_ones.enter_context(socket.create_connection(("127.0.0.1", house.port), timeout=20))
        for port in (house.port, house.metricsd_port):
            for _ in range(CROWD):
                open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        stack.wait_for(lambda: all(used(house, name) > LIMIT - 4 * KEPT for name in FACES), "both are as full as they get")
        house.restart("scheduler")
        house.spawn_gateway(SLUICE_BIN=stack.BIN)  # one peer more for metricsd than it has had
        assert all(used(house, name) <= LIMIT - KEPT for name in FACES)
        first.sendall(client.request_bytes(house.target(cpf.make(3100))))
        assert first.recv(4096).startswith(b"HTTP/1.1 200"), "the gateway has found the new scheduler"
        assert all(house.processes[name].running() for name in FACES)
        assert "connections_limited" in house.processes["gateway"].log_text()
