"""How long a client waits for its answers, alone and among greedy ones.

    sudo python3 tests/course/measure/fair.py target/release/ch16-events 6

The greedy ones: one downloads 1 GiB, one pipelines sixteen requests at a time, and a
hundred read slowly. The server has one core, and all clients together have another. It
takes wrk, curl, chrt and taskset, and the right to go before all other programs (chrt).
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from server import start

LIMITS = "connections=10000 connections_of_one=10000 requests=1000000"
MEASURED = """
import socket, sys, time
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
waits = []
for _ in range(700):
    begin = time.perf_counter()
    client.sendall(b"GET /hello HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    client.recv(4096)
    waits.append(time.perf_counter() - begin)
    time.sleep(0.001)
waits.sort()
print(waits[350] * 1e6, waits[693] * 1e6)
"""
SLOW = """
import socket, sys, time
clients = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(100)]
for client in clients:
    client.sendall(b"GET /pages/big.bin HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
while True:
    for client in clients:
        client.recv(1000)
        time.sleep(0.0005)
"""
PIPELINED = """
local request = string.rep("GET /hello HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", 16)
request_all = request
function request() return request_all end
"""


def before_all_others(priority, core, *command):
    return ["chrt", "-f", priority, "taskset", "-c", core, *command]


def wait_of_one(port):
    command = before_all_others("20", "1", sys.executable, "-c", MEASURED, str(port))
    command = ["timeout", "15", *command]
    return [float(text) for text in subprocess.check_output(command, text=True).split()]


def measure(program, site):
    server, port = start(before_all_others("10", "0", program), LIMITS, site)
    url = f"http://127.0.0.1:{port}"
    alone = wait_of_one(port)
    greedy = [
        ["curl", "-s", "-o", "/dev/null", url + "/pages/big.bin"],
        ["wrk", "-t1", "-c1", "-d10s", "-s", f"{site}/pipelined.lua", url + "/hello"],
        [sys.executable, "-c", SLOW, str(port)],
    ]
    others = []
    for command in greedy:
        command = ["timeout", "15", "nice", "-n", "-20", "taskset", "-c", "1", *command]
        others.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    time.sleep(0.5)
    among = wait_of_one(port)
    for process in [*others, server]:
        process.send_signal(signal.SIGTERM if process is not server else signal.SIGKILL)
        process.wait()
    return alone + among


def main():
    program, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as site:
        os.mkdir(f"{site}/pages")
        with open(f"{site}/pages/big.bin", "wb") as big:
            big.truncate(1 << 30)
        with open(f"{site}/pipelined.lua", "w") as script:
            script.write(PIPELINED)
        measured = [measure(program, site) for _ in range(rounds)]
    median, last, median_among, last_among = map(statistics.median, zip(*measured))
    print("                 alone   among them all")
    print(f"median      {median:10.0f} {median_among:16.0f}   µs")
    print(f"99 of 100   {last:10.0f} {last_among:16.0f}   µs")


main()
