"""What the floods of one client cost a server of HTTP/2, and a client beside it.

    cargo build --release -p ch21-floods
    python3 tests/course/measure/floods.py target/release/ch21-floods

Each flood is 100,000 streams or frames. A client whose connection is ended goes on over another
one. Meanwhile a client that behaves well asks for /hello, one request after the other. The server
runs on the first core, the clients on the second. It prints the 99th percentile of the good
client's times, alone and beside the flood, the server's processor time and its memory at the most,
how many connections the flood took, and the code with which they ended.
"""

import collections
import multiprocessing
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

EVENTS = 100_000
PIECE = 500
LIMITS = "requests=1000000 life=3600"
NAMES = {0: "NO_ERROR", 1: "PROTOCOL_ERROR", 11: "ENHANCE_YOUR_CALM"}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def string(text):
    return bytes([len(text)]) + text


def request(stream, path=b"/hello", flags=5):
    block = b"\x82\x86\x04" + string(path) + b"\x01" + string(b"localhost")
    return frame(1, flags, stream, block)


def increment(stream, by):
    return frame(8, 0, stream, struct.pack(">I", by))


OPENING = PREFACE + frame(4, 0, 0)
BODY = request(1, b"/guestbook", 4).replace(b"\x82", b"\x83", 1)
RESET = struct.pack(">I", 8)
LONG = b"/numbers?to=100000"

# The beginning of each connection, and what is sent again and again.
FLOODS = {
    "Rapid Reset": (b"", lambda id: request(id, LONG) + frame(3, 0, id, RESET)),
    "MadeYouReset": (b"", lambda id: request(id, LONG) + increment(id, 0)),
    "CONTINUATION": (request(1, flags=1), lambda id: frame(9, 0, 1)),
    "PING": (b"", lambda id: frame(6, 0, 0, bytes(8))),
    "SETTINGS": (b"", lambda id: frame(4, 0, 0)),
    "PRIORITY": (b"", lambda id: frame(2, 0, 1, bytes([0, 0, 0, 3, 7]))),
    "empty DATA": (BODY, lambda id: frame(0, 0, 1)),
    "small WINDOW_UPDATE": (
        frame(4, 0, 0, struct.pack(">HI", 4, 0)) + request(1, LONG),
        lambda id: increment(1, 1),
    ),
}


def read_codes(client, codes):
    """Reads until the server closes. Adds the last code of a GOAWAY."""
    received, code = b"", "none"
    try:
        while piece := client.recv(1 << 16):
            received += piece
            while len(received) >= 9:
                length = int.from_bytes(received[:3], "big")
                if len(received) < 9 + length:
                    break
                if received[3] == 7:
                    number = int.from_bytes(received[13:17], "big")
                    code = NAMES.get(number, str(number))
                received = received[9 + length:]
    except OSError:
        pass
    codes.append(code)


def flood(port, name, results):
    os.sched_setaffinity(0, [1])
    # The good client has the same core. It is to wait for the server, and not for this one.
    os.nice(19)
    begin, make = FLOODS[name]
    left, codes = EVENTS, []
    while left > 0:
        client = socket.create_connection(("127.0.0.1", port))
        client.settimeout(20)
        reader = threading.Thread(target=read_codes, args=(client, codes))
        reader.start()
        try:
            client.sendall(OPENING + begin)
            number = 3
            while left > 0 and reader.is_alive():
                events = [make(number + 2 * event) for event in range(PIECE)]
                client.sendall(b"".join(events))
                number += 2 * PIECE
                left -= PIECE
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        reader.join()
        client.close()
    results.put(codes)


def take(client, length):
    received = b""
    while len(received) < length:
        piece = client.recv(length - len(received))
        assert piece, "the server has closed"
        received += piece
    return received


def well_behaved(port, goes_on):
    """The times of one request after the other, in milliseconds."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(OPENING)
    times, stream = [], 1
    while goes_on():
        began = time.monotonic()
        client.sendall(request(stream))
        while True:
            header = take(client, 9)
            take(client, int.from_bytes(header[:3], "big"))
            assert header[3] != 7, "GOAWAY"
            if header[3] == 0 and header[4] & 1:
                break
        times.append((time.monotonic() - began) * 1000)
        stream += 2
        time.sleep(0.001)
    client.close()
    return sorted(times)


def of_process(process, what):
    with open(f"/proc/{process.pid}/{what}") as file:
        return file.read()


def seconds(process):
    fields = of_process(process, "stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    os.sched_setaffinity(0, [1])
    for name in FLOODS:
        server = subprocess.Popen(
            ["taskset", "-c", "0", os.path.abspath(sys.argv[1]), "--plain", "127.0.0.1:0"],
            env=os.environ | {"LIMITS": LIMITS},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        port = int(re.search(r"port (\d+)", server.stdout.readline())[1])
        threading.Thread(target=lambda out: collections.deque(out, 0), args=[server.stdout]).start()
        until = time.monotonic() + 2
        alone = well_behaved(port, lambda: time.monotonic() < until)
        used = seconds(server)
        results = multiprocessing.Queue()
        flooding = multiprocessing.Process(target=flood, args=(port, name, results))
        flooding.start()
        beside = well_behaved(port, flooding.is_alive)
        codes = collections.Counter(results.get())
        p99 = [times[len(times) * 99 // 100] for times in (alone, beside)]
        most = int(re.search(r"VmHWM:\s+(\d+)", of_process(server, "status"))[1]) / 1024
        print(
            f"{name}: p99 {p99[0]:.1f} ms alone, {p99[1]:.1f} ms beside; "
            f"{seconds(server) - used:.2f} s of processor time, {most:.0f} MiB; "
            f"connections {sum(codes.values())}, {', '.join(codes)}",
            flush=True,
        )
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
