"""What clients of HTTP/2 say when a server cannot read their request.

    python3 tests/course/measure/refusals.py

For each way to refuse, a server of frames alone takes the request, refuses it so, and counts
the connections. A client that asks once more in HTTP/1.1 gets 505. Clients that are not
installed are left out: curl with HTTP/2, nghttp, h2load, node, and Python's httpx[http2] and
pycurl.
"""

import importlib.util
import shutil
import socket
import struct
import subprocess
import sys
import threading

HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 1, 3, 4, 6, 7
ACK = 1
CODES = {"NO_ERROR": 0, "INTERNAL_ERROR": 2, "REFUSED_STREAM": 7, "COMPRESSION_ERROR": 9,
         "HTTP_1_1_REQUIRED": 13}
WAYS = ["RST_STREAM HTTP_1_1_REQUIRED", "RST_STREAM REFUSED_STREAM", "RST_STREAM INTERNAL_ERROR",
        "RST_STREAM COMPRESSION_ERROR", "GOAWAY HTTP_1_1_REQUIRED", "GOAWAY NO_ERROR",
        "GOAWAY COMPRESSION_ERROR", "both COMPRESSION_ERROR", "the end alone"]

NODE = """
const client = require('http2').connect(process.argv[1]);
client.on('error', () => {});
client.on('goaway', (code, last, data) => console.log('goaway', code, last, `${data || ''}`));
const request = client.request();
request.on('error', error => console.log(error.message));
request.on('close', () => client.close());
request.resume().end();
"""
HTTPX = """
import httpx, sys
with httpx.Client(http1=False, http2=True) as client:
    try: print(client.get(sys.argv[1]))
    except httpx.HTTPError as error: print(error)
"""
PYCURL = """
import io, pycurl, sys
curl, body = pycurl.Curl(), io.BytesIO()
curl.setopt(curl.URL, sys.argv[1])
curl.setopt(curl.WRITEDATA, body)
curl.setopt(curl.HTTP_VERSION, curl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
try: curl.perform(); print(body.getvalue().decode().strip())
except pycurl.error as error: print(*error.args)
"""
CLIENTS = [
    ("curl", ["curl", "-sS", "--http2-prior-knowledge"], shutil.which("curl")),
    ("libcurl", [sys.executable, "-c", PYCURL], importlib.util.find_spec("pycurl")),
    ("nghttp", ["nghttp"], shutil.which("nghttp")),
    ("h2load", ["h2load", "-n", "3"], shutil.which("h2load")),
    ("node", ["node", "-e", NODE], shutil.which("node")),
    ("httpx", [sys.executable, "-c", HTTPX], importlib.util.find_spec("httpx")),
]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def exactly(connection, length):
    received = b""
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


def converse(connection, way):
    if not exactly(connection, 24).startswith(b"PRI"):
        page = b"This server speaks HTTP/2 only\n"
        connection.sendall(b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: %d\r\n"
                           b"Connection: close\r\n\r\n%s" % (len(page), page))
        return
    connection.sendall(frame(SETTINGS, 0, 0))
    while True:
        *length, kind, flags = exactly(connection, 5)
        stream = struct.unpack(">I", exactly(connection, 4))[0] & 0x7FFFFFFF
        payload = exactly(connection, int.from_bytes(length, "big"))
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind == HEADERS and not refuse(connection, way, stream):
            return


def refuse(connection, way, stream):
    """Refuses the request; whether the connection goes on."""
    how, name = way.split(" ", 1)
    code = struct.pack(">I", CODES.get(name, 0))
    reset = frame(RST_STREAM, 0, stream, code)
    # The server has looked at no stream, but at one that it has reset.
    goaway = frame(GOAWAY, 0, 0, struct.pack(">I", stream if how == "both" else 0) + code)
    connection.sendall({"RST_STREAM": reset, "GOAWAY": goaway, "both": reset + goaway}.get(how, b""))
    return how == "RST_STREAM"


class Server:
    def __init__(self, way):
        self.way, self.connections = way, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/hello" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                converse(connection, self.way)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while connection.recv(65536):
                    pass
            except (EOFError, OSError):
                pass


def main():
    for way in WAYS:
        print(way)
        for name, command, is_there in CLIENTS:
            if not is_there:
                continue
            server = Server(way)
            ran = subprocess.run([*command, server.url], capture_output=True, text=True, timeout=60)
            lines = (ran.stdout + ran.stderr).strip().splitlines()
            said = [line for line in lines if not name == "h2load" or line.startswith("requests:")]
            print(f"  {name:8}{server.connections} {' | '.join(said)}")


main()
