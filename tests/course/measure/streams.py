"""What a request costs in HTTP/2, beside nghttpd's.

    cargo build --release -p ch20-streams
    python3 tests/course/measure/streams.py target/release/ch20-streams

It needs h2load, nghttp and nghttpd of nghttp2, and openssl. The server runs on the first core,
the client on the second. It prints the processor time that the server has used, the medians of
five runs in turns.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
LIMITS = "requests=1000000 life=3600"
ROUNDS = 5


def seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def start(command, folder):
    server = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        env=os.environ | {"LIMITS": LIMITS},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)
    return server


def load(server, url, options):
    """Processor time in seconds, and in how many seconds it was over."""
    before, began = seconds(server), time.monotonic()
    command = ["taskset", "-c", "1", "h2load", *options, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ", 0 failed, 0 errored" in said, said
    return seconds(server) - before, time.monotonic() - began


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/pages")
        for name, text in [("hello", b"<h1>Hello, User!</h1>"), ("pages/k.txt", b"k" * 1024)]:
            with open(f"{folder}/{name}", "wb") as file:
                file.write(text)
        with open(f"{folder}/pages/big.bin", "wb") as file:
            file.truncate(100 * 1024 * 1024)
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            " -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem".split(),
            cwd=folder, check=True, capture_output=True,
        )
        pair = ["--cert", "cert.pem", "--key", "key.pem"]
        servers = {
            "ours, plain": ([program, "--plain", "127.0.0.1:18080"], "http://127.0.0.1:18080"),
            "ours, TLS": ([program, "127.0.0.1:18443", *pair], "https://127.0.0.1:18443"),
            "nghttpd, plain": (["nghttpd", "--no-tls", "18082"], "http://127.0.0.1:18082"),
            "nghttpd, TLS": (["nghttpd", "18083", "key.pem", "cert.pem"], "https://127.0.0.1:18083"),
        }
        loads = {
            "16 connections, 32 streams each": ("/hello", "-n 200000 -c 16 -m 32", 200_000),
            "64 connections, 1 stream each": ("/hello", "-n 50000 -c 64 -m 1", 50_000),
            "100 MiB over one stream": ("/pages/big.bin", "-n 1 -c 1 -w 24 -W 24", 1),
        }
        for what, (path, options, count) in loads.items():
            used = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, (command, url) in servers.items():
                    server = start(command, folder)
                    used[name].append(load(server, url + path, options.split())[0])
                    server.kill()
                    server.wait()
            for name, times in used.items():
                median = statistics.median(times) / count * 1e6
                print(f"{what}: {name}: {median:.1f} µs of processor time", flush=True)
        beside(servers, folder)


def beside(servers, folder):
    """A page of 1 KiB that is asked for together with four downloads, over one connection."""
    for name in ["ours, plain", "nghttpd, plain"]:
        command, url = servers[name]
        server = start(command, folder)
        urls = [f"{url}/pages/big.bin?{number}" for number in range(4)]
        client = ["taskset", "-c", "1", "nghttp", "-ns", "-w", "20", "-W", "24"]
        for _ in range(3):
            said = subprocess.run(
                [*client, *urls, f"{url}/pages/k.txt"], capture_output=True, text=True, check=True
            ).stdout
            lines = [line.split() for line in said.splitlines() if "/pages/" in line]
            times = [f"{line[-1].split('?')[0]} {line[-4]}" for line in lines]
            print(f"{name}: {', '.join(sorted(times))}", flush=True)
        server.kill()
        server.wait()


main()
