//! Many streams at once against a small model of a client: it sends frames of all of them in
//! random order, keeps to its windows, and knows what each response has to be.

use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;
use std::time::Instant;

use common::header::{FrameHeader, HEADER_LENGTH};
use common::{
    Body, ErrorCode, Frame, HpackDecoder, HpackEncoder, MultiplexedConnection, Request, Response,
    Setting, Timeouts,
};

/// A sequence of numbers that is the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Mostly short, sometimes long.
    fn length(&mut self) -> usize {
        let most = [1, 100, 20_000, 200_000][self.below(4)];
        self.below(most)
    }
}

/// What the client knows of one stream.
struct Asked {
    /// What the response has to be, unless the body of the request has to come first.
    content: Vec<u8>,
    received: Vec<u8>,
    has_fields: bool,
    is_whole: bool,
    is_reset: bool,
    /// How much of the body is still to be sent; `None` once its end was sent.
    left: Option<usize>,
    /// How much the client may send, and how much it takes.
    send_window: i64,
    receive_window: i64,
}

struct Client {
    random: Random,
    now: Instant,
    connection: MultiplexedConnection,
    encoder: HpackEncoder,
    decoder: HpackDecoder,
    streams: BTreeMap<u32, Asked>,
    next: u32,
    to_server: VecDeque<u8>,
    from_server: Vec<u8>,
    send_window: i64,
    receive_window: i64,
    /// With how much each stream begins, of what the server has said and acknowledged.
    send_initial: i64,
    receive_initial: i64,
    /// The settings that the server has not acknowledged.
    announced: VecDeque<i64>,
    frames: usize,
}

const FIRST_WINDOW: i64 = 65_535;

/// Answers `/KIND/LENGTH/LETTER` with so many letters, and a body with its length.
fn respond(request: &Request) -> Response {
    let parts: Vec<&str> = request.path().split('/').skip(1).collect();
    let [kind, length, letter] = parts[..] else {
        panic!("{}", request.path())
    };
    let content = letter
        .repeat(length.parse().expect("a number"))
        .into_bytes();
    match kind {
        "known" => Response::html("200 OK", content),
        "unknown" => {
            let content = Body::of_unknown_length(Cursor::new(content));
            Response::new("200 OK", "text/plain", content)
        }
        "body" => Response::html("200 OK", format!("{}", request.body.len())),
        "early" => Response::html("403 Forbidden", content),
        other => panic!("{other}"),
    }
}

impl Client {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let mut client = Self {
            random: Random(seed),
            now,
            connection: MultiplexedConnection::new(Timeouts::default(), now)
                .with_early_answers(|request| !request.path().starts_with("/early")),
            encoder: HpackEncoder::default(),
            decoder: HpackDecoder::new(4096, 1 << 20),
            streams: BTreeMap::new(),
            next: 1,
            to_server: VecDeque::from(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
            from_server: Vec::new(),
            send_window: FIRST_WINDOW,
            receive_window: FIRST_WINDOW,
            send_initial: FIRST_WINDOW,
            receive_initial: FIRST_WINDOW,
            announced: VecDeque::new(),
            frames: 0,
        };
        client.announce(FIRST_WINDOW);
        client
    }

    fn send(&mut self, frame: Frame) {
        self.to_server.extend(frame.to_bytes());
    }

    fn announce(&mut self, initial: i64) {
        let value = initial as u32;
        let id = Setting::INITIAL_WINDOW_SIZE;
        self.send(Frame::Settings(vec![Setting { id, value }]));
        self.announced.push_back(initial);
    }

    fn open(&mut self) {
        let under_way = self.streams.values().filter(|one| !one.is_over()).count();
        if under_way >= 90 {
            return;
        }
        let id = self.next;
        self.next += 2 * (1 + self.random.below(3) as u32);
        let kind = ["known", "unknown", "body", "early"][self.random.below(4)];
        let length = self.random.length();
        let letter = char::from(b'a' + self.random.below(26) as u8);
        let has_body = kind == "body" || kind == "early";
        let content = match kind {
            "body" => length.to_string(),
            _ => letter.to_string().repeat(length),
        };
        let path = format!("/{kind}/{length}/{letter}");
        let announced = length.to_string();
        let mut lines = vec![
            (":method", if has_body { "POST" } else { "GET" }),
            (":scheme", "http"),
            (":path", &path),
            (":authority", "a"),
        ];
        let priority = format!("u={}", self.random.below(8));
        if self.random.below(4) == 0 {
            lines.push(("priority", &priority));
        }
        if has_body && self.random.below(2) == 0 {
            lines.push(("content-length", &announced));
        }
        let mut block = Vec::new();
        let lines = lines.iter();
        let lines = lines.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.encoder.encode(lines, &mut block);
        self.send(Frame::Headers {
            stream: id,
            end_stream: !has_body,
            end_headers: true,
            priority: None,
            fragment: block,
        });
        let asked = Asked {
            content: content.into_bytes(),
            received: Vec::new(),
            has_fields: false,
            is_whole: false,
            is_reset: false,
            left: has_body.then_some(length),
            send_window: self.send_initial,
            receive_window: self.receive_initial,
        };
        self.streams.insert(id, asked);
    }

    /// Sends a part of a body, as much as windows allow at most.
    fn send_data(&mut self, id: u32) -> bool {
        let padding = match self.random.below(5) {
            0 => self.random.below(50),
            _ => 0,
        };
        let most = 1 + self.random.below(16_000);
        let asked = self.streams.get_mut(&id).expect("a stream");
        let Some(left) = asked.left.filter(|_| !asked.is_reset) else {
            return false;
        };
        let room = self.send_window.min(asked.send_window).max(0) as usize;
        let padding = if padding < room { padding } else { 0 };
        let length = left.min(most).min(room - padding);
        let end_stream = length == left;
        if length == 0 && left > 0 {
            return false;
        }
        self.send_window -= (length + padding) as i64;
        asked.send_window -= (length + padding) as i64;
        asked.left = (!end_stream).then_some(left - length);
        self.send(Frame::Data {
            stream: id,
            end_stream,
            data: vec![b'x'; length],
            padding,
        });
        true
    }

    fn any_stream(&mut self) -> Option<u32> {
        let open: Vec<u32> = (self.streams.iter())
            .filter(|(_, asked)| !asked.is_over())
            .map(|(id, _)| *id)
            .collect();
        (!open.is_empty()).then(|| open[self.random.below(open.len())])
    }

    fn raise(&mut self, id: u32, by: u32) {
        match self.streams.get_mut(&id) {
            Some(asked) => asked.receive_window += i64::from(by),
            None => self.receive_window += i64::from(by),
        }
        let increment = by;
        self.send(Frame::WindowUpdate {
            stream: id,
            increment,
        });
    }

    /// Does one of the things that a client may do.
    fn act(&mut self) {
        match (self.random.below(12), self.any_stream()) {
            (0 | 1, _) => self.open(),
            (2..=4, Some(id)) => {
                self.send_data(id);
            }
            (5, Some(id)) => {
                let by = 1 + self.random.length() as u32;
                self.raise(id, by);
            }
            (6, _) => {
                let by = 1 + self.random.length() as u32;
                self.raise(0, by);
            }
            (7, _) if self.random.below(5) == 0 => {
                let initial = self.random.length() as i64;
                self.announce(initial);
            }
            (8, Some(id)) if self.random.below(8) == 0 => {
                self.streams.get_mut(&id).expect("a stream").is_reset = true;
                let code = ErrorCode::CANCEL;
                self.send(Frame::RstStream { stream: id, code });
            }
            _ => self.exchange(),
        }
    }

    /// Lets some of the bytes come over, in both directions.
    fn exchange(&mut self) {
        let wait = self.connection.waits_for();
        if wait.wants_to_read() && !self.to_server.is_empty() {
            let length = 1 + self.random.below(20_000);
            let length = length.min(self.to_server.len());
            let bytes: Vec<u8> = self.to_server.drain(..length).collect();
            self.connection.receive(&bytes, self.now);
        }
        while let Some((stream, request)) = self.connection.next_request() {
            self.connection.answer(stream, &request, respond(&request));
        }
        let ready = self.connection.to_send();
        // Besides DATA, heads and the frames of the connection lie ready.
        assert!(ready.len() <= 64 * 1024 + 16 * 1024, "{}", ready.len());
        let length = (1 + self.random.below(40_000)).min(ready.len());
        self.from_server.extend_from_slice(&ready[..length]);
        if length > 0 {
            self.connection.sent(length, self.now);
        }
        self.take_frames();
    }

    fn take_frames(&mut self) {
        while let Some(header) = self.from_server.first_chunk::<HEADER_LENGTH>() {
            let header = FrameHeader::parse(header).expect("a frame header");
            let end = HEADER_LENGTH + header.length;
            let Some(payload) = self.from_server.get(HEADER_LENGTH..end) else {
                return;
            };
            let frame = Frame::parse(header, payload).expect("a frame");
            self.from_server.drain(..end);
            self.frames += 1;
            self.take(frame);
        }
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Settings(settings) => {
                let is_initial = |one: &&Setting| one.id == Setting::INITIAL_WINDOW_SIZE;
                if let Some(Setting { value, .. }) = settings.iter().find(is_initial) {
                    let difference = i64::from(*value) - self.send_initial;
                    self.send_initial += difference;
                    for asked in self.streams.values_mut() {
                        asked.send_window += difference;
                    }
                }
                self.send(Frame::SettingsAck);
            }
            Frame::SettingsAck => {
                let initial = self.announced.pop_front().expect("it was announced");
                let difference = initial - self.receive_initial;
                self.receive_initial = initial;
                for asked in self.streams.values_mut() {
                    asked.receive_window += difference;
                }
            }
            Frame::WindowUpdate {
                stream: 0,
                increment,
            } => {
                self.send_window += i64::from(increment);
            }
            Frame::WindowUpdate { stream, increment } => {
                self.streams.get_mut(&stream).expect("a stream").send_window +=
                    i64::from(increment);
            }
            Frame::Headers {
                stream,
                end_stream,
                fragment,
                ..
            } => {
                let section = self.decoder.decode(&fragment).expect("a field block");
                assert!(section.lines().any(|(name, _)| name == b":status"));
                let asked = self.streams.get_mut(&stream).expect("a stream");
                assert!(!asked.has_fields && !asked.is_whole);
                (asked.has_fields, asked.is_whole) = (true, end_stream);
            }
            Frame::Data {
                stream,
                end_stream,
                data,
                ..
            } => {
                let asked = self.streams.get_mut(&stream).expect("a stream");
                assert!(asked.has_fields && !asked.is_whole, "stream {stream}");
                self.receive_window -= data.len() as i64;
                asked.receive_window -= data.len() as i64;
                assert!(self.receive_window >= 0);
                assert!(
                    data.is_empty() || asked.receive_window >= 0,
                    "stream {stream}"
                );
                asked.received.extend(data);
                asked.is_whole = end_stream;
            }
            other => panic!("{other:?}"),
        }
    }

    /// Opens all windows, and goes on until every response is there.
    fn finish(&mut self) {
        self.raise(0, 1 << 29);
        self.announce(1 << 28);
        let mut before = (0, 0);
        let mut idle = 0;
        while idle < 100 {
            for id in self.streams.keys().copied().collect::<Vec<_>>() {
                while self.send_data(id) {}
            }
            self.exchange();
            let state = (self.frames, self.to_server.len());
            idle = if state == before { idle + 1 } else { 0 };
            before = state;
        }
        for (id, asked) in &self.streams {
            assert!(asked.is_whole || asked.is_reset, "stream {id} hangs");
            if asked.is_whole {
                assert!(asked.received == asked.content, "stream {id}");
            } else {
                assert!(asked.content.starts_with(&asked.received), "stream {id}");
            }
        }
    }
}

impl Asked {
    fn is_over(&self) -> bool {
        self.is_reset || (self.is_whole && self.left.is_none())
    }
}

#[test]
fn every_response_is_whole_and_no_window_is_exceeded() {
    let mut streams = 0;
    for seed in 0..12 {
        println!("seed {seed}");
        let mut client = Client::new(seed);
        // The client does not know the server's settings yet.
        for _ in 0..seed {
            client.open();
            if let Some(id) = client.any_stream() {
                client.send_data(id);
            }
        }
        for _ in 0..1_000 {
            client.act();
        }
        client.finish();
        streams += client.streams.len();
    }
    assert!(streams > 500, "{streams}");
}
