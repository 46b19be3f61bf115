//! What went over the wire, as the snapshots hold it. It looks like this:
//!
//! ```text
//! * core: a page
//! > GET / HTTP/1.1\r\n
//! > \r\n
//! < HTTP/1.1 200 OK\r\n
//! < \r\n
//! * the server closes
//! ```
//!
//! The first line names the group and the title. `>` stands before what the
//! client sends, `<` before what the server sends, `=` before what the server
//! prints, and `*` before what else happens. A connection that speaks HTTP/2 has frames in
//! place of lines, as [`crate::http2`] says.

use std::fmt;

use crate::checks::PART_TWO;
use crate::company::Beside;
use crate::http2::{self, Piece};
use crate::{response, wire};

/// One exchange, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// `core` for what the tutorial's listing does too, and from chapter 9 on for what
    /// the RFCs demand, `lesson` for what a chapter of part two teaches, `exercise` for
    /// what an exercise asks for, `robust` for what is advised. The difference that it
    /// shows, such as `D4`, stands behind that, as in `core, D4`, or alone.
    pub group: String,
    /// The number of the chapter that pins it; 0 where that is not known.
    pub chapter: u32,
    /// What the exchange shows.
    pub title: String,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// How a server comes to be started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It was asked to stop, as a service manager asks, and has ended.
    Stopped,
    /// It was ended by force, and could do nothing about it.
    Killed,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This many connections are opened before, and hold on without a word.
    Older(usize),
    /// The server has just started, and served nobody yet.
    Anew,
    /// The server has just started, with this in the environment variable `LIMITS`.
    Limits(String),
    /// The client speaks plain HTTP, to a server that speaks TLS.
    Plain,
    /// Frames of HTTP/2 go over this connection.
    Http2,
    /// The client sends these bytes in one write.
    Send(Vec<u8>),
    /// The client sends these bytes, each in a write of its own.
    SendOneByOne(Vec<u8>),
    /// The client sends these frames in one write.
    SendFrames(Vec<Piece>),
    /// The client sends these frames, each of their bytes in a write of its own.
    SendFramesOneByOne(Vec<Piece>),
    /// The client says that it sends nothing more.
    HalfClose,
    /// The server sends these bytes.
    Receive(Vec<u8>),
    /// The server sends these frames.
    ReceiveFrames(Vec<Piece>),
    /// The client sends nothing for a moment, until what it has sent was read.
    Waits,
    /// The client sends nothing for as long as a client may that is slow.
    IsSilent,
    /// So many clients connect and reset their connections at once.
    Gone(usize),
    /// Other clients do something, or the process does.
    Beside(Beside),
    /// The server closes the connection.
    Closes,
    /// The server keeps the connection open.
    StaysOpen,
    /// The server resets the connection.
    Resets,
    /// The server is told to stop, as a service manager tells it, and has noticed.
    ToldToStop,
    /// The server is ended and started again, before the connection is opened.
    Again(Again),
    /// The client opens another connection.
    Another,
    /// Where the answer is not yet what it should be, the client opens the connection again
    /// and asks again, for as long as it has patience.
    Repeats,
    /// The server has printed these bytes since the transcript began.
    Prints(Vec<u8>),
}

const ANEW: &str = "a server that has just started";
const LIMITS: &str = "a server that was started with LIMITS=";
const PLAIN: &str = "over TCP, without TLS";
const HTTP_2: &str = "HTTP/2";
const ONE_BY_ONE: &str = "one byte at a time";
const HALF_CLOSE: &str = "the client half-closes";
const WAITS: &str = "the client waits";
const IS_SILENT: &str = "the client is silent for half a second";
const NEXT_WRITE: &str = "the next write";
const CLOSES: &str = "the server closes";
const STAYS_OPEN: &str = "the connection stays open";
const RESETS: &str = "the server resets";
const TOLD_TO_STOP: &str = "the server is told to stop";
const STOPPED: &str = "the server is stopped and started again";
const KILLED: &str = "the server is killed and started again";
const ANOTHER: &str = "another connection";
const REPEATS: &str = "the client asks again until it is so";
const OLDER: &str = " older connections are open and silent";
const GONE: &str = " clients come and are gone at once";

impl Step {
    /// Whether the client sends something in it.
    pub fn is_sent(&self) -> bool {
        matches!(
            self,
            Self::Send(_)
                | Self::SendOneByOne(_)
                | Self::SendFrames(_)
                | Self::SendFramesOneByOne(_)
        )
    }

    /// What stands behind the `*` of this step, or before its bytes.
    fn words(&self) -> Option<String> {
        Some(match self {
            Self::Anew => ANEW.to_owned(),
            Self::Limits(limits) => format!("{LIMITS}'{limits}'"),
            Self::Http2 => HTTP_2.to_owned(),
            Self::SendOneByOne(_) | Self::SendFramesOneByOne(_) => ONE_BY_ONE.to_owned(),
            Self::Older(count) => format!("{count}{OLDER}"),
            Self::Gone(count) => format!("{count}{GONE}"),
            Self::Plain => PLAIN.to_owned(),
            Self::HalfClose => HALF_CLOSE.to_owned(),
            Self::Waits => WAITS.to_owned(),
            Self::IsSilent => IS_SILENT.to_owned(),
            Self::Closes => CLOSES.to_owned(),
            Self::StaysOpen => STAYS_OPEN.to_owned(),
            Self::Resets => RESETS.to_owned(),
            Self::ToldToStop => TOLD_TO_STOP.to_owned(),
            Self::Again(Again::Stopped) => STOPPED.to_owned(),
            Self::Again(Again::Killed) => KILLED.to_owned(),
            Self::Another => ANOTHER.to_owned(),
            Self::Repeats => REPEATS.to_owned(),
            Self::Beside(beside) => beside.words(),
            Self::Send(_)
            | Self::SendFrames(_)
            | Self::Receive(_)
            | Self::ReceiveFrames(_)
            | Self::Prints(_) => return None,
        })
    }
}

impl Transcript {
    /// An empty transcript. The heading names group and title, as in
    /// `core: a page`.
    pub fn new(heading: &str) -> Self {
        let (group, title) = heading.split_once(": ").unwrap_or(("", heading));
        Self {
            group: group.to_owned(),
            chapter: 0,
            title: title.to_owned(),
            steps: Vec::new(),
        }
    }

    /// The first word of its group.
    pub fn word(&self) -> &str {
        self.group.split(", ").next().unwrap_or_default()
    }

    /// The difference that it shows, where it shows one.
    pub fn difference(&self) -> Option<&str> {
        self.group.split(", ").find(|word| word.starts_with('D'))
    }

    /// Whether a chapter of part two pins it.
    pub fn is_of_part_two(&self) -> bool {
        self.chapter >= PART_TWO
    }

    /// Whether an answer may be another than the one that stands here, and as good. Part
    /// one is the tutorial's, and an exercise says what it asks for.
    pub fn leaves_choices(&self) -> bool {
        match self.word() {
            "exercise" => false,
            "core" | "lesson" => self.is_of_part_two(),
            _ => true,
        }
    }

    /// Whether a connection that ends here has to. Chapter 9 closes each of them, as a
    /// server may that has not learnt better; from the next one on there is a reason, and
    /// where a limit was set that is one.
    pub fn ends_for_a_reason(&self) -> bool {
        self.chapter > PART_TWO || self.limits().is_some()
    }

    /// What the server is to print, where that is a part of it.
    pub fn prints(&self) -> Option<&[u8]> {
        match self.steps.last() {
            Some(Step::Prints(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Whether the line that names the port is a part of it, so that it takes a
    /// server that has served nobody yet.
    pub fn names_the_port(&self) -> bool {
        self.prints()
            .is_some_and(|printed| printed.starts_with(b"Listening on port "))
    }

    /// Whether it takes a server that has served nobody yet, as its answers depend on
    /// what was sent before, or one that can be started again.
    pub fn begins_anew(&self) -> bool {
        let takes_one = |step: &Step| {
            let counts_entries = matches!(step, Step::Beside(Beside::Entries { .. }));
            counts_entries || matches!(step, Step::Anew | Step::Again(_) | Step::Limits(_))
        };
        self.steps.iter().any(takes_one) || self.stops_the_server()
    }

    /// Whether the server is ended and started again, and is to know then what it knew.
    pub fn starts_again(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Again(_)))
    }

    /// Whether the server is told to stop in the middle of it, for which it takes a signal.
    pub fn stops_the_server(&self) -> bool {
        self.steps.contains(&Step::ToldToStop)
    }

    /// Whether nothing happens for some seconds in the middle of it.
    pub fn rests(&self) -> bool {
        self.steps.contains(&Step::Beside(Beside::Pause))
    }

    /// What the environment variable `LIMITS` is to say when the server is started.
    pub fn limits(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| match step {
            Step::Limits(limits) => Some(limits.as_str()),
            _ => None,
        })
    }

    /// Reads a transcript back that was displayed; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().peekable();
        let mut transcript = Self::new(lines.next()?.strip_prefix("* ")?);
        let mut one_by_one = false;
        let mut is_http2 = false;
        while let Some(line) = lines.next() {
            let (kind, rest) = line.split_at_checked(2)?;
            if kind == "* " {
                match rest {
                    ONE_BY_ONE => one_by_one = true,
                    // It ends the lines of the write before it, and is none itself.
                    NEXT_WRITE => {}
                    ANEW => transcript.steps.push(Step::Anew),
                    PLAIN => transcript.steps.push(Step::Plain),
                    HALF_CLOSE => transcript.steps.push(Step::HalfClose),
                    WAITS => transcript.steps.push(Step::Waits),
                    IS_SILENT => transcript.steps.push(Step::IsSilent),
                    STAYS_OPEN => transcript.steps.push(Step::StaysOpen),
                    CLOSES => transcript.steps.push(Step::Closes),
                    RESETS => transcript.steps.push(Step::Resets),
                    TOLD_TO_STOP => transcript.steps.push(Step::ToldToStop),
                    STOPPED => transcript.steps.push(Step::Again(Again::Stopped)),
                    KILLED => transcript.steps.push(Step::Again(Again::Killed)),
                    HTTP_2 => {
                        is_http2 = true;
                        transcript.steps.push(Step::Http2);
                    }
                    ANOTHER => {
                        is_http2 = false;
                        transcript.steps.push(Step::Another);
                    }
                    REPEATS => transcript.steps.push(Step::Repeats),
                    _ if rest.starts_with(LIMITS) => {
                        let limits = rest[LIMITS.len()..].strip_prefix('\'')?;
                        let limits = limits.strip_suffix('\'')?.to_owned();
                        transcript.steps.push(Step::Limits(limits));
                    }
                    _ if let Some(beside) = Beside::parse(rest) => {
                        transcript.steps.push(Step::Beside(beside));
                    }
                    _ => {
                        let (count, words) = rest.split_at_checked(rest.find(' ')?)?;
                        let count = count.parse().ok()?;
                        transcript.steps.push(match words {
                            OLDER => Step::Older(count),
                            GONE => Step::Gone(count),
                            _ => return None,
                        });
                    }
                }
                continue;
            }
            if is_http2 && kind != "= " {
                let mut text = format!("{rest}\n");
                while let Some(next) = lines.next_if(|next| next.starts_with(kind)) {
                    text += &format!("{}\n", &next[2..]);
                }
                let frames = http2::read(&text)?;
                transcript.steps.push(match kind {
                    "> " if std::mem::take(&mut one_by_one) => Step::SendFramesOneByOne(frames),
                    "> " => Step::SendFrames(frames),
                    "< " => Step::ReceiveFrames(frames),
                    _ => return None,
                });
                continue;
            }
            let mut bytes = wire::read(rest)?;
            while let Some(next) = lines.next_if(|next| next.starts_with(kind)) {
                bytes.extend(wire::read(&next[2..])?);
            }
            transcript.steps.push(match kind {
                "> " if std::mem::take(&mut one_by_one) => Step::SendOneByOne(bytes),
                "> " => Step::Send(bytes),
                "< " => Step::Receive(bytes),
                "= " => Step::Prints(bytes),
                _ => return None,
            });
        }
        Some(transcript)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "* {}: {}", self.group, self.title)?;
        let mut follows_a_write = false;
        for step in &self.steps {
            if matches!(step, Step::Send(_) | Step::SendFrames(_)) && follows_a_write {
                writeln!(formatter, "* {NEXT_WRITE}")?;
            }
            follows_a_write = step.is_sent();
            if let Some(words) = step.words() {
                writeln!(formatter, "* {words}")?;
            }
            let (mark, lines) = match step {
                Step::Send(bytes) | Step::SendOneByOne(bytes) => ('>', wire::show(bytes)),
                Step::SendFrames(frames) | Step::SendFramesOneByOne(frames) => {
                    ('>', http2::show(frames))
                }
                Step::Receive(bytes) => ('<', wire::show(bytes)),
                Step::ReceiveFrames(frames) => ('<', http2::show(frames)),
                Step::Prints(bytes) => ('=', wire::show(bytes)),
                _ => continue,
            };
            for line in lines {
                writeln!(formatter, "{mark} {line}")?;
            }
        }
        Ok(())
    }
}

/// What a server may choose itself, such as the date of a file. In a transcript
/// a placeholder stands for it: `[date]` for the value of a field that is an HTTP
/// date (RFC 9110 §5.6.7), `[tag]` for an entity tag (§8.8.3), with the `W/` of a
/// weak one before it, and `[address]`, where what came is no HTTP, for the client's
/// own address. What is to be sent names the field whose last value it wants:
/// `If-Modified-Since: [Last-Modified]`.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    address: String,
    values: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Placeholders {
    /// Changes the client's address, for its next connection.
    pub fn set_address(&mut self, address: impl fmt::Display) {
        self.address = address.to_string();
    }

    /// Puts placeholders into what was received, from the beginning of a response
    /// on, and remembers what they stand for. A body stays as it is.
    pub fn put_in(&mut self, received: &[u8]) -> Vec<u8> {
        if !received.starts_with(b"HTTP/") {
            return replace(received, self.address.as_bytes(), ADDRESS);
        }
        let mut shown = Vec::new();
        let mut rest = received;
        while rest.starts_with(b"HTTP/") {
            let (head, body) = rest.split_at(response::head_length(rest).unwrap_or(rest.len()));
            for line in head.split_inclusive(|&byte| byte == b'\n') {
                shown.extend(self.put_into(line));
            }
            // Behind the head of an answer to HEAD the next answer begins; no page does.
            let length = match body.starts_with(b"HTTP/") {
                true => 0,
                false => response::body_length(rest).unwrap_or(body.len()),
            };
            shown.extend(&body[..length]);
            rest = &body[length..];
        }
        shown.extend(rest);
        shown
    }

    /// Puts a placeholder into a line of a head.
    fn put_into(&mut self, line: &[u8]) -> Vec<u8> {
        let Some((name, value)) = field(line) else {
            return line.to_vec();
        };
        self.values
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.values.push((name.to_vec(), value.to_vec()));
        match placeholder(name, value) {
            Some(placeholder) => replace(line, value, placeholder),
            None => line.to_vec(),
        }
    }

    /// Puts what was remembered in place of its placeholder, in what is to be
    /// sent.
    pub fn fill_in(&self, to_send: &[u8]) -> Vec<u8> {
        // A long body is sent to a server that lingers, so it must not take long.
        if !to_send.contains(&b'[') {
            return to_send.to_vec();
        }
        self.values
            .iter()
            .fold(to_send.to_vec(), |filled_in, (name, value)| {
                replace(&filled_in, &[b"[", &name[..], b"]"].concat(), value)
            })
    }

    /// Does with the field lines of frames what [`Self::put_in`] does with those of a head.
    pub fn put_into_frames(&mut self, received: &[Piece]) -> Vec<Piece> {
        let put_in = |name: &[u8], value: &[u8]| {
            self.values
                .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            self.values.push((name.to_vec(), value.to_vec()));
            placeholder(name, value).unwrap_or(value).to_vec()
        };
        http2::with_values(received, put_in)
    }

    /// Does with the field lines of frames what [`Self::fill_in`] does with bytes. Over TLS
    /// the scheme is another one, so that the same exchange goes over both.
    pub fn fill_in_frames(&self, to_send: &[Piece], is_sealed: bool) -> Vec<Piece> {
        http2::with_values(to_send, |name, value| match (name, value) {
            (b":scheme", b"http") if is_sealed => b"https".to_vec(),
            _ => self.fill_in(value),
        })
    }

    /// Puts the client's address into what is expected.
    pub fn fill_in_address(&self, expected: &[u8]) -> Vec<u8> {
        replace(expected, ADDRESS, self.address.as_bytes())
    }
}

/// What stands for the value of a field that a server may choose itself.
pub fn placeholder(name: &[u8], value: &[u8]) -> Option<&'static [u8]> {
    if is_date(value) {
        return Some(DATE);
    }
    let is_weak = value.starts_with(b"W/");
    let opaque = value.strip_prefix(b"W/").unwrap_or(value);
    let is_tag = matches!(opaque, [b'"', tag @ .., b'"']
        if tag.iter().all(|&byte| byte > b' ' && byte != b'"' && byte != 0x7f));
    (is_tag && name.eq_ignore_ascii_case(b"ETag")).then_some(if is_weak { WEAK_TAG } else { TAG })
}

/// Whether this is a placeholder that any value of its kind fits.
pub fn is_placeholder(value: &[u8]) -> bool {
    [DATE, TAG, WEAK_TAG].contains(&value)
}

const DATE: &[u8] = b"[date]";
const TAG: &[u8] = b"[tag]";
const WEAK_TAG: &[u8] = b"W/[tag]";
const ADDRESS: &[u8] = b"[address]";

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// The shape of a date: `a` for a letter, `0` for a digit, the rest as it is.
const SHAPE_OF_A_DATE: &[u8] = b"aaa, 00 aaa 0000 00:00:00 GMT";

/// The shape of a date in an access log.
const SHAPE_OF_A_DATE_OF_LOG: &[u8] = b"00/aaa/0000:00:00:00 +0000";

/// Whether this is an HTTP date: its shape, and the right weekday.
pub fn is_date(value: &[u8]) -> bool {
    has_shape(value, SHAPE_OF_A_DATE) && weekday_of(value) == Some(&value[..3])
}

const WEEKDAYS: [&[u8]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// How many weekdays later than January each month begins, in a year that begins in March.
const LATER: [usize; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];

/// The weekday that the day of a date is; `None` where there is no such month.
fn weekday_of(date: &[u8]) -> Option<&'static [u8]> {
    let number = |range: std::ops::Range<usize>| {
        let digits = date[range].iter().map(|digit| usize::from(digit - b'0'));
        digits.fold(0, |number, digit| number * 10 + digit)
    };
    let month = MONTHS.chunks(3).position(|month| month == &date[8..11])?;
    // January and February belong to the year before, which ends with the leap day.
    let year = (number(12..16) + 4000) - usize::from(month < 2);
    let days = year + year / 4 - year / 100 + year / 400 + LATER[month] + number(5..7);
    Some(WEEKDAYS[days % 7])
}

fn has_shape(value: &[u8], shape: &[u8]) -> bool {
    value.len() == shape.len()
        && value.iter().zip(shape).all(|(byte, shape)| match shape {
            b'a' => byte.is_ascii_alphabetic(),
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        })
}

/// Whether this is the date of a line of an access log.
pub fn is_date_of_log(text: &str) -> bool {
    has_shape(text.as_bytes(), SHAPE_OF_A_DATE_OF_LOG)
}

/// A line of an access log with `[date]` in place of the date, which stands in brackets
/// there too.
pub fn without_date_of_log(line: &str) -> String {
    let parts = line.split_once('[').and_then(|(before, rest)| {
        let (date, after) = rest.split_once(']')?;
        has_shape(date.as_bytes(), SHAPE_OF_A_DATE_OF_LOG).then_some((before, after))
    });
    parts.map_or(line.to_owned(), |(before, after)| {
        format!("{before}[date]{after}")
    })
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        match rest.strip_prefix(from) {
            Some(after) if !from.is_empty() => {
                replaced.extend(to);
                rest = after;
            }
            _ => {
                replaced.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_back() {
        let transcript = Transcript {
            group: "D5".to_owned(),
            chapter: 0,
            title: "all there is: at once".to_owned(),
            steps: vec![
                Step::Anew,
                Step::Limits("idle=0.2 head=1".to_owned()),
                Step::Older(4),
                Step::Send(b"GET / HTTP/1.1\r\n\r\n* core: not a heading".to_vec()),
                Step::Send(b"in another write".to_vec()),
                Step::Receive(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
                Step::SendOneByOne(b"a\n> b".to_vec()),
                Step::Send(b"and all at once again".to_vec()),
                Step::SendOneByOne(b"c".to_vec()),
                Step::Waits,
                Step::IsSilent,
                Step::StaysOpen,
                Step::HalfClose,
                Step::Plain,
                Step::Receive([b'x'; 9000].to_vec()),
                Step::Closes,
                Step::Another,
                Step::ToldToStop,
                Step::Again(Again::Stopped),
                Step::Again(Again::Killed),
                Step::Gone(20),
                Step::Repeats,
                Step::Beside(Beside::HalfForms(3)),
                Step::Resets,
                Step::Prints(b"1: GET /\n".to_vec()),
            ],
        };
        assert_eq!(Transcript::parse(&transcript.to_string()), Some(transcript));
    }

    /// Over one connection go frames, and over the next one bytes again.
    #[test]
    fn frames_are_read_back() {
        let frames = |text: &str| http2::read(text).unwrap();
        let transcript = Transcript {
            steps: vec![
                Step::Http2,
                Step::SendFrames(frames(http2::OPENING)),
                Step::SendFrames(frames(&http2::get(1, "/"))),
                Step::ReceiveFrames(frames("SETTINGS 0\nRST_STREAM 1 CANCEL")),
                Step::SendFramesOneByOne(frames("SETTINGS 0 ACK")),
                Step::StaysOpen,
                Step::Another,
                Step::Send(b"PING 0".to_vec()),
                Step::Closes,
                Step::Prints(b"PING 0\n".to_vec()),
            ],
            ..Transcript::new("core: frames")
        };
        assert_eq!(Transcript::parse(&transcript.to_string()), Some(transcript));
        for wrong in ["> PONG 0", "< HEADERS 1\n<  :status: 200"] {
            let text = format!("* core: no frames\n* HTTP/2\n{wrong}\n");
            assert_eq!(Transcript::parse(&text), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_transcript() {
        for text in [
            "",
            "--- standard output\n",
            "* core: a\n? b\n",
            "* core: a\n* b\n",
        ] {
            assert_eq!(Transcript::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn placeholders() {
        let mut placeholders = Placeholders::default();
        placeholders.set_address("127.0.0.1:50514");
        let greeting = b"Hello, 127.0.0.1:50514!\r\n";
        assert_eq!(placeholders.put_in(greeting), b"Hello, [address]!\r\n");
        assert_eq!(
            placeholders.fill_in_address(b"Hello, [address]!\r\n"),
            greeting
        );

        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let received = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
             Date: Mon, 07 Nov 1994 00:00:00 GMT\r\nLast-Modified: {date}\r\n\r\nExpires: {date}\r\n"
        );
        let put_in = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
             Date: [date]\r\nLast-Modified: [date]\r\n\r\nExpires: {date}\r\n"
        );
        assert_eq!(placeholders.put_in(received.as_bytes()), put_in.as_bytes());
        assert_eq!(
            placeholders.fill_in(b"If-Modified-Since: [Last-Modified]\r\n"),
            format!("If-Modified-Since: {date}\r\n").as_bytes()
        );
    }

    #[test]
    fn dates_in_a_log() {
        for (line, without_date) in [
            (
                "a - - [24/Nov/2026:23:45:41 +0000] \"b\"",
                "a - - [date] \"b\"",
            ),
            (
                "a - - [24 Nov 2026 23:45:41 +0000]",
                "a - - [24 Nov 2026 23:45:41 +0000]",
            ),
            ("Listening on port 1...", "Listening on port 1..."),
        ] {
            assert_eq!(without_date_of_log(line), without_date);
        }
    }

    #[test]
    fn placeholders_for_tags() {
        for (field, shown) in [
            ("ETag: \"a-1\"", "ETag: [tag]"),
            ("etag: W/\"a, b\\\"", "etag: W/\"a, b\\\""),
            ("etag: W/\"a,b\\\"", "etag: W/[tag]"),
            ("ETag: a-1", "ETag: a-1"),
            ("ETag: w/\"a\"", "ETag: w/\"a\""),
            ("ETag: \"a\"b\"", "ETag: \"a\"b\""),
            ("ETag: \"", "ETag: \""),
            ("Other: \"a-1\"", "Other: \"a-1\""),
        ] {
            let response = |field: &str| format!("HTTP/1.1 304 Not Modified\r\n{field}\r\n\r\n");
            let mut placeholders = Placeholders::default();
            let put_in = placeholders.put_in(response(field).as_bytes());
            assert_eq!(String::from_utf8(put_in).unwrap(), response(shown));
            let (_, value) = field.split_once(": ").unwrap();
            let sent = placeholders.fill_in(b"If-None-Match: \"x\", [ETag]");
            if field.starts_with("ETag") {
                assert_eq!(sent, format!("If-None-Match: \"x\", {value}").as_bytes());
            }
        }
    }

    #[test]
    fn placeholders_in_several_responses() {
        let response = |date: &str, length: usize, body: &str| {
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let chunked = |date: &str| {
            let fields = format!("Date: {date}\r\nTransfer-Encoding: chunked\r\n");
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n3\r\nabc\r\n0\r\n\r\n")
        };
        let several = |date: &str| {
            let to_head = response(date, 9, "");
            to_head + &response(date, 5, "Date:") + &chunked(date) + &response(date, 1, "a")
        };
        let received = several("Sun, 06 Nov 1994 08:49:37 GMT");
        let put_in = Placeholders::default().put_in(received.as_bytes());
        assert_eq!(String::from_utf8(put_in).unwrap(), several("[date]"));
    }
}
