//! What a client sends over one connection: frames that look random and are the same for the
//! same seed.

use common::HpackEncoder;

use crate::client::PREFACE;
use crate::faults;
use crate::random::Random;

/// What has to become of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every request is answered.
    Answers,
    /// The connection ends with one of these codes.
    Connection(&'static [u32]),
    /// This stream ends with one of these codes, and the others are answered.
    Stream(u32, &'static [u32]),
    /// The connection or this stream ends with one of these codes: that depends on how far
    /// the response has come.
    Either(u32, &'static [u32]),
    /// This stream is answered with this status, and the others too.
    Status(u32, u16),
    /// Nobody knows: what the client sends was changed at random.
    Anything,
}

/// A request of the client.
pub struct Asked {
    pub stream: u32,
    pub path: String,
    pub is_head: bool,
    /// How much of its body was sent, and how much is still to be sent where that is known.
    pub sent: usize,
    left: Option<usize>,
    pub is_whole: bool,
    /// Whether the client has reset it, or is at fault there.
    pub is_given_up: bool,
}

pub struct Script {
    pub bytes: Vec<u8>,
    pub asked: Vec<Asked>,
    pub expected: Expected,
    pub next: u32,
    /// How much DATA was sent over the connection.
    data: usize,
    encoder: HpackEncoder,
    pub is_acknowledged: bool,
}

/// What each body is below, with its padding: a stream's first window is larger.
const LONGEST_BODY: usize = 4_000;

impl Script {
    pub fn random(random: &mut Random) -> Self {
        let mut script = Self {
            bytes: PREFACE.to_vec(),
            asked: Vec::new(),
            expected: Expected::Answers,
            next: 1,
            data: 0,
            encoder: HpackEncoder::default(),
            is_acknowledged: false,
        };
        let kind = random.below(10);
        if kind == 0 && random.below(10) == 0 {
            script.expected = faults::opening(random, &mut script);
            return script;
        }
        script.settings(random);
        let steps = 1 + random.below_one_of(&[4, 8, 8, 30]);
        let fault = random.below(steps);
        for step in 0..steps {
            if kind < 4 && step == fault {
                script.expected = faults::add(random, &mut script);
            }
            script.step(random);
        }
        if kind < 4 {
            // It shows that the connection goes on.
            script.request(random, true);
        } else if kind < 8 {
            script.expected = Expected::Anything;
            if kind == 4 {
                random.spoil(&mut script.bytes);
            }
            script.odd_frames(random);
        }
        script
    }

    /// Adds a frame.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = payload.len() as u32;
        self.bytes.extend_from_slice(&length.to_be_bytes()[1..]);
        self.bytes.extend([kind, flags]);
        self.bytes.extend(stream.to_be_bytes());
        self.bytes.extend_from_slice(payload);
    }

    /// The number of the next stream, with some left out.
    pub fn number(&mut self, random: &mut Random) -> u32 {
        let number = self.next;
        self.next += 2 * (1 + random.below(8) as u32 / 6);
        number
    }

    pub fn block(&mut self, lines: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        let lines = lines.iter().copied();
        let lines = lines.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.encoder.encode(lines, &mut block);
        block
    }

    /// Adds a field block: in one frame or several, with padding and an old priority or
    /// without.
    fn field_block(&mut self, random: &mut Random, stream: u32, end_stream: bool, block: &[u8]) {
        let end_stream = u8::from(end_stream);
        let (mut flags, mut front, mut padding) = (0, Vec::new(), 0);
        if random.below(10) == 0 {
            padding = random.below(20);
            flags |= 0x08;
            front.push(padding as u8);
        }
        if random.below(10) == 0 {
            flags |= 0x20;
            front.extend([0, 0, 0, random.below(9) as u8, 16]);
        }
        let payload = |front: &[u8], part: &[u8]| [front, part, &vec![0; padding]].concat();
        if random.below(6) != 0 {
            return self.frame(1, flags | end_stream | 4, stream, &payload(&front, block));
        }
        let (first, rest) = block.split_at(random.below(block.len() + 1));
        let (second, third) = rest.split_at(random.below(rest.len() + 1));
        self.frame(1, flags | end_stream, stream, &payload(&front, first));
        self.frame(9, 0, stream, second);
        self.frame(9, 4, stream, third);
    }

    /// Adds a request, with its body to come or without one.
    pub fn request(&mut self, random: &mut Random, is_whole: bool) -> u32 {
        let stream = self.number(random);
        let kinds = ["known", "unknown", "body", "early"];
        let kind = match is_whole {
            true => kinds[random.below(2)],
            false => kinds[1 + random.below(3)],
        };
        let length = random.below_one_of(&[10, 10, 200, 200, 200, 2_000, 2_000, 90_000]);
        let letter = char::from(b'a' + random.below(26) as u8);
        let path = format!("/{kind}/{length}/{letter}");
        let method = match is_whole {
            true => ["GET", "GET", "HEAD", "POST"][random.below(4)],
            false => "POST",
        };
        let mut lines = vec![
            (":method", method),
            (":scheme", "http"),
            (":path", &path),
            (":authority", "a"),
        ];
        let left = (!is_whole && random.below(2) == 0).then(|| random.below(LONGEST_BODY));
        let announced = left.unwrap_or_default().to_string();
        if left.is_some() {
            lines.push(("content-length", &announced));
        }
        let others = [
            ("priority", "u=1, i"),
            ("priority", "u=7"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
            ("te", "trailers"),
            ("accept", "*/*"),
            ("expect", "100-continue"),
        ];
        for _ in 0..random.below(3) {
            lines.push(others[random.below(others.len())]);
        }
        let block = self.block(&lines);
        self.field_block(random, stream, is_whole, &block);
        self.asked.push(Asked {
            stream,
            path,
            is_head: method == "HEAD",
            sent: 0,
            left,
            is_whole,
            is_given_up: false,
        });
        stream
    }

    /// One of the streams that the client has used, or may send more on.
    fn one_of(&self, random: &mut Random, is_open: bool) -> Option<usize> {
        let is_right = |one: &Asked| !is_open || !(one.is_whole || one.is_given_up);
        let found = self
            .asked
            .iter()
            .enumerate()
            .filter(|(_, one)| is_right(one));
        let found: Vec<usize> = found.map(|(index, _)| index).collect();
        (!found.is_empty()).then(|| found[random.below(found.len())])
    }

    fn settings(&mut self, random: &mut Random) {
        let mut settings = Vec::new();
        for _ in 0..random.below(3) {
            let (id, value) = match random.below(5) {
                0 => (1, [0, 100, 4096, 70_000][random.below(4)]),
                1 => (3, random.below(200)),
                2 => (4, [0, 1, 100, 70_000, 1 << 20][random.below(5)]),
                3 => (5, 16_384 + random.below(100_000)),
                _ => (6 + random.below(9) as u8, random.below(70_000)),
            };
            settings.extend([0, id]);
            settings.extend((value as u32).to_be_bytes());
        }
        self.frame(4, 0, 0, &settings);
    }

    /// Adds what a client may send.
    fn step(&mut self, random: &mut Random) {
        match (random.below(16), self.one_of(random, true)) {
            (0..=4, _) => {
                self.request(random, true);
            }
            (5 | 6, _) => {
                self.request(random, false);
            }
            (7..=9, Some(index)) => self.data(random, index),
            (10, Some(index)) if self.asked[index].left.is_none_or(|left| left == 0) => {
                let asked = &mut self.asked[index];
                asked.is_whole = true;
                let stream = asked.stream;
                let block = self.block(&[("checksum", "1")]);
                self.field_block(random, stream, true, &block);
            }
            (11, _) if !self.is_acknowledged => {
                self.is_acknowledged = true;
                self.frame(4, 1, 0, &[]);
            }
            (12, _) => self.settings(random),
            (13, _) => {
                let by = 1 + random.below(100_000) as u32;
                let used = self.one_of(random, false);
                let stream = used.map_or(0, |index| self.asked[index].stream);
                let stream = [0, stream][random.below(2)];
                self.frame(8, 0, stream, &by.to_be_bytes());
            }
            (14, _) if random.below(3) == 0 => {
                if let Some(index) = self.one_of(random, false) {
                    let asked = &mut self.asked[index];
                    asked.is_given_up = true;
                    let stream = asked.stream;
                    self.frame(3, 0, stream, &[0, 0, 0, 8]);
                }
            }
            _ => match random.below(3) {
                0 => self.frame(6, 0, 0, &random.next().to_be_bytes()),
                1 => self.frame(2, 0, 1 + random.below(9) as u32, &[0, 0, 0, 0, 9]),
                _ => {
                    let payload = random.bytes(20);
                    self.frame(
                        10 + random.below(200) as u8,
                        0,
                        random.below(9) as u32,
                        &payload,
                    );
                }
            },
        }
    }

    /// Sends a part of a body, within the windows that each stream and the connection have.
    fn data(&mut self, random: &mut Random, index: usize) {
        let asked = &mut self.asked[index];
        let length = random.below_one_of(&[2, 200, LONGEST_BODY]);
        let padding = [0, 0, 0, random.below(60)][random.below(4)];
        let room = LONGEST_BODY - asked.sent.min(LONGEST_BODY);
        let mut length = length.min(asked.left.unwrap_or(room)).min(room);
        if self.data + length + padding > 60_000 || asked.left.is_some_and(|left| left > room) {
            return;
        }
        if asked.left.is_some() && random.below(2) == 0 {
            length = asked.left.unwrap_or_default();
        }
        asked.sent += length;
        asked.left = asked.left.map(|left| left - length);
        let may_end = asked.left.is_none_or(|left| left == 0);
        let end_stream = may_end && random.below(2) == 0;
        asked.is_whole = end_stream;
        let stream = asked.stream;
        self.data += length + padding;
        let mut payload = vec![b'x'; length];
        let mut flags = u8::from(end_stream);
        if padding > 0 {
            flags |= 8;
            payload.insert(0, padding as u8 - 1);
            payload.resize(length + padding, 0);
        }
        self.frame(0, flags, stream, &payload);
    }

    /// Adds frames that may come nowhere, or not here.
    fn odd_frames(&mut self, random: &mut Random) {
        for _ in 0..random.below(6) {
            let payload = match random.below(4) {
                0 => random.bytes(40),
                1 => random.block(),
                2 => random.next().to_be_bytes()[..4 + random.below(5)].to_vec(),
                _ => vec![0; [0, 1, 4, 5, 6, 8, 12, 255][random.below(8)]],
            };
            let flags = [0, 1, 4, 5, 8, 0x0d, 0x25, 0xff][random.below(8)];
            let stream = match random.below(4) {
                0 => 0,
                1 => self.next,
                _ => random.below(2 + self.next as usize) as u32,
            };
            self.next = self.next.max(stream + 2 - (stream + 1) % 2);
            self.frame(random.below(11) as u8, flags, stream, &payload);
            if random.below(3) == 0 {
                self.request(random, true);
            }
        }
    }
}
