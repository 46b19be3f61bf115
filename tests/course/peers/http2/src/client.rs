//! What the connection can know of its client: a reader of the bytes that were delivered to
//! it. It knows no more of HTTP/2 than the windows and the numbers that go with them.

use std::collections::{HashMap, VecDeque};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const FIRST_WINDOW: i64 = 65_535;
pub const MAX_FRAME: usize = 16_384;

/// The head of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// The first frame in these bytes, if it is whole: its head and its payload.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let head = Self {
            length,
            kind: head[3],
            flags: head[4],
            stream: number(&head[5..]) & 0x7fff_ffff,
        };
        rest.get(..length).map(|payload| (head, payload))
    }
}

pub fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// What was delivered.
#[derive(Default)]
pub struct Client {
    /// Up to where frames have been read.
    read: usize,
    /// By how much the client has raised the window of the connection, and of each stream.
    pub raised: i64,
    pub raised_streams: HashMap<u32, i64>,
    /// The initial windows of the SETTINGS that the connection has not acknowledged.
    pub settings: VecDeque<Option<i64>>,
    pub pings: VecDeque<[u8; 8]>,
    /// The highest odd stream of HEADERS.
    pub highest: u32,
    pub frames: usize,
}

impl Client {
    /// Takes note of the frames that have come whole in what was delivered so far.
    pub fn note(&mut self, delivered: &[u8]) {
        if self.read == 0 {
            if !delivered.starts_with(PREFACE) {
                return;
            }
            self.read = PREFACE.len();
        }
        while let Some((head, payload)) = Head::read(&delivered[self.read..]) {
            if head.length > MAX_FRAME {
                return;
            }
            self.read += 9 + head.length;
            self.frames += 1;
            match head.kind {
                1 if head.stream % 2 == 1 => self.highest = self.highest.max(head.stream),
                4 if head.flags & 1 == 0 => {
                    let settings = payload.chunks_exact(6);
                    let windows = settings.filter(|one| one[..2] == [0, 4]);
                    let window = windows.map(|one| i64::from(number(&one[2..])));
                    self.settings.push_back(window.last());
                }
                6 if head.flags & 1 == 0 => {
                    self.pings.extend(<[u8; 8]>::try_from(payload));
                }
                8 => {
                    let by = i64::from(number(payload) & 0x7fff_ffff);
                    match head.stream {
                        0 => self.raised += by,
                        id => *self.raised_streams.entry(id).or_default() += by,
                    }
                }
                _ => {}
            }
        }
    }
}
