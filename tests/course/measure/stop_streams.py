"""Stops a server of HTTP/2 under load, many times, and counts which streams that cuts off.

    python3 tests/course/measure/stop_streams.py target/release/ch21-floods 50
    python3 tests/course/measure/stop_streams.py target/release/ch21-floods 50 https

Forty-eight clients keep the server busy when SIGTERM comes: with sixteen streams at a time, with
sixteen that go on after the first GOAWAY, with forms whose bodies come in two parts, with one
stream after the other, with a connection for each request, and with downloads. A stream is
promised if no GOAWAY has named a lower one as the last. What was not promised is asked for again,
from another server.
"""

import collections
import os
import random
import signal
import socket
import ssl
import statistics
import struct
import sys
import tempfile
import threading
import time

from server import ANYBODY, connect, start

PATIENCE = 20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HIGHEST = (1 << 31) - 1
FORM = b"name=Ada&message=" + b"a" * 500
CLIENTS = (
    ["streams"] * 12 + ["careless"] * 6 + ["forms"] * 10 + ["one"] * 10 + ["single"] * 8
    + ["download"] * 2
)

ANYBODY.set_alpn_protocols(["h2"])


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def string(text):
    return bytes([len(text)]) + text


# The largest windows there can be, so that no response waits for one.
OPENING = (
    PREFACE
    + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, HIGHEST))
    + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", HIGHEST - 65535))
)


def fields(method, scheme, path, *others):
    """A field block without references to others."""
    block = bytes([method, 0x86 if scheme == "http" else 0x87, 4]) + string(path)
    return block + b"\x01" + string(b"localhost") + b"".join(others)


FORM_TYPE = b"\x0f\x10" + string(b"application/x-www-form-urlencoded")


class Client:
    """One connection, and what has become of its streams."""

    def __init__(self, port, scheme, kind):
        self.kind, self.scheme = kind, scheme
        self.connection = connect(port, scheme, PATIENCE)
        self.received = bytearray()
        self.next_stream = 1
        self.answered = {}
        self.open = {}
        self.last = None
        self.has_goaway = False
        self.connection.sendall(OPENING)

    def request(self):
        """The frames of one more request. A form's end comes later."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.open[stream] = b""
        if self.kind == "forms":
            block = fields(0x83, self.scheme, b"/guestbook", FORM_TYPE)
            return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, 0, stream, FORM[:200])
        path = b"/pages/big.bin" if self.kind == "download" else b"/hello"
        block = fields(0x82, self.scheme, path)
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, block)

    def rest(self, stream):
        return frame(DATA, END_STREAM, stream, FORM[200:]) if self.kind == "forms" else b""

    def read(self):
        """Reads once. Gives what is to be sent for it, and whether the server has closed."""
        piece = self.connection.recv(1 << 18)
        self.received += piece
        answer, at = b"", 0
        while len(self.received) - at >= 9:
            length = int.from_bytes(self.received[at:at + 3], "big")
            if len(self.received) - at < 9 + length:
                break
            kind, flags = self.received[at + 3], self.received[at + 4]
            stream = int.from_bytes(self.received[at + 5:at + 9], "big")
            payload = bytes(self.received[at + 9:at + 9 + min(length, 64)])
            at += 9 + length
            answer += self.take(kind, flags, stream, payload)
        del self.received[:at]
        return answer, not piece

    def take(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            return frame(SETTINGS, ACK, 0)
        if kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload)
        if kind == GOAWAY:
            self.has_goaway = True
            last, code = struct.unpack(">II", payload[:8])
            assert code == 0, f"GOAWAY with code {code}"
            assert self.last is None or last <= self.last
            self.last = last
        elif kind == HEADERS and stream in self.open:
            # :status 200 is the eighth entry of the static table. A form gets 303.
            is_good = payload[0] == 0x88 or self.kind == "forms"
            self.open[stream] = "whole" if is_good else "refused"
        elif kind == RESET and stream in self.open:
            code = struct.unpack(">I", payload)[0]
            self.answered[stream] = f"reset with code {code}"
            del self.open[stream]
        if kind in (DATA, HEADERS) and flags & END_STREAM and stream in self.open:
            self.answered[stream] = self.open.pop(stream)
        return b""

    def goes_on(self):
        """Whether it may open another stream."""
        is_last = self.last is not None and self.last < HIGHEST
        return not is_last and (not self.has_goaway or self.kind == "careless")


def drive(client, most, is_over):
    """Keeps so many streams open until the server has closed. Gives how that ended."""
    try:
        while True:
            sent, rests = b"", b""
            if client.goes_on() and not is_over.is_set():
                while len(client.open) < most:
                    sent += client.request()
                    rests += client.rest(client.next_stream - 2)
            elif is_over.is_set() and not client.open:
                return "goes on"
            client.connection.sendall(sent)
            if rests:
                time.sleep(random.uniform(0, 0.01))
                client.connection.sendall(rests)
            answer, is_closed = client.read()
            if is_closed:
                return "closed"
            client.connection.sendall(answer)
            if client.kind == "single" and not client.open:
                return "goes on"
    except socket.timeout:
        return "hung"
    except ssl.SSLError as error:
        return f"not sealed: {error.reason}"
    except ConnectionError:
        return "reset"


def settle(client, end, other, outcomes):
    """Counts what became of the streams, and asks the other server for what was not promised."""
    for outcome in client.answered.values():
        outcomes[client.kind, outcome] += 1
    outcomes[client.kind, f"connection: {end}"] += 1
    again = 0
    for stream in client.open:
        if client.last is not None and stream > client.last:
            outcomes[client.kind, "not promised"] += 1
            again += 1
        elif client.has_goaway:
            outcomes[client.kind, "PROMISED AND CUT OFF"] += 1
        else:
            outcomes[client.kind, f"cut off without GOAWAY ({end})"] += 1
    if again:
        retry = Client(other, client.scheme, client.kind)
        frames = b"".join(retry.request() + retry.rest(retry.next_stream - 2) for _ in range(again))
        retry.connection.sendall(frames)
        while retry.open:
            answer, is_closed = retry.read()
            if is_closed:
                break
            retry.connection.sendall(answer)
        outcomes[client.kind, "asked for again, whole"] += len(retry.answered)
        outcomes[client.kind, "ASKED FOR AGAIN, LOST"] += len(retry.open)
        retry.connection.close()


def be_client(kind, port, other, scheme, outcomes, is_over):
    most = {"streams": 16, "careless": 16, "forms": 8}.get(kind, 1)
    while not is_over.is_set():
        try:
            client = Client(port, scheme, kind)
        except ConnectionRefusedError:
            return
        except (ConnectionError, ssl.SSLError):
            # It was not accepted: nothing was promised.
            outcomes[kind, "connection: not accepted"] += 1
            continue
        except socket.timeout:
            outcomes[kind, "connection: hung"] += 1
            return
        with client.connection:
            end = drive(client, most, is_over)
            settle(client, end, other, outcomes)


def stop_once(command, other, scheme, folder, outcomes):
    """Gives the exit code, and after how many milliseconds the port was free and the
    process gone."""
    server, port = start(command, "requests=1000000", folder)
    threading.Thread(target=server.stdout.read, daemon=True).start()
    is_over = threading.Event()
    clients = [
        threading.Thread(target=be_client, args=(kind, port, other, scheme, outcomes, is_over))
        for kind in CLIENTS
    ]
    for client in clients:
        client.start()
    time.sleep(random.uniform(0.5, 1.0))
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    while True:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                # It does not listen: a client would take it for the server.
                listener.bind(("127.0.0.1", port))
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
    command = [program] if scheme == "https" else [program, "--plain"]
    outcomes = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/pages")
        with open(f"{folder}/pages/big.bin", "wb") as file:
            file.truncate(20 << 20)
        other_server, other = start(command, "requests=1000000", folder)
        threading.Thread(target=other_server.stdout.read, daemon=True).start()
        stops = [stop_once(command, other, scheme, folder, outcomes) for _ in range(rounds)]
        other_server.kill()
        other_server.wait()
    codes, free, gone = zip(*stops)
    print("exit codes:", dict(collections.Counter(codes)))
    print(f"port free after {statistics.median(free):.1f} ms, at most {max(free):.1f} ms")
    print(f"process gone after {statistics.median(gone):.0f} ms, at most {max(gone):.0f} ms")
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:10} {outcome:40} {count:9}")


if __name__ == "__main__":
    main()
