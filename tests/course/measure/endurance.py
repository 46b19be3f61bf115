"""What a server of HTTP/2 still has after a million requests and after 100,000 connections.

    cargo build --release -p ch21-floods
    python3 tests/course/measure/endurance.py target/release/ch21-floods
    python3 tests/course/measure/endurance.py target/release/ch21-floods 10000 1000

It needs h2load of nghttp2. A million requests come over one connection, 32 at a time, over TCP
alone and over TLS; then 100,000 connections over TLS one after the other, each with one request,
once with new sessions and once with resumed ones. It prints how many files and threads the process
has before and after each, and its memory; a first tenth goes before, so that what is only made once
is there.
"""

import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time

from server import ANYBODY, connect, start

LIMITS = "requests=1000000 life=3600"
CLIENTS = 4
OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
BLOCK = b"\x82\x87\x04\x06/hello\x01\x09localhost"
REQUEST = bytes([0, 0, len(BLOCK), 1, 5, 0, 0, 0, 1]) + BLOCK

ANYBODY.set_alpn_protocols(["h2"])


def has(process):
    with open(f"/proc/{process.pid}/status") as file:
        status = file.read()
    threads, memory = (re.search(rf"{name}:\s+(\d+)", status)[1] for name in ("Threads", "VmRSS"))
    files = len(os.listdir(f"/proc/{process.pid}/fd"))
    return f"{files} files, {threads} threads, {int(memory) / 1024:.1f} MiB"


def ask(count, port, scheme):
    command = ["h2load", "-n", str(count), "-c", "1", "-m", "32"]
    url = f"{scheme}://127.0.0.1:{port}/hello"
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    assert f" {count} succeeded, 0 failed, 0 errored" in said, said


def come_again(count, port, resumes, results):
    """So many connections, one after the other. Tells how many were resumed."""
    session, resumed = None, 0
    for _ in range(count):
        with connect(port, "http", 20) as plain:
            client = ANYBODY.wrap_socket(plain, session=session if resumes else None)
            with client:
                client.sendall(OPENING + REQUEST)
                received = b""
                while not received.endswith(b"</h1>"):
                    piece = client.recv(65536)
                    assert piece, "the server has closed"
                    received += piece
                session, resumed = client.session, resumed + client.session_reused
    results.put(resumed)


def connections(count, port, resumes):
    results = multiprocessing.Queue()
    arguments = (count // CLIENTS, port, resumes, results)
    clients = [multiprocessing.Process(target=come_again, args=arguments) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    resumed = sum(results.get(timeout=3600) for _ in clients)
    for client in clients:
        client.join()
    assert (resumed >= count - CLIENTS) if resumes else resumed == 0, f"{resumed} are resumed"


def measure(program, what, options, count, work):
    server, port = start([program, *options], LIMITS)
    threading.Thread(target=server.stdout.read, daemon=True).start()
    began = has(server)
    work(count // 10, port)
    time.sleep(2)
    before, then = has(server), time.monotonic()
    work(count, port)
    seconds = time.monotonic() - then
    time.sleep(2)
    print(f"{count} {what}, {seconds:.0f} s")
    print(f"  at first {began}; before {before}; after {has(server)}", flush=True)
    server.kill()
    server.wait()


def main():
    program = os.path.abspath(sys.argv[1])
    requests, count = [int(number) for number in sys.argv[2:4]] or [1_000_000, 100_000]
    measure(program, "requests over one connection, TCP alone", ["--plain"], requests,
            lambda count, port: ask(count, port, "http"))
    measure(program, "requests over one connection, TLS", [], requests,
            lambda count, port: ask(count, port, "https"))
    measure(program, "connections over TLS, new sessions", [], count,
            lambda count, port: connections(count, port, False))
    measure(program, "connections over TLS, resumed sessions", [], count,
            lambda count, port: connections(count, port, True))


if __name__ == "__main__":
    main()
