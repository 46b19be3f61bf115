"""Lets slowhttptest at a server, and measures how long a polite client waits meanwhile.

    python3 tests/course/measure/slow_clients.py target/release/ch12-limits
    python3 tests/course/measure/slow_clients.py target/release/ch17-tls https

Two hundred connections of each kind, one kind after the other: heads that do not end, bodies
that trickle, answers that nobody takes, and requests for thousands of ranges. What the server
holds is counted before all of them and a while after.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time

from server import ANYBODY, start

SECONDS = "20"
KINDS = {
    "slow heads": ("/hello", "-H -i 5 -x 24"),
    "slow bodies": (
        "/guestbook",
        "-B -i 5 -s 8192 -x 10 -f application/x-www-form-urlencoded",
    ),
    "slow reading": ("/numbers?to=1000000", "-X -w 10 -y 20 -n 5 -z 32 -k 3"),
    "ranges": ("/pages/index.html", "-R -a 10 -b 3000"),
}


def held(process):
    """The files, sockets and threads that a process has, and its memory in KiB."""
    folder = f"/proc/{process}/fd"
    links = [os.readlink(f"{folder}/{file}") for file in os.listdir(folder)]
    with open(f"/proc/{process}/status") as status:
        values = dict(line.split(":", 1) for line in status)
    return {
        "files": len(links),
        "sockets": sum(link.startswith("socket:") for link in links),
        "threads": int(values["Threads"]),
        "KiB": int(values["VmRSS"].split()[0]),
        "KiB at the peak": int(values["VmHWM"].split()[0]),
    }


def ask(port, scheme):
    """Whether a page is served, over a connection of its own."""
    try:
        if scheme == "https":
            connection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=10, context=ANYBODY
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/hello")
        response = connection.getresponse()
        page = response.read()
        connection.close()
        return response.status == 200 and page == b"<h1>Hello, User!</h1>"
    except OSError:
        return False


def be_polite(port, scheme, attack):
    times, unserved = [], 0
    while attack.poll() is None:
        began = time.perf_counter()
        unserved += not ask(port, scheme)
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.01)
    times.sort()
    last = times[int(len(times) * 0.99)]
    return (
        f"{len(times):5} requests, {unserved} not served, median {times[len(times) // 2]:5.2f} ms, "
        f"99 of 100 {last:6.1f} ms, longest {times[-1]:4.0f} ms"
    )


def main():
    server, port = start([sys.argv[1]])
    scheme = "".join(sys.argv[2:]) or "http"
    with tempfile.TemporaryFile() as log:
        reader = subprocess.Popen(["cat"], stdin=server.stdout, stdout=log)
        ask(port, scheme)
        print(f"{'before':13}", held(server.pid))
        for kind, (target, options) in KINDS.items():
            attack = subprocess.Popen(
                ["slowhttptest", *options.split(), "-c", "200", "-r", "200", "-l", SECONDS]
                + ["-u", f"{scheme}://127.0.0.1:{port}{target}"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            print(f"{kind:13}", be_polite(port, scheme, attack), flush=True)
        # The last of them may linger or be idle for so long.
        time.sleep(12)
        print(f"{'after':13}", held(server.pid))
        server.terminate()
        server.wait(30)
        reader.wait(30)


if __name__ == "__main__":
    main()
