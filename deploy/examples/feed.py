#!/usr/bin/python3
"""feed.py - a reader of Sluice's metrics feed, to start your own from (common/PROTOCOL.md, "The feed").

    feed.py tcp://127.0.0.1:5556
    feed.py tcp://proxy.example.org:5556 --server-key metricsd --key grafana_secret      (files of deploy/keys)

Prints each event, each value of a snapshot that is new, and what has been lost. Needs python3-zmq and python3-msgpack.
"""
import argparse
import sys

import msgpack
import zmq
import zmq.auth

VERSION, SCHEMA = 1, 1
SILENCE_MS = 3000  # a snapshot comes every second


class Reader:
    def __init__(self):
        self.epoch = None  # metricsd's; another one is another metricsd, whose numbers begin anew
        self.seq = 0       # of the last snapshot
        self.events = 0    # seen since then
        self.values = {}

    def event(self, topic, message):
        if self.epoch is None:
            return  # before the first snapshot nobody can tell what is missing
        self.events += 1
        words = {key: message[key] for key in ("rq", "at", "why", "val", "nt") if key in message}
        print(topic, *(f"{key}={value}" for key, value in words.items()))

    def snapshot(self, message):
        if message["sv"] != SCHEMA:
            raise SystemExit(f"snapshots of schema {message['sv']}, not {SCHEMA}: this program is too old")
        if message["e"] != self.epoch:
            if self.epoch is not None:
                print("restarted: another metricsd")
            self.epoch, self.values = message["e"], {}
        else:
            # The feed counts its events and snapshots; an event that is not there is lost, a total never is.
            lost = message["n"] - self.seq - self.events - 1
            if lost:
                print(f"lost {lost}")
        self.seq, self.events = message["n"], 0
        print(f"snapshot {self.seq} epoch {self.epoch:016x} at {message['t']}")
        for name, value in message["val"].items():
            if self.values.get(name) != value:
                print(name, value)
        self.values = message["val"]


def connect(arguments):
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.rcvhwm = 20000  # messages that may wait for us; beyond that, ours are dropped
    if arguments.key:
        server, _ = zmq.auth.load_certificate(arguments.server_key)
        socket.curve_serverkey = server
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(arguments.key)
    socket.subscribe("snapshot")
    socket.subscribe("event.")
    socket.connect(arguments.endpoint)  # and again, by itself, whenever metricsd has been away
    return socket


def main():
    parser = argparse.ArgumentParser(description="Reads Sluice's metrics feed.")
    parser.add_argument("endpoint")
    parser.add_argument("--server-key", help="metricsd's public certificate")
    parser.add_argument("--key", help="our secret certificate")
    arguments = parser.parse_args()
    if bool(arguments.key) != bool(arguments.server_key):
        parser.error("--key and --server-key go together")
    sys.stdout.reconfigure(line_buffering=True)
    try:
        socket, reader = connect(arguments), Reader()
    except OSError as error:  # a file that is no certificate
        parser.error(error)
    while True:
        if not socket.poll(SILENCE_MS):
            print("silence: metricsd is away, or does not know our key")
            continue
        topic, head, *_ = socket.recv_multipart()
        message = msgpack.unpackb(head)
        if message["v"] != VERSION:
            continue  # not for us
        if topic == b"snapshot":
            reader.snapshot(message)
        elif topic.startswith(b"event."):
            reader.event(topic.decode(), message)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
