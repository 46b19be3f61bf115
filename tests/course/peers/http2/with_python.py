"""Lets the client of Python's `h2` (pip install h2) use the connection of `common`.

    cargo build --profile fuzz --manifest-path tests/course/peers/http2/Cargo.toml \
        --target-dir target/peers
    python3 tests/course/peers/http2/with_python.py target/peers/fuzz/http2-peer 100000
"""

import random
import struct
import subprocess
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

program, count = sys.argv[1], int(sys.argv[2])
first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
server = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

CANCEL = h2.errors.ErrorCodes.CANCEL
NO_ERROR = h2.errors.ErrorCodes.NO_ERROR
SETTING = h2.settings.SettingCodes


class Asked:
    """A request, and what has come of its response."""

    def __init__(self, path, method, body, content):
        self.path, self.method, self.body, self.content = path, method, body, content
        self.left = body
        self.status = None
        self.received = bytearray()
        self.ended = method != "POST"
        self.whole = self.given_up = False


class Client:
    """One connection, whose client does what it may in random order."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.asked = {}
        self.frames = 0
        self.unacknowledged = 1
        self.state = b"r"
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.call(b"c", self.random.randrange(2))
        self.exchange()

    def call(self, kind, number, data=b"", most=None):
        """Tells the server something, and takes what it sends."""
        if most is None:
            most = self.random.choice([7, 500, 20_000, 1 << 20])
        server.stdin.write(kind + struct.pack(">II", number, most) + data)
        server.stdin.flush()
        head = server.stdout.read(5)
        self.state = head[:1]
        received = server.stdout.read(struct.unpack(">I", head[1:])[0])
        # A fault of the server raises here.
        for event in self.h2.receive_data(received):
            self.take(event)
        return len(received)

    def exchange(self):
        data = self.h2.data_to_send()
        # Only what was taken makes the server read again.
        while self.state == b"w":
            self.call(b"t", 0)
        while data:
            length = self.random.choice([1, 50, len(data), len(data)])
            piece, data = data[:length], data[length:]
            self.call(b"b", len(piece), piece)
            while self.state == b"w":
                self.call(b"t", 0)

    def take(self, event):
        self.frames += 1
        if isinstance(event, h2.events.ResponseReceived):
            asked = self.asked[event.stream_id]
            assert asked.status is None
            fields = dict(event.headers)
            asked.status = fields[":status"]
            assert asked.status == ("403" if asked.path.startswith("/early") else "200")
        elif isinstance(event, h2.events.DataReceived):
            self.asked[event.stream_id].received += event.data
            length = event.flow_controlled_length
            if length and self.random.random() < 0.9:
                self.h2.acknowledge_received_data(length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.asked[event.stream_id].whole = True
        elif isinstance(event, h2.events.StreamReset):
            asked = self.asked[event.stream_id]
            assert event.error_code == NO_ERROR and asked.whole, (event, asked.path)
            asked.ended = True
        elif isinstance(event, h2.events.SettingsAcknowledged):
            self.unacknowledged -= 1
        else:
            # GOAWAY too would be wrong: this client closes at once where it comes.
            assert isinstance(
                event,
                (
                    h2.events.RemoteSettingsChanged,
                    h2.events.WindowUpdated,
                    h2.events.PingAckReceived,
                    h2.events.PingReceived,
                    h2.events.InformationalResponseReceived,
                ),
            ), event

    def ask(self):
        kind = self.random.choice(["known", "unknown", "body", "early"])
        length = self.random.randrange(self.random.choice([10, 500, 20_000]))
        letter = self.random.choice("abcxyz")
        path = f"/{kind}/{length}/{letter}"
        method, body = self.random.choice(["GET", "HEAD"]), 0
        if kind in ("body", "early"):
            method, body = "POST", self.random.randrange(self.random.choice([1, 200, 15_000]))
        content = str(body) if kind == "body" else letter * length
        if method == "HEAD":
            content = ""
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
        ]
        if self.random.random() < 0.3:
            fields.append(("priority", f"u={self.random.randrange(8)}, i"))
        if body and self.random.random() < 0.5:
            fields.append(("content-length", str(body)))
        stream = self.h2.get_next_available_stream_id()
        self.asked[stream] = Asked(path, method, body, content.encode())
        self.h2.send_headers(stream, fields, end_stream=method != "POST")

    def under_way(self, still_sent=False):
        return [
            stream
            for stream, asked in self.asked.items()
            if not asked.given_up and not (asked.ended if still_sent else asked.whole)
        ]

    def send_data(self, stream):
        asked = self.asked[stream]
        if asked.ended:
            return False
        window = self.h2.local_flow_control_window(stream)
        room = min(window, self.h2.max_outbound_frame_size, asked.left)
        padding = 0
        if self.random.random() < 0.1:
            padding = min(self.random.randrange(50), max(0, window - room - 1))
        if room <= 0 and asked.left:
            return False
        length = room if self.random.random() < 0.5 else self.random.randrange(room + 1)
        length = min(length, self.h2.max_outbound_frame_size - padding - 1)
        asked.left -= length
        asked.ended = asked.left == 0
        data = b"x" * length
        if asked.ended and self.random.random() < 0.2:
            self.h2.send_data(stream, data, pad_length=padding or None)
            self.h2.send_headers(stream, [("checksum", "1")], end_stream=True)
        else:
            self.h2.send_data(stream, data, asked.ended, padding or None)
        return True

    def act(self):
        streams = self.under_way()
        sending = self.under_way(still_sent=True)
        choice = self.random.randrange(11)
        if choice < 4 and len(streams) < 50:
            self.ask()
        elif choice < 7 and sending:
            self.send_data(self.random.choice(sending))
        elif choice == 7:
            stream = self.random.choice(streams) if streams else None
            if self.random.random() < 0.5 or (stream and self.asked[stream].ended is None):
                stream = None
            self.h2.increment_flow_control_window(self.random.randrange(1, 50_000), stream)
        elif choice == 8 and self.unacknowledged == 0 and self.random.random() < 0.3:
            # One at a time: this library takes one acknowledgement for that of all settings.
            self.unacknowledged += 1
            self.h2.update_settings(
                {
                    self.random.choice([SETTING.INITIAL_WINDOW_SIZE, SETTING.HEADER_TABLE_SIZE]):
                    self.random.choice([0, 100, 4_096, 70_000])
                }
            )
        elif choice == 9 and streams and self.random.random() < 0.2:
            stream = self.random.choice(streams)
            self.asked[stream].given_up = True
            self.h2.reset_stream(stream, CANCEL)
        elif choice == 10:
            self.h2.ping(self.random.randbytes(8))
        if self.random.random() < 0.6:
            self.exchange()

    def finish(self):
        self.exchange()
        while self.unacknowledged:
            self.call(b"t", 0)
        self.h2.increment_flow_control_window(1 << 29)
        self.h2.update_settings({SETTING.INITIAL_WINDOW_SIZE: 1 << 28})
        idle = 0
        while idle < 3:
            before = self.frames
            sent = [self.send_data(stream) for stream in self.under_way(still_sent=True)]
            self.exchange()
            received = self.call(b"t", 0, most=1 << 20)
            idle = 0 if any(sent) or received or self.frames > before else idle + 1
        for stream, asked in self.asked.items():
            if asked.given_up:
                continue
            assert asked.whole, (stream, asked.path, asked.left, asked.ended)
            assert asked.received == asked.content, (stream, asked.path)
        self.call(b"b", 0, most=1 << 20)
        assert self.state == b".", self.state


requests = given_up = frames = 0
for seed in range(first, first + count):
    try:
        client = Client(seed)
        for _ in range(client.random.choice([3, 20, 20, 60])):
            client.act()
        client.finish()
    except BaseException:
        print("in the sequence", seed)
        raise
    requests += len(client.asked)
    given_up += sum(asked.given_up for asked in client.asked.values())
    frames += client.frames
print(
    f"{count} connections of Python's h2: {frames} events, {requests} requests, "
    f"{given_up} given up, every other response right and whole"
)
