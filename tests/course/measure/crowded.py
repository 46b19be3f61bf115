"""How much memory clients of HTTP/2 can make a server take that let all they ask for wait.

    cargo build --release -p ch21-floods
    ulimit -n 20000
    python3 tests/course/measure/crowded.py target/release/ch21-floods 2000

So many connections have a hundred streams each: requests with 16 KiB of fields whose bodies do not
come, requests for the longest guestbook over windows held at zero, the same for a file, and
responses that nobody reads. It prints the memory and the open files of the server at the most, and
what Limits::memory allows.
"""

import os
import re
import socket
import struct
import sys
import threading
import time

from server import connect, start

STREAMS = 100
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HIGHEST = (1 << 31) - 1
KIB, MIB = 1024, 1024 * 1024


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(number, bits, first):
    """RFC 7541 §5.1."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([first | number])
    out, number = [first | most], number - most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def string(text):
    return integer(len(text), 7, 0) + text


def request(stream, method, path, flags, fields=()):
    block = bytes([method, 0x86, 4]) + string(path) + b"\x01" + string(b"a")
    for name, value in fields:
        block += b"\x00" + string(name) + string(value)
    first, rest = block[:16384], block[16384:]
    end = 0 if rest else 4
    frames = frame(1, flags | end, stream, first)
    return frames + (frame(9, 4, stream, rest) if rest else b"")


def settings(window):
    return PREFACE + frame(4, 0, 0, struct.pack(">HI", 4, window)) + frame(4, 1, 0)


def of_all(make):
    return b"".join(make(1 + 2 * number) for number in range(STREAMS))


# Fields that take as much memory as they can: a last one makes a buffer double that is full.
FIELDS = [(b"a", b"b" * 8100), (b"c", b"d" * 7900), (b"e", b"f")]
FORM = (b"content-type", b"application/x-www-form-urlencoded")
BEGIN = bytes(8192)
OPEN = frame(8, 0, 0, struct.pack(">I", HIGHEST - 65535))

WAITING = {
    "fields, and bodies that do not come": (
        settings(65535)
        + of_all(lambda id: request(id, 0x83, b"/guestbook", 0, [FORM, *FIELDS]))
    ),
    "bodies that do not end": (
        settings(65535)
        + of_all(lambda id: request(id, 0x83, b"/guestbook", 0, [FORM]) + frame(0, 0, id, BEGIN))
        # The first of them may be as long as a body can be, and here it nearly is.
        + frame(0, 0, 1, bytes(16384)) * 62
    ),
    "a window held at zero, the guestbook": (
        settings(0) + of_all(lambda id: request(id, 0x82, b"/guestbook", 1))
    ),
    "a window held at zero, a long target": (
        settings(0) + of_all(lambda id: request(id, 0x82, b"/query?" + b'"' * 14000, 1))
    ),
    "a window held at zero, a file": (
        settings(0) + of_all(lambda id: request(id, 0x82, b"/", 1))
    ),
    "responses that are not read": (
        settings(HIGHEST) + OPEN + of_all(lambda id: request(id, 0x82, b"/guestbook", 1))
    ),
}


def status(process):
    with open(f"/proc/{process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) // KIB


def fill_guestbook(port):
    """A hundred entries of a thousand characters, each of which takes five bytes."""
    body = b"name=a&message=" + b"%26" * 999
    for _ in range(100):
        with connect(port, "http", 20) as client:
            client.sendall(
                b"POST /guestbook HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            while client.recv(65536):
                pass


def crowd(port, count, sent):
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        clients.append([client, sent])
    until = time.monotonic() + 60
    while any(left for _, left in clients) and time.monotonic() < until:
        for one in clients:
            if one[1]:
                try:
                    one[1] = one[1][one[0].send(one[1]):]
                except BlockingIOError:
                    pass
                except OSError:
                    one[1] = b""
        time.sleep(0.01)
    return clients


def main():
    program, count = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    limits = (f"connections={count} connections_of_one={count} {' '.join(sys.argv[3:])}").strip()
    # As Limits::memory counts: a thread, a head, a body and what is ready of a response.
    each = 64 * KIB + 8 * 8 * KIB + 2 * MIB + 2 * 64 * KIB
    allowed = (count * (each + 128 * KIB) + 32 * MIB) // MIB
    print(f"{count} connections with {STREAMS} streams each; allowed are {allowed} MiB")
    for what, sent in WAITING.items():
        server, port = start([program, "--plain"], limits)
        threading.Thread(target=server.stdout.read, daemon=True).start()
        fill_guestbook(port)
        before, most, files, is_over = status(server), 0, 0, threading.Event()

        def look():
            nonlocal most, files
            while not is_over.wait(0.05):
                most = max(most, status(server))
                files = max(files, len(os.listdir(f"/proc/{server.pid}/fd")))

        looking = threading.Thread(target=look)
        looking.start()
        clients = crowd(port, count, sent)
        time.sleep(3)
        is_over.set()
        looking.join()
        for client, _ in clients:
            client.close()
        print(f"{what}: {before} MiB before, {most} MiB at the most, {files} open files", flush=True)
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
