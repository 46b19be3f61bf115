"""Stops a server under load, many times, and counts whom that cuts off.

    python3 tests/course/measure/stop_load.py target/release/ch13-stop 50
    python3 tests/course/measure/stop_load.py target/release/ch17-tls 50 https

Sixty-four clients keep the server busy when SIGTERM comes: with sixteen requests at a
time, with one after the other, with a connection for each, and with a download.
"""

import collections
import os
import random
import signal
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time

from server import connect, start

PATIENCE = 20
GET = b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n"
HELLO = GET % (b"/hello", b"")
REQUESTS = {
    "pipelined": (HELLO * 16, 16),
    "kept": (HELLO, 1),
    "single": (GET % (b"/hello", b"Connection: close\r\n"), 1),
    "download": (GET % (b"/pages/big.bin", b""), 1),
}
CLIENTS = ["pipelined"] * 22 + ["kept"] * 21 + ["single"] * 20 + ["download"]


def read_answer(connection, received):
    """Reads one answer behind what was received already. Gives what became of it, what
    lies behind it, and whether it says that the connection closes."""
    try:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return ("cut off" if received else "closed without a byte"), b"", True
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        closes = b"connection: close" in head.lower()
        came = len(body)
        while came < length:
            piece = connection.recv(1 << 18)
            if not piece:
                return "cut off", b"", True
            came += len(piece)
        return "whole", body[length:], closes
    except socket.timeout:
        return "hung", b"", True
    except (ConnectionError, ssl.SSLError):
        return ("cut off" if received else "reset without a byte"), b"", True


def be_client(kind, port, scheme, outcomes, is_over):
    request, count = REQUESTS[kind]
    while not is_over.is_set():
        try:
            connection = connect(port, scheme, PATIENCE)
        except ConnectionRefusedError:
            return
        except socket.timeout:
            outcomes[kind, "hung"] += 1
            return
        except OSError:
            outcomes[kind, "reset without a byte"] += 1
            return
        with connection:
            received, closes = b"", False
            while not closes and not is_over.is_set():
                try:
                    connection.sendall(request)
                except (ConnectionError, ssl.SSLError):
                    break
                for _ in range(count):
                    outcome, received, closes = read_answer(connection, received)
                    outcomes[kind, outcome] += 1
                    if closes:
                        break


def stop_once(program, scheme, folder, outcomes):
    """Gives the exit code, and after how many milliseconds the port was free and the
    process gone."""
    server, port = start([program], "requests=1000000", folder)
    threading.Thread(target=server.stdout.read, daemon=True).start()
    is_over = threading.Event()
    clients = [
        threading.Thread(target=be_client, args=(kind, port, scheme, outcomes, is_over))
        for kind in CLIENTS
    ]
    for client in clients:
        client.start()
    time.sleep(random.uniform(0.3, 0.7))
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    while True:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                # It does not listen: a client would take it for the server.
                other.bind(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.001)
    free = time.monotonic() - began
    code = server.wait(PATIENCE)
    gone = time.monotonic() - began
    is_over.set()
    for client in clients:
        client.join()
    return code, free * 1000, gone * 1000


def main():
    program, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    scheme = "".join(sys.argv[3:]) or "http"
    outcomes = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/pages")
        with open(f"{folder}/pages/big.bin", "wb") as file:
            file.truncate(100 << 20)
        stops = [stop_once(program, scheme, folder, outcomes) for _ in range(rounds)]
    codes, free, gone = zip(*stops)
    print("exit codes:", dict(collections.Counter(codes)))
    print(f"port free after {statistics.median(free):.1f} ms, at most {max(free):.1f} ms")
    print(f"process gone after {statistics.median(gone):.0f} ms, at most {max(gone):.0f} ms")
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:10} {outcome:22} {count:9}")


if __name__ == "__main__":
    main()
