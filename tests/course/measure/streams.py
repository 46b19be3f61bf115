"""What a request costs in HTTP/2, beside nghttpd, nginx and hyper.

    cargo build --release -p ch20-streams
    cargo build --release --manifest-path tests/course/peers/hyper/Cargo.toml \\
        --target-dir target/peers
    python3 tests/course/measure/streams.py target/release/ch20-streams

It needs h2load and nghttp (Debian: nghttp2-client) and openssl, and measures nghttpd
(nghttp2-server), nginx and hyper where they are there. Each server runs on the first core, and
what asks on the second. All have the same load in turns, five times, and the same certificate. The
table has the medians of the processor time that the server has used, and how much memory it has
with 10,000 connections, each of which has had one answer. More programs can be named.
"""

import os
import resource
import selectors
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from floods import OPENING, frame, request
from server import processor_time

LIMITS = (
    "requests=1000000 life=3600 idle=600 connections=20000 connections_of_one=20000"
)
ROUNDS = 5
IDLE = 10_000
# How many of them connect at a time.
AT_ONCE = 64
HERE = os.path.dirname(os.path.abspath(__file__))
HYPER = f"{HERE}/../../../target/peers/release/hyper-peer"
BIG = "/pages/big.bin"
# What is asked for, the options of h2load, and how many requests that is.
LOADS = {
    "16 x 32": ("/hello", "-n 200000 -c 16 -m 32", 200_000),
    "64 x 1": ("/hello", "-n 50000 -c 64 -m 1", 50_000),
    "100 MiB": (BIG, "-n 5 -c 1 -m 1 -w 24 -W 24", 5),
}


# Who answers is not asked: it was started here.
HTTP2 = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HTTP2.check_hostname = False
HTTP2.verify_mode = ssl.CERT_NONE
HTTP2.set_alpn_protocols(["h2"])


class Program:
    """A server that can be started, and its name."""

    def __init__(self, name, command, is_sealed=False, is_site=True):
        self.name = f"{name}, TLS" if is_sealed else name
        self.command = command
        self.is_sealed = is_sealed
        # Whether it has files, and not only /hello.
        self.is_site = is_site

    def start(self, folder):
        """The process and its port. Not all servers say which port they took."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words = [word.replace("PORT", str(port)) for word in self.command]
        if "nginx.conf" in words:
            write_nginx(folder, port, self.is_sealed)
        server = subprocess.Popen(
            ["taskset", "-c", "0", *words],
            env=os.environ | {"LIMITS": LIMITS},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return server, port
            except ConnectionRefusedError:
                time.sleep(0.02)
        sys.exit(f"{self.name} does not start")


def write_nginx(folder, port, is_sealed):
    """The configuration of `cargo course bench`, with files to serve."""
    with open(f"{HERE}/../peers/nginx.conf") as file:
        text = file.read()
    keys = "ssl_certificate cert.pem; ssl_certificate_key key.pem;" if is_sealed else ""
    text = text.replace("PORT", f"{port}{' ssl' if is_sealed else ''} http2")
    text = text.replace("server {", f"server {{ {keys} location /pages/ {{ root .; }}")
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(text)


def programs(ours, folder):
    pair = ["--cert", "cert.pem", "--key", "key.pem"]
    for path in ours:
        name, path = os.path.basename(path), os.path.abspath(path)
        yield Program(name, [path, "--plain", "127.0.0.1:PORT"])
        yield Program(name, [path, *pair, "127.0.0.1:PORT"], is_sealed=True)
    search = os.environ["PATH"] + ":/usr/sbin"
    if nghttpd := shutil.which("nghttpd", path=search):
        here = [nghttpd, "--address", "127.0.0.1"]
        yield Program("nghttpd", [*here, "--no-tls", "PORT"])
        yield Program("nghttpd", [*here, "PORT", "key.pem", "cert.pem"], is_sealed=True)
    else:
        print("Without nghttpd: apt-get install nghttp2-server")
    if nginx := shutil.which("nginx", path=search):
        command = [nginx, "-p", folder, "-c", "nginx.conf"]
        yield Program("nginx", command)
        yield Program("nginx", command, is_sealed=True)
    else:
        print("Without nginx: apt-get install nginx")
    if os.path.exists(HYPER):
        yield Program("hyper", [os.path.abspath(HYPER), "--http2", "127.0.0.1:PORT"], is_site=False)
    else:
        print("Without hyper: the second command above builds it")


def load(program, folder, path, options):
    """How many seconds of processor time it takes."""
    server, port = program.start(folder)
    before = processor_time(server)
    url = f"{'https' if program.is_sealed else 'http'}://127.0.0.1:{port}{path}"
    command = ["taskset", "-c", "1", "h2load", *options.split(), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ", 0 failed, 0 errored" in said and " 0 4xx, 0 5xx" in said, f"{program.name}: {said}"
    used = processor_time(server) - before
    server.kill()
    server.wait()
    return used


class Idle:
    """A connection that has one answer and stays. It does nothing but where something comes."""

    def __init__(self, program, port, selector):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.incoming, self.outgoing, self.tls = ssl.MemoryBIO(), ssl.MemoryBIO(), None
        if program.is_sealed:
            self.tls = HTTP2.wrap_bio(self.incoming, self.outgoing)
        self.has_asked, self.is_answered, self.received = False, False, b""
        selector.register(self.socket, selectors.EVENT_READ, self)
        self.advance()

    def advance(self):
        """Goes on with the handshake, asks, and acknowledges the settings."""
        try:
            if self.tls and not self.has_asked:
                self.tls.do_handshake()
            if not self.has_asked:
                self.has_asked = True
                scheme = b"\x87" if self.tls else b"\x86"
                self.send(OPENING + request(1).replace(b"\x86", scheme, 1))
            while self.tls:
                self.received += self.tls.read(1 << 14)
        except ssl.SSLWantReadError:
            pass
        if not self.is_answered and b"Hello, User!" in self.received:
            self.is_answered = True
            self.send(frame(4, 1, 0))
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def send(self, piece):
        self.tls.write(piece) if self.tls else self.socket.sendall(piece)

    def take(self):
        piece = self.socket.recv(1 << 14)
        assert piece, "the server has closed"
        if self.tls:
            self.incoming.write(piece)
        else:
            self.received += piece
        self.advance()


def idle_memory(program, folder):
    """In MiB, with many connections."""
    server, port = program.start(folder)
    selector, begun, waiting, kept = selectors.DefaultSelector(), 0, 0, []
    while begun < IDLE or waiting:
        while begun < IDLE and waiting < AT_ONCE:
            kept.append(Idle(program, port, selector))
            begun, waiting = begun + 1, waiting + 1
        events = selector.select(20)
        assert events, f"{program.name}: {waiting} of {begun} have no answer"
        for key, _ in events:
            was_answered = key.data.is_answered
            key.data.take()
            waiting -= key.data.is_answered and not was_answered
    with open(f"/proc/{server.pid}/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    for one in kept:
        one.socket.close()
    selector.close()
    server.kill()
    server.wait()
    return memory / 1024


def shown(used, count):
    if not used:
        return "-"
    microseconds = statistics.median(used) / count * 1e6
    return f"{microseconds:.1f} µs" if microseconds < 1000 else f"{microseconds / 1000:.0f} ms"


def beside(program, folder):
    """A page of 1 KiB that is asked for together with four downloads, over one connection: when
    the downloads have come, and when the page, in milliseconds."""
    server, port = program.start(folder)
    url = f"http://127.0.0.1:{port}"
    urls = [f"{url}{BIG}?{number}" for number in range(4)] + [f"{url}/pages/k.txt"]
    client = ["taskset", "-c", "1", "nghttp", "-ns", "-w", "20", "-W", "24", *urls]
    said = subprocess.run(client, capture_output=True, text=True, check=True).stdout
    server.kill()
    server.wait()
    times = {}
    for line in said.splitlines():
        if "/pages/" in line:
            words = line.split()
            unit = 1 if words[-4].endswith("ms") else 1e-3 if words[-4].endswith("us") else 1000
            times[words[-1]] = float(words[-4].strip("+mus")) * unit
    page = times.pop("/pages/k.txt")
    return max(times.values()), page


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < IDLE + 50:
        sys.exit(f"a process may have {most} files open here: `ulimit -n 20000` lets it have more")
    os.sched_setaffinity(0, [1])
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/pages")
        for name, text in [("hello", b"<h1>Hello, User!</h1>"), ("pages/k.txt", b"k" * 1024)]:
            with open(f"{folder}/{name}", "wb") as file:
                file.write(text)
        with open(f"{folder}{BIG}", "wb") as file:
            file.truncate(100 * 1024 * 1024)
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            " -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem".split(),
            cwd=folder, check=True, capture_output=True,
        )
        measured = list(programs(sys.argv[1:], folder))
        used = {program.name: {load: [] for load in LOADS} for program in measured}
        for _ in range(ROUNDS):
            for what, (path, options, _) in LOADS.items():
                for program in measured:
                    if program.is_site or path != BIG:
                        seconds = load(program, folder, path, options)
                        used[program.name][what].append(seconds)
        width = max(len(program.name) for program in measured)
        print(f"{'processor time':{width}}" + "".join(f"{what:>11}" for what in LOADS) + "  idle")
        for program in measured:
            cells = [shown(used[program.name][what], LOADS[what][2]) for what in LOADS]
            line = f"{program.name:{width}}" + "".join(f"{cell:>11}" for cell in cells)
            print(f"{line}{idle_memory(program, folder):>7.1f} MiB", flush=True)
        print("\n  the four downloads   the page")
        for program in measured:
            if program.is_site and not program.is_sealed:
                downloads, page = zip(*(beside(program, folder) for _ in range(3)))
                medians = statistics.median(downloads), statistics.median(page)
                print(f"{program.name:{width}}{medians[0]:>8.0f} ms{medians[1]:>8.1f} ms")


if __name__ == "__main__":
    main()
