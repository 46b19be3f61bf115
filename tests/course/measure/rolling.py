"""Stops and starts one instance after another behind a front, under load, and counts who
notices.

    python3 tests/course/measure/rolling.py nginx target/release/ch16-events 10
    python3 tests/course/measure/rolling.py haproxy target/release/ch16-events 10

The configuration is that of tests/course/beyond, with other ports. `--change OLD NEW` puts
something else in place of a part of it, and shows what that is good for. `--drain` tells
HAProxy before each stop that the instance gets no more requests; `--kill` kills the
instances where they would be asked to stop.

Twelve clients ask for a page and eight send a form, over connections that stay and over new
ones. Each form has a number in its target, so that one that was taken twice is found in the
instances' logs.
"""

import argparse
import collections
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 30
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "beyond")
FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
CLIENTS = ["page, kept"] * 8 + ["page, new"] * 4 + ["form, kept"] * 4 + ["form, new"] * 4


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port):
    """Until somebody listens there."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > ends:
                sys.exit(f"nobody listens on port {port}")
            time.sleep(0.01)


class Instance:
    def __init__(self, program, log):
        self.program, self.log, self.port = program, log, free_port()
        self.start()

    def start(self):
        # All clients have the front's address, so here one may have all connections.
        limits = "connections=512 connections_of_one=512 requests=1000000"
        self.process = subprocess.Popen(
            [self.program, f"127.0.0.1:{self.port}"],
            stdout=self.log,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, LIMITS=limits),
        )
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            sys.exit("an instance did not end well")

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


class Front:
    def __init__(self, kind, ports, changes, folder):
        self.port, self.socket = free_port(), f"{folder}/front.sock"
        with open(f"{FOLDER}/{FILES[kind]}") as file:
            text = file.read()
        for old, new in changes:
            if old not in text:
                sys.exit(f"{old!r} does not stand in {FILES[kind]}")
            text = text.replace(old, new)
        for old, new in zip([8080, 8081, 8082, 8083], [self.port, *ports]):
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        text = text.replace("target/front.sock", self.socket)
        path = f"{folder}/{FILES[kind]}"
        with open(path, "w") as file:
            file.write(text)
        command = {"nginx": ["nginx", "-p", folder, "-c", path], "haproxy": ["haproxy", "-f", path]}
        self.process = subprocess.Popen(command[kind], stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def tell(self, words):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.socket)
            control.sendall(words.encode() + b"\n")
            return control.recv(65536).decode()

    def drain(self, name):
        """Lets an instance finish what it has, and gives it nothing more."""
        self.tell(f"set server site/{name} state drain")
        while True:
            table = self.tell("show stat site 4 -1").splitlines()
            row = next(line for line in table if f",{name}," in line).split(",")
            # Its requests at this moment.
            if row[4] == "0":
                return
            time.sleep(0.01)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def read_answer(connection, received):
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return ("cut off" if received else "closed without a byte"), b"", True
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    length = int(length.group(1)) if length else 0
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return "cut off", b"", True
        body += piece
    closes = re.search(rb"\r\nconnection: *close", head, re.I) is not None
    return head.split(b" ")[1].decode(), body[length:], closes


def be_client(number, kind, port, outcomes, is_over):
    count = 0
    keeps = kind.endswith("kept")
    field = b"" if keeps else b"Connection: close\r\n"
    while not is_over.is_set():
        try:
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError:
            outcomes[kind, "not let in"] += 1
            continue
        with connection:
            received, closes = b"", False
            while not closes and not is_over.is_set():
                count += 1
                if kind.startswith("page"):
                    request = b"GET /hello HTTP/1.1\r\nHost: a\r\n%s\r\n" % field
                else:
                    form = b"name=Ada&message=Hello"
                    request = (
                        b"POST /guestbook?%d-%d HTTP/1.1\r\nHost: a\r\n%s"
                        b"Content-Type: application/x-www-form-urlencoded\r\n"
                        b"Content-Length: %d\r\n\r\n%s" % (number, count, field, len(form), form)
                    )
                try:
                    connection.sendall(request)
                    outcome, received, closes = read_answer(connection, received)
                except socket.timeout:
                    outcome, closes = "hung", True
                except ConnectionError:
                    outcome, closes = "reset", True
                outcomes[kind, outcome] += 1
                # Who asks as often as he can leaves no time for the others.
                time.sleep(0.001)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("front", choices=FILES)
    parser.add_argument("program")
    parser.add_argument("rounds", type=int)
    parser.add_argument("--change", nargs=2, action="append", default=[])
    parser.add_argument("--drain", action="store_true")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    outcomes, is_over = collections.Counter(), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        log = open(f"{folder}/log", "wb")
        instances = [Instance(program, log) for _ in range(3)]
        front = Front(options.front, [i.port for i in instances], options.change, folder)
        # Until a health check has found all of them.
        time.sleep(1)
        clients = [
            threading.Thread(target=be_client, args=(number, kind, front.port, outcomes, is_over))
            for number, kind in enumerate(CLIENTS)
        ]
        for client in clients:
            client.start()
        for _ in range(options.rounds):
            for name, instance in zip(["one", "two", "three"], instances):
                time.sleep(0.3)
                if options.drain:
                    front.drain(name)
                (instance.kill if options.kill else instance.stop)()
                time.sleep(0.2)
                instance.start()
                if options.drain:
                    front.tell(f"set server site/{name} state ready")
                # A health check has to find it again, before the next one goes.
                time.sleep(1.2)
        is_over.set()
        for client in clients:
            client.join()
        front.stop()
        for instance in instances:
            instance.stop()
        log.close()
        with open(f"{folder}/log", "rb") as file:
            taken = re.findall(rb'"POST /guestbook\?(\S+) HTTP/1.1" 303', file.read())
    print(f"{3 * options.rounds} stops")
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:10}  {outcome:22} {count:9}")
    print(f"forms taken twice {len(taken) - len(set(taken)):27}")
    sys.exit(any(outcome not in ("200", "303") for _, outcome in outcomes))


if __name__ == "__main__":
    main()
