"""Two event loops on two cores against one on one, with the clients on the same two cores.

    sudo python3 tests/course/measure/loops.py target/release/ch16-events 3

It takes wrk, chrt and taskset, and the right to go before all other programs (chrt).
"""

import re
import signal
import statistics
import subprocess
import sys

from server import processor_time, start

LIMITS = "connections=10000 connections_of_one=10000 requests=1000000"
QUERY = "/query?" + "&".join(f"name{i}=Ada+Lovelace+%C3%BC" for i in range(230))
TARGETS = {"/hello": "/hello", "/query?..., 7 KiB": QUERY}


def before_all_others(cores, *command):
    return ["chrt", "-f", "10", "taskset", "-c", cores, *command]


def measure(server, port, target):
    url = f"http://127.0.0.1:{port}{target}"
    before = processor_time(server)
    load = before_all_others("0,1", "timeout", "5", "wrk", "-t2", "-c64", "-d1s", url)
    said = subprocess.run(load, capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    return rate, (processor_time(server) - before) / requests * 1e6


def main():
    program, rounds = sys.argv[1], int(sys.argv[2])
    measured = {}
    for _ in range(rounds):
        for loops, cores in ((1, "0"), (2, "0,1")):
            # Nobody reads its log, so lines are lost, and that holds nobody up.
            server, port = start(before_all_others(cores, program), LIMITS)
            for name, target in TARGETS.items():
                measured.setdefault((name, loops), []).append(measure(server, port, target))
            server.send_signal(signal.SIGKILL)
            server.wait()
    print("                            one loop               two loops")
    print("                      a second   µs a request   a second   µs a request")
    for name in TARGETS:
        row = f"{name:20}"
        for loops in (1, 2):
            rates, times = zip(*measured[name, loops])
            row += f"{statistics.median(rates):10,.0f} {statistics.median(times):14.1f} "
        print(row)


main()
