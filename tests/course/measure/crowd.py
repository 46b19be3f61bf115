"""Opens many connections to a server and leaves them, and then comes as a new client.

    python3 tests/course/measure/crowd.py target/release/ch12-limits 10000
    python3 tests/course/measure/crowd.py target/release/ch12-limits 10000 12000

The last number is how many connections the server may have, in all and of one client, which
may then be idle for ten minutes.
"""

import collections
import resource
import socket
import subprocess
import sys
import time

from server import processor_time, start

SECONDS = 6
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def status(process, name):
    with open(f"/proc/{process}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main():
    program, count = sys.argv[1], int(sys.argv[2])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    limits = None
    for places in sys.argv[3:]:
        limits = f"connections={places} connections_of_one={places} idle=600"
    server, port = start([program], limits)
    address = ("127.0.0.1", port)
    reader = subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL)

    began, crowd, waited = time.monotonic(), [], 0
    for _ in range(count):
        before = time.monotonic()
        crowd.append(socket.create_connection(address, 60))
        waited += time.monotonic() - before > 0.9
    print(
        f"opened in {time.monotonic() - began:.1f} s, {waited} waited a second for the backlog; "
        f"{status(server.pid, 'Threads')} threads, {status(server.pid, 'VmRSS') >> 10} MiB"
    )

    answers, longest, before = collections.Counter(), 0, processor_time(server)
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        asked = time.monotonic()
        with socket.create_connection(address, 60) as client:
            client.sendall(GET)
            try:
                answers[client.recv(2000)[9:12].decode()] += 1
            except ConnectionError:
                answers["reset"] += 1
        longest = max(longest, time.monotonic() - asked)
        time.sleep(0.02)
    taken = processor_time(server) - before
    print(
        f"{taken:.2f} s of processor time in {SECONDS} s; new clients got {dict(answers)}, "
        f"the slowest after {longest * 1000:.0f} ms"
    )
    server.terminate()
    server.wait(30)
    reader.wait(30)


if __name__ == "__main__":
    main()
