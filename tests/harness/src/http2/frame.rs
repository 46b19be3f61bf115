//! Frames as bytes (RFC 9113 §4.1).

use super::PREFACE;
use super::block::FieldLine;
use super::names::{flags, kinds};

/// What one side sends, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The bytes that a client begins with.
    Preface,
    Frame(Frame),
    /// What is no frame.
    Bytes(Vec<u8>),
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    /// Whether the bit before the number of the stream is set.
    pub is_reserved_bit_set: bool,
    /// The length that its head announces, where the payload has another.
    pub length: Option<u32>,
    /// How much padding it has; only where the flag for it is set.
    pub padding: Option<u8>,
    pub payload: Payload,
}

/// What is in a frame, padding left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    Data(Vec<u8>),
    Headers {
        priority: Option<Priority>,
        block: Vec<FieldLine>,
    },
    Continuation(Vec<FieldLine>),
    Priority(Priority),
    RstStream(u32),
    Settings(Vec<(u16, u32)>),
    PushPromise {
        promised: u32,
        block: Vec<FieldLine>,
    },
    Ping([u8; 8]),
    GoAway {
        last: u32,
        error: u32,
        debug: Vec<u8>,
    },
    WindowUpdate(u32),
    /// All of it, as bytes: what no other can show.
    Bytes(Vec<u8>),
}

/// The fields of a priority, which RFC 9113 §5.3.2 deprecates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// The stream that it depends on.
    pub on: u32,
    /// From 1 to 256.
    pub weight: u16,
    pub exclusive: bool,
}

const RESERVED: u32 = 1 << 31;

impl Frame {
    /// A frame with nothing odd about it.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: Payload) -> Self {
        Self {
            kind,
            flags,
            stream,
            is_reserved_bit_set: false,
            length: None,
            padding: None,
            payload,
        }
    }

    /// Whether it has this flag.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }

    /// Whether it ends what its side sends on its stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, kinds::DATA | kinds::HEADERS) && self.has(flags::END_STREAM)
    }

    /// How much of a flow-control window it takes: all of the payload of DATA (RFC 9113
    /// section 6.9.1), and nothing of any other frame.
    pub fn data_length(&self) -> usize {
        match &self.payload {
            Payload::Data(data) | Payload::Bytes(data) if self.kind == kinds::DATA => {
                let padding = self.padding.map_or(0, |padding| 1 + usize::from(padding));
                data.len() + padding
            }
            _ => 0,
        }
    }

    /// The frame as it goes over the wire.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let payload = self.payload_bytes();
        let length = self.length.unwrap_or(payload.len() as u32);
        bytes.extend(&length.to_be_bytes()[1..]);
        bytes.extend([self.kind, self.flags]);
        let reserved = if self.is_reserved_bit_set {
            RESERVED
        } else {
            0
        };
        bytes.extend((self.stream | reserved).to_be_bytes());
        bytes.extend(payload);
    }

    fn payload_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.padding);
        match &self.payload {
            Payload::Data(data) | Payload::Bytes(data) => bytes.extend(data),
            Payload::Headers { priority, block } => {
                if let Some(priority) = priority {
                    priority.write(&mut bytes);
                }
                block.iter().for_each(|line| line.write(&mut bytes));
            }
            Payload::Continuation(block) => block.iter().for_each(|line| line.write(&mut bytes)),
            Payload::Priority(priority) => priority.write(&mut bytes),
            Payload::RstStream(number) | Payload::WindowUpdate(number) => {
                bytes.extend(number.to_be_bytes());
            }
            Payload::Settings(settings) => {
                for (identifier, value) in settings {
                    bytes.extend(identifier.to_be_bytes());
                    bytes.extend(value.to_be_bytes());
                }
            }
            Payload::PushPromise { promised, block } => {
                bytes.extend(promised.to_be_bytes());
                block.iter().for_each(|line| line.write(&mut bytes));
            }
            Payload::Ping(opaque) => bytes.extend(opaque),
            Payload::GoAway { last, error, debug } => {
                bytes.extend(last.to_be_bytes());
                bytes.extend(error.to_be_bytes());
                bytes.extend(debug);
            }
        }
        bytes.resize(bytes.len() + usize::from(self.padding.unwrap_or(0)), 0);
        bytes
    }

    /// The parts of a frame that was received, where its flags and its length leave no
    /// doubt about them; else all of its payload. A block of field lines comes as bytes.
    pub fn read(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let mut frame = Self {
            is_reserved_bit_set: stream & RESERVED != 0,
            ..Self::new(
                kind,
                flags,
                stream & !RESERVED,
                Payload::Bytes(payload.to_vec()),
            )
        };
        let is_padded = flags & flags::PADDED != 0
            && matches!(kind, kinds::DATA | kinds::HEADERS | kinds::PUSH_PROMISE);
        let (padding, content) = match payload.split_first() {
            Some((&padding, rest)) if is_padded => {
                let Some(length) = rest.len().checked_sub(usize::from(padding)) else {
                    return frame;
                };
                (Some(padding), &rest[..length])
            }
            None if is_padded => return frame,
            _ => (None, payload),
        };
        if let Some(read) = Payload::read(kind, flags, content) {
            frame.payload = read;
            frame.padding = padding;
        }
        frame
    }
}

impl Payload {
    fn read(kind: u8, flags: u8, content: &[u8]) -> Option<Self> {
        let fragment = |bytes: &[u8]| match bytes {
            [] => Vec::new(),
            _ => vec![FieldLine::Bytes(bytes.to_vec())],
        };
        let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
        Some(match kind {
            kinds::DATA => Self::Data(content.to_vec()),
            kinds::HEADERS if flags & flags::PRIORITY != 0 => {
                let (priority, block) = content.split_at_checked(5)?;
                Self::Headers {
                    priority: Some(Priority::read(priority)?),
                    block: fragment(block),
                }
            }
            kinds::HEADERS => Self::Headers {
                priority: None,
                block: fragment(content),
            },
            kinds::CONTINUATION => Self::Continuation(fragment(content)),
            kinds::PRIORITY => Self::Priority(Priority::read(content)?),
            kinds::RST_STREAM => Self::RstStream(number(content)?),
            kinds::SETTINGS if content.len().is_multiple_of(6) => {
                let settings = content.chunks(6).map(|setting| {
                    let identifier = u16::from_be_bytes([setting[0], setting[1]]);
                    Some((identifier, number(&setting[2..])?))
                });
                Self::Settings(settings.collect::<Option<_>>()?)
            }
            kinds::PUSH_PROMISE => {
                let (promised, block) = content.split_at_checked(4)?;
                Self::PushPromise {
                    promised: number(promised)? & !RESERVED,
                    block: fragment(block),
                }
            }
            kinds::PING => Self::Ping(content.try_into().ok()?),
            kinds::GOAWAY => {
                let (last, rest) = content.split_at_checked(4)?;
                let (error, debug) = rest.split_at_checked(4)?;
                Self::GoAway {
                    last: number(last)? & !RESERVED,
                    error: number(error)?,
                    debug: debug.to_vec(),
                }
            }
            kinds::WINDOW_UPDATE => Self::WindowUpdate(number(content)? & !RESERVED),
            _ => return None,
        })
    }
}

impl Priority {
    fn write(self, bytes: &mut Vec<u8>) {
        let exclusive = if self.exclusive { RESERVED } else { 0 };
        bytes.extend((self.on | exclusive).to_be_bytes());
        bytes.push(self.weight.wrapping_sub(1) as u8);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (on, weight) = bytes.split_at_checked(4)?;
        let on = u32::from_be_bytes(on.try_into().ok()?);
        match weight {
            [weight] => Some(Self {
                on: on & !RESERVED,
                weight: u16::from(*weight) + 1,
                exclusive: on & RESERVED != 0,
            }),
            _ => None,
        }
    }
}

/// All that goes over the wire for these.
pub fn bytes_of(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Preface => bytes.extend(PREFACE),
            Piece::Frame(frame) => frame.write(&mut bytes),
            Piece::Bytes(other) => bytes.extend(other),
        }
    }
    bytes
}

/// The same with other values in the place of those of its field lines.
pub fn with_values(
    pieces: &[Piece],
    mut value_of: impl FnMut(&[u8], &[u8]) -> Vec<u8>,
) -> Vec<Piece> {
    let mut pieces = pieces.to_vec();
    for piece in &mut pieces {
        let Piece::Frame(frame) = piece else {
            continue;
        };
        let (Payload::Headers { block, .. }
        | Payload::PushPromise { block, .. }
        | Payload::Continuation(block)) = &mut frame.payload
        else {
            continue;
        };
        for line in block {
            if let FieldLine::Field { name, value, .. } = line {
                *value = value_of(name, value);
            }
        }
    }
    pieces
}
