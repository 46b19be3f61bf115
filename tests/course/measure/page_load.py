"""How Chromium loads one page with sixty pictures, over HTTP/1.1 and over HTTP/2.

    cargo build --release -p ch20-streams
    sudo python3 tests/course/measure/page_load.py target/release/ch20-streams

It needs Linux, chromium, iproute2 and openssl, and the rights to make network devices. Server and
browser run in two network namespaces. Between them lies a link that this program carries: each
packet takes 20 ms, and the first column says how many of them are lost. The table has the medians
of nine loads, each by a browser that has just started.
"""

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

PICTURES = 60
LOADS = 9
DELAY = 0.020
SERVER, BROWSER = "10.99.0.1", "10.99.0.2"
URL = f"https://{SERVER}:8443/pages/many.html"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class Link:
    """Two network devices, and what lies between them."""

    def __init__(self):
        self.loss, self.random, self.numbers = 0.0, random.Random(1), itertools.count()
        self.ends = [self.device(name) for name in ("measure-s", "measure-b")]
        for name, address in (("measure-s", SERVER), ("measure-b", BROWSER)):
            run("ip", "netns", "add", name)
            run("ip", "link", "set", name, "netns", name)
            inside(name, "ip", "addr", "add", f"{address}/24", "dev", name)
            inside(name, "ip", "link", "set", name, "up")
            inside(name, "ip", "link", "set", "lo", "up")
            # Every kernel has it. Like most, it takes a lost packet for a full link.
            inside(name, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno")
        threading.Thread(target=self.run, daemon=True).start()

    @staticmethod
    def device(name):
        end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        return end

    def run(self):
        with contextlib.suppress(OSError):  # The devices go with their namespaces.
            self.forward()

    def forward(self):
        on_the_way = []
        while True:
            wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
            for end in select.select(self.ends, [], [], wait)[0]:
                packet = os.read(end, 2048)
                if self.random.random() >= self.loss:
                    other = self.ends[1 - self.ends.index(end)]
                    arrives = time.monotonic() + DELAY
                    heapq.heappush(on_the_way, (arrives, next(self.numbers), other, packet))
            while on_the_way and on_the_way[0][0] <= time.monotonic():
                _, _, other, packet = heapq.heappop(on_the_way)
                os.write(other, packet)

    @staticmethod
    def remove():
        for name in ("measure-s", "measure-b"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def run(*command):
    subprocess.run(command, check=True)


def inside(namespace, *command):
    run("ip", "netns", "exec", namespace, *command)


def load(*options):
    """Loads the page. Gives the connections, the most requests under way at once, and the time
    from the first request to the end of the last response, in milliseconds."""
    with tempfile.TemporaryDirectory() as profile:
        log = f"{profile}/net.json"
        browser = [
            "ip", "netns", "exec", "measure-b", "chromium", "--headless", "--no-sandbox",
            "--disable-gpu", "--disable-background-networking", "--ignore-certificate-errors",
            f"--user-data-dir={profile}", f"--log-net-log={log}", *options, "--dump-dom", URL,
        ]
        said = subprocess.run(browser, capture_output=True, text=True, timeout=120, check=True)
        assert "<img" in said.stdout, said.stderr
        return look_at(log)


def look_at(log):
    with open(log) as file:
        log = json.load(file)
    names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    begin = log["constants"]["logEventPhase"]["PHASE_BEGIN"]
    connections, asked, ended, ours = set(), {}, {}, set()
    for event in log["events"]:
        name, source = names[event["type"]], event["source"]["id"]
        parameters = event.get("params", {})
        if name == "URL_REQUEST_START_JOB" and SERVER in parameters.get("url", ""):
            ours.add(source)
        if name == "TCP_CONNECT" and SERVER in str(parameters):
            connections.add(source)
        if name == "HTTP_TRANSACTION_SEND_REQUEST" and event["phase"] == begin:
            asked.setdefault(source, int(event["time"]))
        if name in ("HTTP_TRANSACTION_READ_BODY", "URL_REQUEST_JOB_FILTERED_BYTES_READ"):
            ended[source] = int(event["time"])
    whole = [source for source in ours if source in asked and source in ended]
    assert len(whole) > PICTURES, f"{len(whole)} requests"
    changes = sorted(
        [(asked[source], 1) for source in whole] + [(ended[source], -1) for source in whole]
    )
    most = max(itertools.accumulate(change for _, change in changes))
    took = max(ended[source] for source in whole) - min(asked[source] for source in whole)
    return len(connections), most, took


def main():
    program = os.path.abspath(sys.argv[1])
    Link.remove()
    link = Link()
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(f"{folder}/pages")
            pictures = "".join(f'<img src="{number}.svg">\n' for number in range(PICTURES))
            with open(f"{folder}/pages/many.html", "w") as file:
                file.write(f"<!DOCTYPE html>\n<title>Sixty pictures</title>\n{pictures}")
            for number in range(PICTURES):
                with open(f"{folder}/pages/{number}.svg", "w") as file:
                    spots = "".join(
                        f'<circle cx="{random.random():.9f}" cy="{random.random():.9f}" r="1"/>\n'
                        for _ in range(200)
                    )
                    file.write(f'<svg xmlns="http://www.w3.org/2000/svg">\n{spots}</svg>\n')
            subprocess.run(
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                f" -subj /CN={SERVER} -days 2 -keyout key.pem -out cert.pem".split(),
                cwd=folder, check=True, capture_output=True,
            )
            server = subprocess.Popen(
                ["ip", "netns", "exec", "measure-s", program, f"{SERVER}:8443",
                 "--cert", "cert.pem", "--key", "key.pem"],
                cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            time.sleep(1)
            print("lost  version   connections  at once  first request to last response")
            for loss in (0.0, 0.01, 0.03):
                link.loss = loss
                for version, options in (("HTTP/1.1", ["--disable-http2"]), ("HTTP/2", [])):
                    loads = [load(*options) for _ in range(LOADS)]
                    connections, at_once, took = (statistics.median(one) for one in zip(*loads))
                    print(
                        f"{loss:4.0%}  {version:8}{connections:>12.0f}{at_once:>10.0f}"
                        f"{took:>9.0f} ms",
                        flush=True,
                    )
            server.kill()
            server.wait()
    finally:
        link.remove()


main()
