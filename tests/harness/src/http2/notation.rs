//! Frames as text, and back.

use super::block::{FieldLine, Indexing};
use super::frame::{Frame, Payload, Piece, Priority};
use super::names::{
    error_name, error_of, flags, flags_of, kind_name, kind_of, kinds, setting_name, setting_of,
};
use crate::wire;

const PREFACE: &str = "PREFACE";
const BYTES: &str = "BYTES";

/// From how many repetitions on a byte of a payload is counted instead of written out.
const LONG_RUN: usize = 9;

/// Shows pieces, a line for each frame, and what is in it two spaces further in.
pub fn show(pieces: &[Piece]) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Preface => lines.push(PREFACE.to_owned()),
            Piece::Bytes(bytes) => {
                lines.push(BYTES.to_owned());
                lines.extend(wire::show(bytes).iter().map(|line| indented(line)));
            }
            Piece::Frame(frame) => show_frame(frame, &mut lines),
        }
    }
    lines
}

fn indented(line: &str) -> String {
    format!("  {line}")
}

fn show_frame(frame: &Frame, lines: &mut Vec<String>) {
    let mut words = vec![kind_name(frame.kind), frame.stream.to_string()];
    let mut below = Vec::new();
    let mut implied = 0;
    match &frame.payload {
        Payload::Data(data) => {
            words.push(data.len().to_string());
            below = wire::show(data);
        }
        Payload::Headers { priority, block } => {
            if let Some(priority) = priority {
                words.extend(show_priority(*priority));
                implied = flags::PRIORITY;
            }
            below = show_block(block);
        }
        Payload::Continuation(block) => below = show_block(block),
        Payload::Priority(priority) => words.extend(show_priority(*priority)),
        Payload::RstStream(error) => words.push(error_name(*error)),
        Payload::Settings(settings) => words.extend(
            settings
                .iter()
                .map(|(identifier, value)| format!("{}={value}", setting_name(*identifier))),
        ),
        Payload::PushPromise { promised, block } => {
            words.push(format!("promised={promised}"));
            below = show_block(block);
        }
        Payload::Ping(opaque) => words.push(hexadecimal(opaque)),
        Payload::GoAway { last, error, debug } => {
            words.push(format!("last={last}"));
            words.push(error_name(*error));
            below = wire::show(debug);
        }
        Payload::WindowUpdate(increment) => words.push(increment.to_string()),
        Payload::Bytes(bytes) => below.push(format!("[payload{}]", show_bytes(bytes))),
    }
    if frame.padding.is_some() {
        implied |= flags::PADDED;
    }
    for (flag, name) in flags_of(frame.kind) {
        if frame.has(*flag) && implied & flag == 0 {
            words.push((*name).to_owned());
        }
        implied |= flag;
    }
    if frame.flags & !implied != 0 {
        words.push(format!("0x{:02x}", frame.flags & !implied));
    }
    if let Some(padding) = frame.padding {
        words.push(format!("pad={padding}"));
    }
    if let Some(length) = frame.length {
        words.push(format!("length={length}"));
    }
    if frame.is_reserved_bit_set {
        words.push("reserved".to_owned());
    }
    lines.push(words.join(" "));
    lines.extend(below.iter().map(|line| indented(line)));
}

fn show_priority(priority: Priority) -> Vec<String> {
    let mut words = vec![
        format!("on={}", priority.on),
        format!("weight={}", priority.weight),
    ];
    if priority.exclusive {
        words.push("exclusive".to_owned());
    }
    words
}

fn show_block(block: &[FieldLine]) -> Vec<String> {
    block.iter().map(show_field_line).collect()
}

fn show_field_line(line: &FieldLine) -> String {
    match line {
        FieldLine::Field {
            name,
            value,
            indexing,
            huffman,
        } => {
            let mut words = Vec::new();
            match indexing {
                Indexing::Plain => {}
                Indexing::Without => words.push("literal"),
                Indexing::With => words.push("indexing"),
                Indexing::Never => words.push("never"),
            }
            if *huffman {
                words.push("huffman");
            }
            let before = match &*words {
                [] => String::new(),
                words => format!("[{}] ", words.join(" ")),
            };
            // A line of what is shown is one of the text.
            let shown = |bytes: &[u8]| wire::show(bytes).concat();
            format!("{before}{}: {}", shown(name), shown(value))
        }
        FieldLine::Index(index) => format!("[index {index}]"),
        FieldLine::Size(size) => format!("[size {size}]"),
        FieldLine::Bytes(bytes) => format!("[block{}]", show_bytes(bytes)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes in hexadecimal, each behind a space.
fn show_bytes(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|a, b| a == b);
    runs.map(|run| match run.len() {
        LONG_RUN.. => format!(" {:02x}*{}", run[0], run.len()),
        length => format!(" {:02x}", run[0]).repeat(length),
    })
    .collect()
}

fn read_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        let (byte, count) = word.split_once('*').unwrap_or((word, "1"));
        let digits = (byte.len() == 2).then_some(byte)?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        wire::add_run(&mut bytes, byte, count)?;
    }
    Some(bytes)
}

/// The pieces that [`show`] shows as these lines; `None` where it shows nothing like them.
pub fn read(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut below = Vec::new();
        while let Some(next) = lines.next_if(|next| next.starts_with("  ")) {
            below.push(&next[2..]);
        }
        pieces.push(match line {
            PREFACE if below.is_empty() => Piece::Preface,
            BYTES => Piece::Bytes(read_wire(&below)?),
            _ => Piece::Frame(read_frame(line, &below)?),
        });
    }
    Some(pieces)
}

fn read_wire(lines: &[&str]) -> Option<Vec<u8>> {
    let bytes = lines.iter().map(|line| wire::read(line));
    Some(bytes.collect::<Option<Vec<_>>>()?.concat())
}

/// What the words behind type and stream say.
#[derive(Default)]
struct Words<'a> {
    numbers: Vec<&'a str>,
    settings: Vec<(u16, u32)>,
    error: Option<u32>,
    promised: Option<u32>,
    last: Option<u32>,
    on: Option<u32>,
    weight: Option<u16>,
    exclusive: bool,
}

fn read_frame(line: &str, below: &[&str]) -> Option<Frame> {
    let mut words = line.split(' ');
    let kind = kind_of(words.next()?)?;
    let stream = words.next()?.parse().ok()?;
    let mut frame = Frame::new(kind, 0, stream, Payload::Bytes(Vec::new()));
    let mut said = Words::default();
    for word in words {
        let named = flags_of(kind).iter().find(|(_, name)| *name == word);
        if let Some((flag, _)) = named {
            frame.flags |= flag;
        } else if let Some((name, value)) = word.split_once('=') {
            match name {
                "pad" => {
                    frame.padding = Some(value.parse().ok()?);
                    frame.flags |= flags::PADDED;
                }
                "length" => frame.length = Some(value.parse().ok()?),
                "promised" => said.promised = Some(value.parse().ok()?),
                "last" => said.last = Some(value.parse().ok()?),
                "on" => {
                    said.on = Some(value.parse().ok()?);
                    if kind == kinds::HEADERS {
                        frame.flags |= flags::PRIORITY;
                    }
                }
                "weight" => said.weight = Some(value.parse().ok()?),
                _ => said.settings.push((setting_of(name)?, value.parse().ok()?)),
            }
        } else if let Some(flag) = word.strip_prefix("0x") {
            frame.flags |= u8::from_str_radix(flag, 16).ok()?;
        } else if word == "exclusive" {
            said.exclusive = true;
        } else if word == "reserved" {
            frame.is_reserved_bit_set = true;
        } else if matches!(kind, kinds::RST_STREAM | kinds::GOAWAY) {
            said.error = Some(error_of(word)?);
        } else {
            said.numbers.push(word);
        }
    }
    frame.payload = match below {
        [payload] if payload.starts_with("[payload") => {
            let payload = payload.strip_prefix("[payload")?.strip_suffix(']')?;
            Payload::Bytes(read_bytes(payload)?)
        }
        _ => said.payload(kind, below)?,
    };
    // What its words do not show could not be shown again.
    let mut shown = Vec::new();
    show_frame(&frame, &mut shown);
    let is_same = shown.first().is_some_and(|first| same_words(first, line));
    is_same.then_some(frame)
}

/// Whether two lines have the same words, in whatever order.
fn same_words(one: &str, other: &str) -> bool {
    let sorted = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.sort();
        words
    };
    sorted(one) == sorted(other)
}

impl Words<'_> {
    fn payload(&self, kind: u8, below: &[&str]) -> Option<Payload> {
        let number = || self.numbers.first()?.parse::<u32>().ok();
        let priority = || {
            Some(Priority {
                on: self.on?,
                weight: self.weight?,
                exclusive: self.exclusive,
            })
        };
        Some(match kind {
            kinds::DATA => {
                let data = read_wire(below)?;
                (number()? as usize == data.len()).then_some(Payload::Data(data))?
            }
            kinds::HEADERS => Payload::Headers {
                priority: priority(),
                block: read_block(below)?,
            },
            kinds::CONTINUATION => Payload::Continuation(read_block(below)?),
            kinds::PRIORITY => Payload::Priority(priority()?),
            kinds::RST_STREAM => Payload::RstStream(self.error?),
            kinds::SETTINGS => Payload::Settings(self.settings.clone()),
            kinds::PUSH_PROMISE => Payload::PushPromise {
                promised: self.promised?,
                block: read_block(below)?,
            },
            kinds::PING => {
                let digits = self.numbers.first()?;
                let bytes = digits
                    .as_bytes()
                    .chunks(2)
                    .map(|two| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok());
                let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
                Payload::Ping(bytes.try_into().ok()?)
            }
            kinds::GOAWAY => Payload::GoAway {
                last: self.last?,
                error: self.error?,
                debug: read_wire(below)?,
            },
            kinds::WINDOW_UPDATE => Payload::WindowUpdate(number()?),
            _ => Payload::Bytes(read_wire(below)?),
        })
    }
}

fn read_block(lines: &[&str]) -> Option<Vec<FieldLine>> {
    lines.iter().map(|line| read_field_line(line)).collect()
}

fn read_field_line(line: &str) -> Option<FieldLine> {
    let Some(marked) = line.strip_prefix('[') else {
        return read_field(line, Indexing::Plain, false);
    };
    let (mark, rest) = marked.split_once(']')?;
    let (word, argument) = mark.split_once(' ').unwrap_or((mark, ""));
    if rest.is_empty() {
        return Some(match word {
            "index" => FieldLine::Index(argument.parse().ok()?),
            "size" => FieldLine::Size(argument.parse().ok()?),
            "block" => FieldLine::Bytes(read_bytes(argument)?),
            _ => return None,
        });
    }
    let (mut indexing, mut huffman) = (Indexing::Plain, false);
    for word in mark.split(' ') {
        match word {
            "literal" => indexing = Indexing::Without,
            "indexing" => indexing = Indexing::With,
            "never" => indexing = Indexing::Never,
            "huffman" => huffman = true,
            _ => return None,
        }
    }
    read_field(rest.strip_prefix(' ')?, indexing, huffman)
}

fn read_field(line: &str, indexing: Indexing, huffman: bool) -> Option<FieldLine> {
    let (name, value) = match line.strip_prefix(": ") {
        Some(value) => ("", value),
        None => {
            // The name of a pseudo-header field begins with a colon.
            let first = line.chars().next()?.len_utf8();
            let colon = first + line[first..].find(": ")?;
            (&line[..colon], &line[colon + 2..])
        }
    };
    Some(FieldLine::Field {
        name: wire::read(name)?,
        value: wire::read(value)?,
        indexing,
        huffman,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::{Reader, bytes_of, data, get, request};

    /// Every type, with all that can be said of it.
    const ALL: &str = "\
PREFACE
SETTINGS 0
SETTINGS 0 HEADER_TABLE_SIZE=0 ENABLE_PUSH=0 MAX_CONCURRENT_STREAMS=1 INITIAL_WINDOW_SIZE=65535 MAX_FRAME_SIZE=16384 MAX_HEADER_LIST_SIZE=8192 9=4294967295
SETTINGS 0 ACK
HEADERS 1 END_STREAM END_HEADERS
  :method: GET
  x-empty: 
  x-odd: a\\r\\n\\x00\\\\: b
HEADERS 3 on=1 weight=256 exclusive END_HEADERS pad=3
  [indexing] :path: /hello
  [never huffman] cookie: a=b
  [literal] :method: GET
  [huffman] : no name
  [index 62]
  [size 4096]
  [block 82 00*20 86]
CONTINUATION 3 END_HEADERS
  X-Upper: case
DATA 3 6 END_STREAM
  a\\r\\n
  b\\r\\n
DATA 3 70 pad=0
  \\{a*70}
DATA 3 0
PRIORITY 5 on=0 weight=16
RST_STREAM 5 CANCEL
RST_STREAM 5 99
PUSH_PROMISE 1 promised=2 END_HEADERS
  :method: GET
PING 0 0011223344556677
PING 0 0011223344556677 ACK
GOAWAY 0 last=2147483647 ENHANCE_YOUR_CALM
  too much
WINDOW_UPDATE 0 2147483647
0x2a 7 0x41
  [payload 01 02 ff*9]
SETTINGS 1 ACK 0x02 length=7 reserved
  [payload 01]
PING 0 ACK
  [payload]
BYTES
  GET / HTTP/1.1\\r\\n
  \\r\\n
";

    #[test]
    fn all_that_is_shown_is_read() {
        for frame in ALL.replace("\n  ", "\t").lines() {
            let frame = frame.replace('\t', "\n  ");
            assert!(read(&frame).is_some(), "{frame}");
        }
        let pieces = read(ALL).unwrap();
        assert_eq!(show(&pieces).join("\n") + "\n", ALL);
    }

    /// The words may stand in another order, and a payload without a form as text.
    #[test]
    fn what_is_read_is_more_than_what_is_shown() {
        assert_eq!(read("0x2a 0\n  ab"), read("0x2a 0\n  [payload 61 62]"));
        assert_eq!(
            read("HEADERS 1 END_HEADERS END_STREAM"),
            read("HEADERS 1 END_STREAM END_HEADERS")
        );
    }

    #[test]
    fn what_is_no_frame() {
        for text in [
            "HEADER 1",
            "HEADERS",
            "HEADERS one",
            "DATA 1 2\n  abc",
            "DATA 1\n  abc",
            "SETTINGS 0 NO_SUCH=1",
            "SETTINGS 0 END_STREAM",
            "PING 0 00",
            "PING 0",
            "GOAWAY 0 NO_ERROR",
            "RST_STREAM 1",
            "RST_STREAM 1 OOPS",
            "WINDOW_UPDATE 0",
            "HEADERS 1\n  no field",
            "HEADERS 1\n  [unknown] a: b",
            "HEADERS 1\n  [index 1] a: b",
            "HEADERS 1 on=3",
            "PREFACE\n  more",
            "  :method: GET",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    /// What goes over the wire is read as what was written, but for how it was encoded.
    #[test]
    fn over_the_wire() {
        let text = "\
PREFACE
SETTINGS 0 ENABLE_PUSH=0
HEADERS 1 pad=2
CONTINUATION 1 END_HEADERS
  :method: GET
  x-a: b
DATA 1 3 END_STREAM pad=9
  abc
0x2a 7 0x41
  [payload 01 02]
GOAWAY 0 last=1 NO_ERROR
  why
";
        let written = text.replace(
            "CONTINUATION 1 END_HEADERS\n  :method: GET\n  x-a: b\n",
            "  [indexing huffman] :method: GET\nCONTINUATION 1 END_HEADERS\n  [never] x-a: b\n",
        );
        let mut reader = Reader::default();
        for byte in bytes_of(&read(&written).unwrap()) {
            reader.receive(&[byte]);
        }
        reader.receive(b"half a frame");
        reader.end();
        let pieces: Vec<Piece> = reader.pieces().cloned().collect();
        let expected = text.to_owned() + "BYTES\n  half a frame";
        assert_eq!(show(&pieces).join("\n"), expected);
    }

    /// The dynamic table lasts from one field block to the next.
    #[test]
    fn a_table_that_is_kept() {
        let text = "\
HEADERS 1 END_HEADERS
  [indexing] x-a: b
HEADERS 3 END_HEADERS
  [index 62]
HEADERS 5 END_HEADERS
  [index 63]
";
        let mut reader = Reader::default();
        reader.receive(&bytes_of(&read(text).unwrap()));
        let pieces: Vec<Piece> = reader.pieces().cloned().collect();
        let expected = "\
HEADERS 1 END_HEADERS
  x-a: b
HEADERS 3 END_HEADERS
  x-a: b
HEADERS 5 END_HEADERS
  [block bf]";
        assert_eq!(show(&pieces).join("\n"), expected);
        let undecodable = &reader.received()[2].undecodable;
        assert_eq!(undecodable.as_deref(), Some("Header index out of bounds"));
    }

    #[test]
    fn what_tests_send() {
        let sent =
            get(1, "/") + &request(3, "POST", "/a", "x-a: b\n", Some("hé")) + &data(5, "", false);
        let pieces = read(&sent).unwrap();
        assert_eq!(show(&pieces).join("\n") + "\n", sent);
        assert_eq!(pieces.len(), 4);
    }

    #[test]
    fn an_answer_in_http_1_1() {
        let mut reader = Reader::default();
        reader.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        reader.end();
        let pieces: Vec<Piece> = reader.pieces().cloned().collect();
        let expected = "BYTES\n  HTTP/1.1 400 Bad Request\\r\\n\n  \\r\\n";
        assert_eq!(show(&pieces).join("\n"), expected);
    }
}
