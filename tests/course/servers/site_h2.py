"""Chapter 19's site on the library h2, which reads and writes the frames, with the answers
of site.py: neither is written by whoever wrote the checks.

    python3 tests/course/servers/site_h2.py 127.0.0.1:8080
"""

import importlib.util
import socket
import string
import threading
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

# Python has a module `site` of its own.
spec = importlib.util.spec_from_file_location("site_py", Path(__file__).with_name("site.py"))
site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(site)

LIMIT = 10  # seconds in which a client says something
FIRST = 24 + 9  # bytes of the preface and of the head of the first frame
SETTINGS = b"\x04"


class Request(site.Site):
    """A request that site.py answers as one of HTTP/1.1, without a network."""

    def __init__(self, fields, body):
        pseudo = {name: value for name, value in fields if name.startswith(":")}
        lines = [f"{name}: {value}" for name, value in fields
                 if not name.startswith(":") and name not in ("host", "content-length")]
        path = quote(pseudo[":path"].encode("latin-1"), safe=string.printable)
        head = [f"{pseudo[':method']} {path} HTTP/1.1",
                f"Host: {pseudo.get(':authority', dict(fields).get('host', ''))}",
                f"Content-Length: {len(body)}", *lines, "", ""]
        self.rfile, self.wfile = BytesIO("\r\n".join(head).encode("latin-1") + body), BytesIO()
        self.client_address, self.server, self.close_connection = ("", 0), None, True
        self.handle_one_request()

    def log_message(self, *_):
        pass

    def frames(self):
        head, _, body = self.wfile.getvalue().partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        fields = [(name.lower(), value) for name, value in pairs if name != "Connection"]
        return [(":status", status.split(" ")[1]), *fields], body


class Connection:
    def __init__(self, client):
        self.client = client
        client.settimeout(LIMIT)
        config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        self.requests, self.unsent = {}, {}

    def serve(self):
        self.h2.initiate_connection()
        first = b""
        while self.send() and (came := self.client.recv(65536)):
            # The library does not look whether the first frame is SETTINGS.
            first += came[:FIRST - len(first)]
            if len(first) == FIRST and first[-6:-5] != SETTINGS:
                self.h2.close_connection(h2.errors.ErrorCodes.PROTOCOL_ERROR)
                self.send()
                return self.linger()
            try:
                events = self.h2.receive_data(came)
            except h2.exceptions.ProtocolError:
                self.send()
                return self.linger()
            for event in events:
                self.take(event)
            for stream in list(self.unsent):
                self.send_body(stream)

    def take(self, event):
        match event:
            case h2.events.RequestReceived():
                self.requests[event.stream_id] = (event.headers, bytearray())
            case h2.events.DataReceived():
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self.requests:
                    self.requests[event.stream_id][1].extend(event.data)
            case h2.events.StreamReset():
                self.requests.pop(event.stream_id, None)
                self.unsent.pop(event.stream_id, None)
            case h2.events.StreamEnded() if event.stream_id in self.requests:
                fields, body = self.requests.pop(event.stream_id)
                answer, content = Request(fields, bytes(body)).frames()
                self.h2.send_headers(event.stream_id, answer, end_stream=not content)
                if content:
                    self.unsent[event.stream_id] = content

    def send_body(self, stream):
        while content := self.unsent.get(stream):
            room = min(self.h2.local_flow_control_window(stream),
                       self.h2.max_outbound_frame_size)
            if not room:
                return
            self.h2.send_data(stream, content[:room], end_stream=len(content) <= room)
            self.unsent[stream] = content[room:]
        self.unsent.pop(stream, None)

    def send(self):
        self.client.sendall(self.h2.data_to_send())
        return self.h2.state_machine.state != h2.connection.ConnectionState.CLOSED

    def linger(self):
        """What is left unread would make the end a reset."""
        self.client.shutdown(socket.SHUT_WR)
        self.client.settimeout(1)
        while self.client.recv(65536):
            pass


def serve(client):
    with client:
        try:
            Connection(client).serve()
        except OSError:
            pass


host, port = site.address.rsplit(":", 1)
with socket.create_server((host, int(port)), reuse_port=False) as listener:
    print(f"Listening on port {listener.getsockname()[1]}...", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
