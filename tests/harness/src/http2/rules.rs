//! What a server may never send, whatever it was asked (RFC 9113).

use std::collections::{BTreeMap, BTreeSet};

use super::block::FieldLine;
use super::frame::{Frame, Payload, Piece};
use super::message::field;
use super::names::{flags, kind_name, kinds};
use super::notation::show;
use super::reader::Received;
use super::setting;
use crate::response::{Malformed, shown};

/// How long a frame may be where nothing else was said (RFC 9113 §4.2).
const MAX_FRAME_SIZE: usize = 16_384;

/// How much may be sent where nothing else was said (RFC 9113 §6.9.2).
const WINDOW: i64 = 65_535;

/// Looks through what a server has sent to a client that has sent this, and gives the first
/// thing that no server may send.
pub fn broken_rule(sent: &[Piece], received: &[Received]) -> Option<Malformed> {
    let mut rules = Rules::new(sent);
    received.iter().enumerate().find_map(|(number, one)| {
        let broken = match &one.piece {
            _ if number == 0 => first(&one.piece).or_else(|| rules.look_at(one)),
            _ => rules.look_at(one),
        };
        broken.map(|(problem, advice)| Malformed {
            problem,
            advice,
            at: one.at,
        })
    })
}

type Words = (String, &'static str);

/// The frame that a server begins with.
fn first(piece: &Piece) -> Option<Words> {
    match piece {
        Piece::Frame(frame) if frame.kind == kinds::SETTINGS && !frame.has(flags::ACK) => None,
        Piece::Frame(frame) => Some((
            format!("the first frame is {}", named(frame)),
            "Begin with a SETTINGS frame of your own, which may be empty; the ACK of the client's \
             comes behind it (RFC 9113 section 3.4).",
        )),
        Piece::Bytes(bytes) if bytes.starts_with(b"HTTP/1.") => Some((
            format!("the answer is HTTP/1.1: {}", beginning(bytes)),
            "Look for the 24 bytes of the preface, and answer it with frames: the first is SETTINGS \
             (RFC 9113 section 3.4).",
        )),
        _ => None,
    }
}

/// The first line of a frame as the notation has it.
fn named(frame: &Frame) -> String {
    let lines = show(&[Piece::Frame(frame.clone())]);
    format!("`{}`", lines.first().map_or("", |line| line))
}

fn beginning(bytes: &[u8]) -> String {
    let line = bytes.split_inclusive(|&byte| byte == b'\n').next();
    shown(line.unwrap_or_default())
}

/// What is known of a stream when the next frame comes.
#[derive(Default)]
struct Stream {
    method: Vec<u8>,
    /// Whether a response that is not an interim one has begun.
    has_response: bool,
    status: Vec<u8>,
    announced: Option<u64>,
    body: u64,
    has_ended: bool,
    is_reset: bool,
    /// How much more may be sent.
    window: i64,
}

struct Rules {
    streams: BTreeMap<u32, Stream>,
    /// The streams of which the client has sent any frame, right or wrong.
    named: BTreeSet<u32>,
    /// How much more may be sent over all of them.
    window: i64,
    max_frame_size: usize,
    allows_push: bool,
    settings: usize,
    pings: Vec<[u8; 8]>,
    /// The stream whose field block has not ended.
    in_block: Option<u32>,
    /// Whether the field section that comes is the end of its stream.
    ends_stream: bool,
    last_stream: Option<u32>,
}

impl Rules {
    /// The rules for the answer to what a client has sent. When it was sent does not count:
    /// a window is as large as it ever gets.
    fn new(sent: &[Piece]) -> Self {
        let mut rules = Self {
            streams: BTreeMap::new(),
            named: BTreeSet::new(),
            window: WINDOW,
            max_frame_size: MAX_FRAME_SIZE,
            allows_push: true,
            settings: 0,
            pings: vec![super::OPAQUE],
            in_block: None,
            ends_stream: false,
            last_stream: None,
        };
        let mut window = WINDOW;
        let mut more: BTreeMap<u32, i64> = BTreeMap::new();
        for piece in sent {
            let Piece::Frame(frame) = piece else {
                continue;
            };
            match &frame.payload {
                Payload::Settings(settings) if !frame.has(flags::ACK) => {
                    rules.settings += 1;
                    for &(identifier, value) in settings {
                        match identifier {
                            setting::ENABLE_PUSH => rules.allows_push = value != 0,
                            // A stream that is open may not have heard of it yet.
                            setting::INITIAL_WINDOW_SIZE if rules.streams.is_empty() => {
                                window = value.into();
                            }
                            setting::INITIAL_WINDOW_SIZE => window = window.max(value.into()),
                            setting::MAX_FRAME_SIZE => {
                                rules.max_frame_size = rules.max_frame_size.max(value as usize);
                            }
                            _ => {}
                        }
                    }
                }
                Payload::Ping(opaque) if !frame.has(flags::ACK) => rules.pings.push(*opaque),
                Payload::WindowUpdate(increment) if frame.stream == 0 => {
                    rules.window += i64::from(*increment);
                }
                Payload::WindowUpdate(increment) => {
                    *more.entry(frame.stream).or_default() += i64::from(*increment);
                }
                _ => {}
            }
            rules.named.insert(frame.stream);
            if frame.kind == kinds::HEADERS && frame.stream % 2 == 1 {
                let stream = rules.streams.entry(frame.stream).or_default();
                if let Payload::Headers { block, .. } = &frame.payload
                    && let Some(method) = field(block, b":method")
                {
                    stream.method = method.to_vec();
                }
            }
        }
        for (number, stream) in &mut rules.streams {
            stream.window = window + more.get(number).copied().unwrap_or_default();
        }
        rules
    }

    fn look_at(&mut self, received: &Received) -> Option<Words> {
        let frame = match &received.piece {
            Piece::Frame(frame) => frame,
            Piece::Preface => {
                return Some((
                    "the server sent the preface of a client".to_owned(),
                    "A server's preface is its SETTINGS frame alone (RFC 9113 section 3.4).",
                ));
            }
            Piece::Bytes(bytes) => {
                return Some((
                    format!(
                        "{} bytes came that are no whole frame: {}",
                        bytes.len(),
                        beginning(&bytes[..bytes.len().min(24)])
                    ),
                    "A frame is nine bytes (length in three, type, flags, stream in four) and as \
                     many more as the length says (RFC 9113 section 4.1).",
                ));
            }
        };
        if received.length > self.max_frame_size {
            return Some((
                format!(
                    "a {} frame of {} bytes came, and the client takes {} at most",
                    kind_name(frame.kind),
                    received.length,
                    self.max_frame_size
                ),
                "Split what is longer: the client says in SETTINGS_MAX_FRAME_SIZE how much it \
                 takes, 16,384 bytes where it says nothing (RFC 9113 section 4.2).",
            ));
        }
        if let Some(stream) = self.in_block
            && (frame.kind != kinds::CONTINUATION || frame.stream != stream)
        {
            return Some((
                format!(
                    "{} came between HEADERS and the CONTINUATION frames behind it",
                    named(frame)
                ),
                "Send the frames of a field block one behind the other, up to END_HEADERS (RFC \
                 9113 section 4.3).",
            ));
        }
        if let Some(why) = &received.undecodable {
            return Some((
                format!("the field block cannot be decoded: {why}"),
                "Each entry that is added to the dynamic table, and each that is dropped, must be \
                 so on both sides: an index counts the static table's 61 entries first, then the \
                 newest of the dynamic table (RFC 7541 section 2.3.3).",
            ));
        }
        self.placed(frame).or_else(|| self.of_its_kind(frame))
    }

    /// Whether a frame of this type may stand on a stream, or on none.
    fn placed(&self, frame: &Frame) -> Option<Words> {
        let of_connection = matches!(frame.kind, kinds::SETTINGS | kinds::PING | kinds::GOAWAY);
        let of_stream = matches!(
            frame.kind,
            kinds::DATA
                | kinds::HEADERS
                | kinds::PRIORITY
                | kinds::RST_STREAM
                | kinds::PUSH_PROMISE
                | kinds::CONTINUATION
        );
        let name = kind_name(frame.kind);
        if of_connection && frame.stream != 0 {
            return Some((
                format!("{name} came on stream {}", frame.stream),
                "SETTINGS, PING and GOAWAY are about the connection: their stream is 0 (RFC 9113 \
                 section 6).",
            ));
        }
        if of_stream && frame.stream == 0 {
            return Some((
                format!("{name} came on stream 0"),
                "An answer goes over the stream of its request: copy the number from its HEADERS \
                 (RFC 9113 section 8.1).",
            ));
        }
        let is_known = match frame.kind {
            kinds::RST_STREAM => self.named.contains(&frame.stream),
            _ => self.streams.contains_key(&frame.stream),
        };
        if of_stream && frame.kind != kinds::PRIORITY && !is_known {
            return Some((
                format!(
                    "{} came, and the client has opened no such stream",
                    named(frame)
                ),
                "An answer goes over the stream of its request: copy the number from its HEADERS \
                 (RFC 9113 section 8.1).",
            ));
        }
        if !matches!(frame.payload, Payload::Bytes(_)) || kind_name(frame.kind).starts_with("0x") {
            return None;
        }
        Some((
            format!("the payload of {} has the wrong length", named(frame)),
            "Each type says how long its payload is: 8 bytes for PING, 4 for RST_STREAM and \
             WINDOW_UPDATE, 6 for each setting, at least 8 for GOAWAY (RFC 9113 section 6).",
        ))
    }

    fn of_its_kind(&mut self, frame: &Frame) -> Option<Words> {
        match &frame.payload {
            Payload::Settings(settings) if frame.has(flags::ACK) => self.ack(settings),
            Payload::Settings(settings) => settings.iter().find_map(|one| wrong_setting(*one)),
            Payload::Ping(opaque) if frame.has(flags::ACK) && !self.pings.contains(opaque) => {
                Some((
                    format!("{} came, and no PING held these bytes", named(frame)),
                    "The answer to PING has its eight bytes, and the flag ACK (RFC 9113 section \
                     6.7).",
                ))
            }
            Payload::WindowUpdate(0) => Some((
                format!("{} came, which opens no window", named(frame)),
                "The increment is at least 1 (RFC 9113 section 6.9).",
            )),
            Payload::GoAway { last, .. } => {
                let before = self.last_stream.replace(*last);
                before.filter(|before| before < last).map(|before| {
                    (
                        format!("GOAWAY names stream {last} after another that named {before}"),
                        "The last stream that a GOAWAY names may only become smaller (RFC 9113 \
                         section 6.8).",
                    )
                })
            }
            Payload::PushPromise { .. } if !self.allows_push => Some((
                format!("{} came to a client that wants no pushes", named(frame)),
                "A client that says SETTINGS_ENABLE_PUSH=0 gets no PUSH_PROMISE (RFC 9113 section \
                 8.4).",
            )),
            Payload::PushPromise { promised, .. } => {
                self.streams.entry(*promised).or_default().window = WINDOW;
                None
            }
            Payload::RstStream(_) => {
                self.streams.get_mut(&frame.stream)?.is_reset = true;
                None
            }
            Payload::Data(_) => self.data(frame),
            Payload::Headers { block, .. } => {
                let stream = self.streams.get(&frame.stream)?;
                if stream.has_ended || stream.is_reset {
                    return Some(behind_the_end(frame));
                }
                self.ends_stream = frame.has(flags::END_STREAM);
                self.section(frame, block)
            }
            Payload::Continuation(_) if self.in_block.is_none() => Some((
                format!("{} came, and no field block is open", named(frame)),
                "CONTINUATION follows HEADERS without END_HEADERS, or another CONTINUATION (RFC \
                 9113 section 6.10).",
            )),
            Payload::Continuation(block) => self.section(frame, block),
            _ => None,
        }
    }

    fn ack(&mut self, settings: &[(u16, u32)]) -> Option<Words> {
        if !settings.is_empty() {
            return Some((
                "an acknowledgement of SETTINGS has settings in it".to_owned(),
                "Send SETTINGS with the flag ACK and no payload, and your own settings in a frame \
                 without it (RFC 9113 section 6.5).",
            ));
        }
        match self.settings.checked_sub(1) {
            Some(left) => self.settings = left,
            None => {
                return Some((
                    "more SETTINGS were acknowledged than the client has sent".to_owned(),
                    "Send one ACK for each SETTINGS that has no ACK itself (RFC 9113 section 6.5.3).",
                ));
            }
        }
        None
    }

    fn data(&mut self, frame: &Frame) -> Option<Words> {
        let stream = self.streams.get_mut(&frame.stream)?;
        if stream.has_ended || stream.is_reset {
            return Some(behind_the_end(frame));
        }
        if !stream.has_response {
            return Some((
                format!("{} came before the HEADERS of the answer", named(frame)),
                "An answer is HEADERS with `:status`, and then DATA (RFC 9113 section 8.1).",
            ));
        }
        let Payload::Data(data) = &frame.payload else {
            return None;
        };
        let padding = frame.padding.map_or(0, |padding| i64::from(padding) + 1);
        let counts = data.len() as i64 + padding;
        stream.window -= counts;
        self.window -= counts;
        if stream.window < 0 || self.window < 0 {
            let which = match stream.window < 0 {
                true => format!("stream {}", frame.stream),
                false => "the connection".to_owned(),
            };
            return Some((
                format!(
                    "{} came, which is {} bytes more than the window of {which} holds",
                    named(frame),
                    -stream.window.min(self.window)
                ),
                "Count the bytes of DATA that are sent, and stop where the window of the stream or \
                 of the connection ends, until WINDOW_UPDATE comes (RFC 9113 section 6.9.1).",
            ));
        }
        stream.body += data.len() as u64;
        if frame.has(flags::END_STREAM) {
            return stream.end();
        }
        None
    }

    /// The end of a frame that holds a part of a field block, or all of it.
    fn section(&mut self, frame: &Frame, block: &[FieldLine]) -> Option<Words> {
        if !frame.has(flags::END_HEADERS) {
            self.in_block = Some(frame.stream);
            return None;
        }
        self.in_block = None;
        let stream = self.streams.get_mut(&frame.stream)?;
        let broken = match stream.has_response {
            true if !self.ends_stream => Some((
                format!("{} came behind the answer without END_STREAM", named(frame)),
                "A second field section is trailers, and ends its stream (RFC 9113 section 8.1).",
            )),
            is_trailers => wrong_section(block, is_trailers),
        };
        if broken.is_some() {
            return broken;
        }
        if !stream.has_response {
            let status = field(block, b":status").unwrap_or_default();
            let is_interim = status.starts_with(b"1");
            if is_interim && self.ends_stream {
                return Some((
                    format!("status {} ends its stream", String::from_utf8_lossy(status)),
                    "An interim answer is followed by a final one (RFC 9113 section 8.1).",
                ));
            }
            stream.has_response = !is_interim;
            stream.status = status.to_vec();
            stream.announced = field(block, b"content-length")
                .and_then(|length| String::from_utf8_lossy(length).parse().ok());
        }
        if self.ends_stream {
            return stream.end();
        }
        None
    }
}

impl Stream {
    /// Nothing more may come over it, so that its body is as long as it will be.
    fn end(&mut self) -> Option<Words> {
        self.has_ended = true;
        let has_none = self.method == b"HEAD" || matches!(&*self.status, b"204" | b"304");
        if has_none && self.body > 0 {
            return Some((
                format!(
                    "{} bytes of DATA came in an answer that has no content",
                    self.body
                ),
                "Send the HEADERS with END_STREAM, and nothing behind it (RFC 9110 section 6.4.1).",
            ));
        }
        let announced = self.announced.filter(|_| !has_none)?;
        (announced != self.body).then(|| {
            (
                format!(
                    "content-length is {announced}, and the DATA of the answer has {} bytes",
                    self.body
                ),
                "Count the bytes of the body, which is all DATA of the stream without its padding \
                 (RFC 9113 section 8.1.1).",
            )
        })
    }
}

fn behind_the_end(frame: &Frame) -> Words {
    (
        format!("{} came, and its stream had ended", named(frame)),
        "Set END_STREAM in the last frame of an answer, and send nothing over its stream behind \
         that, nor behind RST_STREAM (RFC 9113 section 5.1).",
    )
}

fn wrong_setting((identifier, value): (u16, u32)) -> Option<Words> {
    let problem = match identifier {
        setting::ENABLE_PUSH if value != 0 => {
            return Some((
                format!("SETTINGS_ENABLE_PUSH is {value}"),
                "Leave it out: a server may only say 0 (RFC 9113 section 6.5.2).",
            ));
        }
        setting::INITIAL_WINDOW_SIZE if value > i32::MAX as u32 => {
            format!("SETTINGS_INITIAL_WINDOW_SIZE is {value}")
        }
        setting::MAX_FRAME_SIZE if !(16_384..1 << 24).contains(&value) => {
            format!("SETTINGS_MAX_FRAME_SIZE is {value}")
        }
        _ => return None,
    };
    Some((
        problem,
        "A window has at most 2,147,483,647 bytes, and a frame may be limited to between 16,384 and \
         16,777,215 (RFC 9113 section 6.5.2).",
    ))
}

/// Fields that say what HTTP/2 says in another way (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [&[u8]; 5] = [
    b"connection",
    b"proxy-connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
];

fn wrong_section(block: &[FieldLine], is_trailers: bool) -> Option<Words> {
    let mut has_regular = false;
    let mut statuses = 0;
    for line in block {
        let FieldLine::Field { name, value, .. } = line else {
            continue;
        };
        let name_shown = shown(name);
        if name.starts_with(b":") {
            if is_trailers || name != b":status" {
                return Some((
                    format!("the pseudo-header field {name_shown} came in an answer"),
                    "An answer has one pseudo-header field, `:status`, and trailers have none (RFC \
                     9113 section 8.3.2).",
                ));
            }
            if has_regular {
                return Some((
                    ":status came behind a field line".to_owned(),
                    "Pseudo-header fields stand before all others (RFC 9113 section 8.3).",
                ));
            }
            statuses += 1;
            if value.len() != 3 || !value.iter().all(u8::is_ascii_digit) {
                return Some((
                    format!(":status is {}", shown(value)),
                    "The status code is three digits, and nothing else: HTTP/2 has no reason phrase \
                     (RFC 9113 section 8.3.2).",
                ));
            }
            continue;
        }
        has_regular = true;
        if name.iter().any(u8::is_ascii_uppercase) {
            return Some((
                format!("the field name {name_shown} has capital letters"),
                "Write field names in small letters (RFC 9113 section 8.2.1).",
            ));
        }
        let is_odd = |byte: &u8| *byte <= b' ' || *byte >= 0x7f || *byte == b':';
        if name.is_empty() || name.iter().any(is_odd) {
            return Some((
                format!("the field name {name_shown} is none"),
                "A field name is a token (RFC 9110 section 5.1): no space, no colon, no control \
                 character (RFC 9113 section 8.2.1).",
            ));
        }
        let is_padded = value.first().is_some_and(|byte| b" \t".contains(byte))
            || value.last().is_some_and(|byte| b" \t".contains(byte));
        if is_padded || value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Some((
                format!("the value of {name_shown} is {}", shown(value)),
                "A value has no NUL, CR or LF, and no white space around it (RFC 9113 section \
                 8.2.1).",
            ));
        }
        if OF_A_CONNECTION.contains(&&**name) {
            return Some((
                format!("the field {name_shown} came in HTTP/2"),
                "Leave out what is about the connection: connection, keep-alive, \
                 transfer-encoding, upgrade. END_STREAM says where the body ends, and GOAWAY that \
                 the connection does (RFC 9113 section 8.2.2).",
            ));
        }
    }
    match statuses {
        1 => None,
        0 if is_trailers => None,
        0 => Some((
            "the field section has no :status".to_owned(),
            "An answer begins with the pseudo-header field `:status` (RFC 9113 section 8.3.2).",
        )),
        _ => Some((
            ":status stands there twice".to_owned(),
            "Send it once (RFC 9113 section 8.3).",
        )),
    }
}
