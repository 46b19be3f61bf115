//! Plays a case in HTTP/2 over one connection, and judges what comes.

use std::fmt;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use harness::http2::{
    self, Frame, Message, OPAQUE, Payload, Piece, Reader, broken_rule, bytes_of, error_name, field,
    flags, kinds, setting, with_values,
};
use harness::play::{self, Connection, REST, SILENCE};
use harness::transcript::Step;

use super::cases::{Line, Statuses};
use super::conversation::{Departure, Played, Prober, refused};
use super::facts::Facts;
use super::flood::Flood;

/// How long what comes in any case behind the answer to a PING may take: a server may send
/// that first.
const GRACE: Duration = Duration::from_millis(300);

/// How many words about what has come are said at the most, with one word for each frame.
const MOST_WORDS: usize = 12;

/// How long it takes to see whether something has come.
const A_LOOK: Duration = Duration::from_millis(1);

/// What would be right, one of these.
#[derive(Clone, Debug)]
pub struct WantedFrames(Vec<OneOf>);

#[derive(Clone, Debug)]
enum OneOf {
    /// SETTINGS of the server's own.
    Settings,
    /// So many acknowledgements of SETTINGS.
    Acks(usize),
    /// The answer to a PING.
    Pong([u8; 8]),
    /// The end of the connection, or GOAWAY that says why.
    ConnectionError,
    /// The end of the connection.
    Closed,
    /// The same, or GOAWAY with an error.
    End,
    /// GOAWAY with an error.
    GoAway,
    /// RST_STREAM, or the end of the connection, as any error may end that.
    StreamError(u32),
    /// The same, or an answer that refuses the request.
    Malformed(u32),
    /// A whole answer.
    Answer(u32, Vec<Statuses>),
    /// So many bytes of an answer that has not ended.
    Bytes(u32, usize),
    /// The connection is open, and answers a PING.
    Open,
    /// Nothing that no server may send.
    Rules,
    /// RST_STREAM with an error for any stream, or the end of the connection.
    AnyStreamError,
    /// No RST_STREAM for that stream.
    NoReset(u32),
    /// Nothing over that stream.
    Nothing(u32),
    /// So many bytes over all streams.
    BytesInAll(usize),
    /// Another client gets its answer meanwhile.
    AnotherClient,
}

/// How far a server has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Met,
    /// It may still come.
    Pending,
    Missed,
}

impl WantedFrames {
    /// Reads `stream 1 error or connection error`.
    pub fn parse(text: &str) -> Option<Self> {
        let alternatives = text.split(" or ").map(OneOf::parse);
        Some(Self(alternatives.collect::<Option<_>>()?))
    }

    fn state(&self, talk: &Talk) -> State {
        let states: Vec<State> = self.0.iter().map(|one| one.state(talk)).collect();
        match () {
            () if states.contains(&State::Met) => State::Met,
            () if states.contains(&State::Pending) => State::Pending,
            () => State::Missed,
        }
    }

    /// Whether a server that has answered a PING behind it has decided.
    fn is_decided_at_once(&self) -> bool {
        !self.0.iter().any(|one| {
            matches!(
                one,
                OneOf::Malformed(_) | OneOf::Answer(..) | OneOf::Bytes(..) | OneOf::BytesInAll(_)
            )
        })
    }

    /// Whether it takes a page that is answered.
    pub fn takes_a_page(&self) -> bool {
        let is_answer = |one: &OneOf| {
            matches!(
                one,
                OneOf::Answer(..) | OneOf::Bytes(..) | OneOf::BytesInAll(_)
            )
        };
        self.0.iter().all(is_answer)
    }
}

impl OneOf {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        Some(match words[..] {
            ["SETTINGS"] => Self::Settings,
            ["SETTINGS", "ACK"] => Self::Acks(1),
            ["SETTINGS", "ACK", "twice"] => Self::Acks(2),
            ["PING", "ACK", digits] => {
                let number = u64::from_str_radix(digits, 16).ok()?;
                Self::Pong(number.to_be_bytes())
            }
            ["connection", "error"] => Self::ConnectionError,
            ["closed"] => Self::Closed,
            ["the", "end"] => Self::End,
            ["GOAWAY"] => Self::GoAway,
            ["open"] => Self::Open,
            ["what", "may", "be", "sent"] => Self::Rules,
            ["another", "client"] => Self::AnotherClient,
            ["any", "stream", "error"] => Self::AnyStreamError,
            ["all", "streams", "DATA", length] => Self::BytesInAll(length.parse().ok()?),
            ["stream", stream, "nothing"] => Self::Nothing(stream.parse().ok()?),
            ["stream", stream, "no", "RST_STREAM"] => Self::NoReset(stream.parse().ok()?),
            ["stream", stream, "error"] => Self::StreamError(stream.parse().ok()?),
            ["stream", stream, "malformed"] => Self::Malformed(stream.parse().ok()?),
            ["stream", stream, "DATA", length] => {
                Self::Bytes(stream.parse().ok()?, length.parse().ok()?)
            }
            ["stream", stream, ref statuses @ ..] if !statuses.is_empty() => {
                let statuses = statuses.iter().map(|word| Statuses::parse(word));
                Self::Answer(stream.parse().ok()?, statuses.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn state(&self, talk: &Talk) -> State {
        let met = |is_met: bool| match is_met {
            true => State::Met,
            false if talk.is_closed => State::Missed,
            false => State::Pending,
        };
        match self {
            Self::Settings if talk.bytes.starts_with(b"HTTP/") => State::Missed,
            Self::Settings => met(talk
                .frames()
                .any(|frame| frame.kind == kinds::SETTINGS && !frame.has(flags::ACK))),
            Self::Acks(count) => {
                let acks = talk
                    .frames()
                    .filter(|frame| frame.kind == kinds::SETTINGS && frame.has(flags::ACK));
                met(acks.count() >= *count)
            }
            Self::Pong(opaque) => met(talk.has_answered(*opaque)),
            Self::ConnectionError => match talk.goaway() {
                Some(0) if talk.is_closed => State::Missed,
                Some(error) if error != 0 => State::Met,
                _ if talk.is_closed => State::Met,
                _ if talk.has_answered(OPAQUE) => State::Missed,
                _ => State::Pending,
            },
            Self::End if talk.is_closed => State::Met,
            Self::End => Self::ConnectionError.state(talk),
            Self::Closed if talk.is_closed => State::Met,
            Self::Closed => State::Pending,
            Self::GoAway => met(talk.goaway().is_some_and(|error| error != 0)),
            Self::StreamError(stream) => talk.refusal(*stream, |_| false),
            Self::Malformed(stream) => {
                talk.refusal(*stream, |status| matches!(status, 400..=499 | 501 | 505))
            }
            Self::Answer(stream, statuses) => match talk.answer(*stream) {
                Some(status) if statuses.iter().any(|one| one.has(status)) => State::Met,
                Some(_) => State::Missed,
                None if talk.is_reset(*stream) => State::Missed,
                None => met(false),
            },
            Self::Bytes(stream, length) => {
                let message = talk.message(*stream);
                match message.body.len() {
                    came if came > *length || message.is_whole => State::Missed,
                    came => met(came == *length),
                }
            }
            Self::Open => {
                met(talk.has_answered(OPAQUE) && talk.goaway().is_none_or(|error| error == 0))
            }
            Self::Rules => met(talk.has_answered(OPAQUE)),
            Self::AnyStreamError => {
                let is_error = |frame: &Frame| matches!(frame.payload, Payload::RstStream(error) if error != 0);
                match talk.frames().any(is_error) {
                    true => State::Met,
                    false => Self::ConnectionError.state(talk),
                }
            }
            Self::NoReset(stream) => {
                let is_reset = |frame: &Frame| {
                    frame.stream == *stream && matches!(frame.payload, Payload::RstStream(_))
                };
                match talk.frames().any(is_reset) {
                    true => State::Missed,
                    false => met(talk.has_answered(OPAQUE)),
                }
            }
            Self::Nothing(stream) => match talk.frames().any(|frame| frame.stream == *stream) {
                true => State::Missed,
                false if talk.is_closed || talk.has_answered(OPAQUE) => State::Met,
                false => State::Pending,
            },
            Self::BytesInAll(length) => {
                let bodies = talk.frames().filter_map(|frame| match &frame.payload {
                    Payload::Data(data) => Some(data.len()),
                    _ => None,
                });
                match bodies.sum::<usize>() {
                    came if came > *length => State::Missed,
                    came => met(came == *length),
                }
            }
            Self::AnotherClient => match talk.another_is_answered {
                true => State::Met,
                false => State::Missed,
            },
        }
    }
}

impl fmt::Display for WantedFrames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, one) in self.0.iter().enumerate() {
            formatter.write_str(if number == 0 { "" } else { ", or " })?;
            match one {
                OneOf::Settings => formatter.write_str("SETTINGS")?,
                OneOf::Acks(1) => formatter.write_str("SETTINGS with ACK")?,
                OneOf::Acks(count) => write!(formatter, "SETTINGS with ACK, {count} times")?,
                OneOf::Pong(opaque) => {
                    let number = u64::from_be_bytes(*opaque);
                    write!(formatter, "PING {number:016x} with ACK")?;
                }
                OneOf::ConnectionError => {
                    formatter.write_str("the end of the connection, or GOAWAY with an error")?;
                }
                OneOf::Closed | OneOf::End => formatter.write_str("the end of the connection")?,
                OneOf::GoAway => formatter.write_str("GOAWAY with an error")?,
                OneOf::StreamError(stream) => {
                    write!(
                        formatter,
                        "RST_STREAM {stream}, or the end of the connection"
                    )?;
                }
                OneOf::Malformed(stream) => write!(
                    formatter,
                    "RST_STREAM {stream}, a refusal over stream {stream}, or the end of the connection"
                )?,
                OneOf::Answer(stream, statuses) => {
                    let statuses: Vec<String> = statuses.iter().map(Statuses::to_string).collect();
                    write!(formatter, "{} over stream {stream}", statuses.join(" or "))?;
                }
                OneOf::Bytes(stream, length) => {
                    write!(
                        formatter,
                        "{length} bytes over stream {stream}, and no more"
                    )?;
                }
                OneOf::Open => formatter.write_str("a connection that answers PING")?,
                OneOf::Rules => formatter.write_str("nothing that RFC 9113 forbids")?,
                OneOf::AnyStreamError => {
                    formatter.write_str("RST_STREAM, or the end of the connection")?;
                }
                OneOf::NoReset(stream) => write!(formatter, "no RST_STREAM {stream}")?,
                OneOf::Nothing(stream) => write!(formatter, "nothing over stream {stream}")?,
                OneOf::BytesInAll(length) => {
                    write!(formatter, "{length} bytes over all streams, and no more")?;
                }
                OneOf::AnotherClient => {
                    formatter.write_str("an answer to another client meanwhile")?;
                }
            }
        }
        Ok(())
    }
}

/// A connection, and what has happened on it.
pub struct Talk {
    stream: Box<dyn Connection>,
    pub sent: Vec<Piece>,
    bytes: Vec<u8>,
    reader: Reader,
    looked_at: usize,
    pub is_closed: bool,
    /// Whether another client has got its answer, where one has asked.
    another_is_answered: bool,
}

impl Talk {
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.reader.pieces().filter_map(|piece| match piece {
            Piece::Frame(frame) => Some(frame),
            _ => None,
        })
    }

    pub fn message(&self, stream: u32) -> Message {
        let is_of_stream = |frame: &&Frame| frame.stream == stream;
        let frames = self.frames().filter(is_of_stream).cloned();
        let pieces: Vec<Piece> = frames.map(Piece::Frame).collect();
        Message::of(&pieces, stream)
    }

    /// How much DATA the client has sent over a stream, or for 0 over all of them.
    pub fn sent_data(&self, stream: u32) -> i64 {
        let lengths = self.sent.iter().map(|piece| match piece {
            Piece::Frame(frame) if stream == 0 || frame.stream == stream => frame.data_length(),
            _ => 0,
        });
        lengths.sum::<usize>() as i64
    }

    fn has_answered(&self, opaque: [u8; 8]) -> bool {
        let answer = Frame::new(kinds::PING, flags::ACK, 0, Payload::Ping(opaque));
        self.frames().any(|frame| *frame == answer)
    }

    /// The error of the last GOAWAY.
    fn goaway(&self) -> Option<u32> {
        let errors = self.frames().filter_map(|frame| match frame.payload {
            Payload::GoAway { error, .. } => Some(error),
            _ => None,
        });
        errors.last()
    }

    fn is_reset(&self, stream: u32) -> bool {
        self.message(stream).reset.is_some()
    }

    /// The status of an answer that is whole.
    fn answer(&self, stream: u32) -> Option<u16> {
        let message = self.message(stream);
        let section = &message.sections[message.final_section()?];
        let status = str::from_utf8(field(section, b":status")?).ok()?;
        status.parse().ok().filter(|_| message.is_whole)
    }

    /// Whether a stream was given up, or the connection, or answered with a status that
    /// counts for that.
    fn refusal(&self, stream: u32, is_refusal: impl Fn(u16) -> bool) -> State {
        let error = self.frames().find_map(|frame| match frame.payload {
            Payload::RstStream(error) if frame.stream == stream => Some(error),
            _ => None,
        });
        match (error, self.goaway(), self.answer(stream)) {
            (Some(error), ..) if error != 0 => State::Met,
            (_, Some(error), _) if error != 0 => State::Met,
            (_, _, Some(status)) if is_refusal(status) => State::Met,
            (_, _, Some(_)) => State::Missed,
            _ if self.is_closed => State::Met,
            _ => State::Pending,
        }
    }

    pub fn send(&mut self, pieces: &[Piece]) {
        self.write(&bytes_of(pieces));
        self.sent.extend(pieces.iter().cloned());
    }

    /// Sends bytes. A server that has heard enough may have closed.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Receives what has come, and waits for nothing.
    pub fn receive_what_is_there(&mut self) -> Result<(), Departure> {
        while !self.is_closed && self.receive(Instant::now() + A_LOOK)? {}
        Ok(())
    }

    /// Receives what has come, or waits for it, and answers what a server may ask; `false`
    /// where nothing came in time.
    pub fn receive(&mut self, deadline: Instant) -> Result<bool, Departure> {
        let before = self.bytes.len();
        match play::receive_some(&mut *self.stream, &mut self.bytes, deadline) {
            Ok(is_open) => self.is_closed = !is_open,
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => return Ok(false),
                ErrorKind::FileTooLarge => {
                    return Err(Departure::new("what the server sends does not end"));
                }
                _ => self.is_closed = true,
            },
        }
        self.reader.receive(&self.bytes[before..]);
        if self.is_closed {
            self.reader.end();
        }
        let came: Vec<Piece> = self.reader.pieces().skip(self.looked_at).cloned().collect();
        self.looked_at += came.len();
        for piece in came {
            let Piece::Frame(frame) = piece else {
                continue;
            };
            let answer = match frame.payload {
                Payload::Ping(_) if !frame.has(flags::ACK) => frame.payload,
                Payload::Settings(_) if !frame.has(flags::ACK) => Payload::Settings(Vec::new()),
                _ => continue,
            };
            let answer = Frame::new(frame.kind, flags::ACK, 0, answer);
            let _ = self.stream.write_all(&bytes_of(&[Piece::Frame(answer)]));
        }
        Ok(true)
    }

    /// Waits for what is wanted.
    fn wait_for(&mut self, wanted: &[&WantedFrames], patience: Duration) -> Result<(), Departure> {
        let mut deadline = Instant::now() + patience;
        let mut is_graceful = false;
        loop {
            let is_missed = |wanted: &&&WantedFrames| wanted.state(self) == State::Missed;
            if let Some(missed) = wanted.iter().find(is_missed) {
                return Err(self.departure(missed, false));
            }
            let pending: Vec<&&WantedFrames> = wanted
                .iter()
                .filter(|wanted| wanted.state(self) == State::Pending)
                .collect();
            let Some(first) = pending.first() else {
                return Ok(());
            };
            let is_decided = pending.iter().all(|wanted| wanted.is_decided_at_once());
            if !is_graceful && is_decided && self.has_answered(OPAQUE) {
                is_graceful = true;
                deadline = deadline.min(Instant::now() + GRACE);
            }
            if !self.receive(deadline)? {
                return Err(self.departure(first, true));
            }
        }
    }

    fn departure(&self, wanted: &WantedFrames, is_late: bool) -> Departure {
        let came = self.came();
        let words = match () {
            () if came.is_empty() && is_late => "nothing came in time".to_owned(),
            () if is_late => format!("there came {came}, and nothing more in time"),
            () if came.is_empty() => "nothing came".to_owned(),
            () => format!("there came {came}"),
        };
        Departure::new(format!("{words}; wanted: {wanted}"))
    }

    /// What has come, in a few words.
    fn came(&self) -> String {
        let mut words = Vec::new();
        for piece in self.reader.pieces() {
            let Piece::Frame(frame) = piece else {
                words.push("what is no frame".to_owned());
                continue;
            };
            let name = || {
                let shown = http2::show(&[Piece::Frame(frame.clone())]);
                let first = shown
                    .first()
                    .map(|line| line.split(' ').next().unwrap_or(line));
                first.unwrap_or_default().to_owned()
            };
            words.push(match &frame.payload {
                Payload::Headers { block, .. } | Payload::Continuation(block) => {
                    match field(block, b":status") {
                        Some(status) => String::from_utf8_lossy(status).into_owned(),
                        None => name(),
                    }
                }
                Payload::RstStream(error) | Payload::GoAway { error, .. } => {
                    format!("{} {}", name(), error_name(*error))
                }
                Payload::Ping(opaque) if frame.has(flags::ACK) && *opaque == OPAQUE => continue,
                _ if frame.has(flags::ACK)
                    && matches!(frame.kind, kinds::SETTINGS | kinds::PING) =>
                {
                    format!("{} ACK", name())
                }
                _ => name(),
            });
        }
        words.dedup();
        if words.len() > MOST_WORDS {
            // Behind a flood it is the same again and again.
            let mut seen = Vec::new();
            words.retain(|word| {
                let is_new = !seen.contains(word);
                seen.extend(is_new.then(|| word.clone()));
                is_new
            });
        }
        if self.is_closed {
            words.push("closed".to_owned());
        }
        words.join(", ")
    }
}

/// Why a case of HTTP/2 is skipped where nothing is answered.
const NO_PAGE: &str = "no page is answered in HTTP/2";
const LARGE_FRAMES: &str = "the server takes frames of any size";

impl Prober {
    /// Whether the server speaks HTTP/2: it begins with SETTINGS.
    pub fn finds_frames(&mut self) -> bool {
        let Ok(mut talk) = self.open_frames() else {
            return false;
        };
        let opening = http2::read(http2::OPENING).unwrap_or_default();
        talk.send(&opening);
        let wanted = WantedFrames(vec![OneOf::Settings]);
        let found = talk.wait_for(&[&wanted], self.patience()).is_ok();
        let said = |identifier| talk.frames().find_map(|frame| said(frame, identifier));
        if let Some(limit) = said(setting::MAX_FRAME_SIZE) {
            self.max_frame_size = limit;
        }
        self.max_streams = said(setting::MAX_CONCURRENT_STREAMS);
        talk.stream.abandon();
        found
    }

    /// The status and the content that a path has in HTTP/2.
    pub fn ask_in_frames(
        &mut self,
        scheme: &str,
        host: &str,
        path: &str,
    ) -> Option<(u16, Vec<u8>)> {
        let mut talk = self.open_frames().ok()?;
        let request = http2::get(1, path)
            .replace(":scheme: http\n", &format!(":scheme: {scheme}\n"))
            .replace(":authority: localhost", &format!(":authority: {host}"));
        let opened = http2::read(&(http2::OPENING.to_owned() + &request))?;
        talk.send(&opened);
        let any = ["2xx", "3xx", "4xx", "5xx"].map(Statuses::parse);
        let wanted = OneOf::Answer(1, any.into_iter().flatten().collect());
        let _ = talk.wait_for(&[&WantedFrames(vec![wanted])], self.patience());
        talk.stream.abandon();
        let status = talk.answer(1)?;
        Some((status, talk.message(1).body))
    }

    fn open_frames(&mut self) -> Result<Talk, Departure> {
        let stream = self.connect_for_frames().map_err(|error| refused(&error))?;
        Ok(Talk {
            stream,
            sent: Vec::new(),
            bytes: Vec::new(),
            reader: Reader::default(),
            looked_at: 0,
            is_closed: false,
            another_is_answered: false,
        })
    }

    /// Plays a case in HTTP/2, whose placeholders must all stand for something.
    ///
    /// # Errors
    /// Why it is skipped.
    pub fn play_frames(&mut self, lines: &[Line], facts: &Facts) -> Result<Played, &'static str> {
        let sends_a_request = lines.iter().any(|line| match line {
            Line::Step(Step::SendFrames(frames)) | Line::Flood(Flood { frames, .. }) => {
                !http2::streams(frames).is_empty()
            }
            _ => false,
        });
        let takes_a_page = lines.iter().any(|line| match line {
            Line::Frames(wanted) => wanted.takes_a_page() || sends_a_request && wanted.goes_on(),
            _ => false,
        });
        if takes_a_page && !facts.has_frames_page {
            return Err(NO_PAGE);
        }
        let mut filled = Vec::new();
        for line in lines {
            filled.push(match line {
                Line::Step(Step::SendFrames(frames)) => {
                    Line::Step(Step::SendFrames(self.fill(frames, facts)?))
                }
                Line::Step(Step::SendFramesOneByOne(frames)) => {
                    Line::Step(Step::SendFramesOneByOne(self.fill(frames, facts)?))
                }
                Line::Step(step) => Line::Step(step.clone()),
                Line::Frames(wanted) => Line::Frames(wanted.clone()),
                Line::Answer(wanted) => Line::Answer(wanted.clone()),
                Line::Upload(upload) => Line::Upload(upload.clone()),
                Line::Flood(flood) => {
                    let fixed = flood
                        .clone()
                        .fixed(self.max_streams, facts.frames_page_length)?;
                    Line::Flood(Flood {
                        frames: self.fill(&flood.frames, facts)?,
                        ..fixed
                    })
                }
            });
        }
        let mut steps = Vec::new();
        let mut floods = Vec::new();
        for line in &filled {
            match line {
                Line::Step(step) => steps.push(step.clone()),
                Line::Flood(flood) => {
                    floods.push((steps.len(), flood.words()));
                    steps.push(Step::SendFrames(flood.frames.clone()));
                }
                Line::Upload(upload) => floods.push((steps.len(), upload.words())),
                Line::Frames(_) | Line::Answer(_) => {}
            }
        }
        let mut played = Played {
            steps,
            floods,
            went_on: false,
            received: Vec::new(),
            frames: Some(Vec::new()),
            came: String::new(),
            departure: None,
        };
        match self.open_frames() {
            Err(departure) => played.departure = Some(departure),
            Ok(mut talk) => {
                played.departure = self.converse_in_frames(&mut talk, &filled, facts).err();
                played.came = talk.came();
                played.frames = Some(talk.reader.pieces().cloned().collect());
                talk.stream.abandon();
                played.received = talk.bytes;
            }
        }
        Ok(played)
    }

    /// Puts in what the placeholders stand for, in the values of field lines; and makes what
    /// is longer than a frame of 16,384 bytes longer than the server takes.
    fn fill(&self, frames: &[Piece], facts: &Facts) -> Result<Vec<Piece>, &'static str> {
        let mut failed = None;
        let filled = with_values(frames, |_, value| {
            facts.fill(value).unwrap_or_else(|reason| {
                failed = Some(reason);
                value.to_vec()
            })
        });
        let is_too_long = |piece: &Piece| {
            let length = bytes_of(std::slice::from_ref(piece)).len() - 9;
            matches!(piece, Piece::Frame(_)) && length > LONGEST
        };
        match failed {
            Some(reason) => Err(reason),
            None if self.max_frame_size > LONGEST && filled.iter().any(is_too_long) => {
                Err(LARGE_FRAMES)
            }
            None => Ok(filled),
        }
    }

    fn converse_in_frames(
        &mut self,
        talk: &mut Talk,
        lines: &[Line],
        facts: &Facts,
    ) -> Result<(), Departure> {
        let patience = self.patience();
        let mut rest = lines;
        while let Some((first, after)) = rest.split_first() {
            match first {
                Line::Frames(_) => {
                    let wanted: Vec<&WantedFrames> = rest
                        .iter()
                        .map_while(|line| match line {
                            Line::Frames(wanted) => Some(wanted),
                            _ => None,
                        })
                        .collect();
                    rest = &rest[wanted.len()..];
                    if wanted.iter().any(|wanted| wanted.takes_another_client()) {
                        talk.another_is_answered = self.another_is_answered(facts);
                    }
                    let is_last = !rest.iter().any(|line| matches!(line, Line::Frames(_)));
                    if is_last && wanted.iter().any(|wanted| wanted.takes_a_ping()) {
                        let ping = Frame::new(kinds::PING, 0, 0, Payload::Ping(OPAQUE));
                        let _ = talk.stream.write_all(&bytes_of(&[Piece::Frame(ping)]));
                    }
                    talk.wait_for(&wanted, patience)?;
                    if wanted.iter().any(|wanted| wanted.looks_at_the_rules()) {
                        find_broken_rule(talk)?;
                    }
                    continue;
                }
                Line::Step(Step::SendFrames(frames)) => talk.send(frames),
                Line::Step(Step::SendFramesOneByOne(frames)) => {
                    let bytes = bytes_of(frames);
                    for (position, byte) in bytes.iter().enumerate() {
                        let _ = talk.stream.write_all(&[*byte]);
                        if play::rests_behind(position + 1, bytes.len()) {
                            play::has_been_read(&*talk.stream);
                            thread::sleep(REST);
                        }
                    }
                    talk.sent.extend(frames.iter().cloned());
                }
                Line::Flood(flood) => flood.send(talk)?,
                Line::Upload(upload) => upload.send(talk, patience)?,
                Line::Step(Step::HalfClose) => {
                    let _ = talk.stream.half_close();
                }
                Line::Step(Step::Waits) => thread::sleep(REST),
                // What came meanwhile counts for what is wanted then.
                Line::Step(Step::IsSilent) => {
                    thread::sleep(SILENCE);
                    talk.receive_what_is_there()?;
                }
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }
}

impl Prober {
    /// Whether another client gets the page, or where there is none the server's SETTINGS.
    fn another_is_answered(&mut self, facts: &Facts) -> bool {
        if !facts.has_frames_page {
            return self.finds_frames();
        }
        let text = |name| String::from_utf8_lossy(facts.get(name).unwrap_or_default()).into_owned();
        let (scheme, host, path) = (text("scheme"), text("host"), text("path"));
        let answer = self.ask_in_frames(&scheme, &host, &path);
        answer.is_some_and(|(status, _)| status / 100 == 2)
    }
}

/// The longest frame that every server takes (RFC 9113 §4.2).
const LONGEST: usize = 16_384;

/// What a server says in a setting, where it does.
fn said(frame: &Frame, wanted: u16) -> Option<usize> {
    let Payload::Settings(settings) = &frame.payload else {
        return None;
    };
    let said = settings
        .iter()
        .find(|(identifier, _)| *identifier == wanted);
    said.map(|(_, value)| *value as usize)
}

impl WantedFrames {
    /// Whether it takes a PING to tell that nothing else will come.
    fn takes_a_ping(&self) -> bool {
        self.0.iter().any(|one| {
            matches!(
                one,
                OneOf::ConnectionError
                    | OneOf::Closed
                    | OneOf::End
                    | OneOf::StreamError(_)
                    | OneOf::Open
                    | OneOf::Rules
                    | OneOf::AnyStreamError
                    | OneOf::NoReset(_)
                    | OneOf::Nothing(_)
            )
        })
    }

    /// Whether another client asks too.
    fn takes_another_client(&self) -> bool {
        self.0.iter().any(|one| matches!(one, OneOf::AnotherClient))
    }

    /// Whether the connection is to go on behind what was sent.
    fn goes_on(&self) -> bool {
        let goes_on = |one: &OneOf| matches!(one, OneOf::Open | OneOf::Pong(_) | OneOf::NoReset(_));
        self.0.iter().all(goes_on)
    }

    fn looks_at_the_rules(&self) -> bool {
        self.0.iter().any(|one| matches!(one, OneOf::Rules))
    }
}

fn find_broken_rule(talk: &Talk) -> Result<(), Departure> {
    match broken_rule(&talk.sent, talk.reader.received()) {
        Some(broken) => Err(Departure::new(broken.problem)),
        None => Ok(()),
    }
}
