//! What came in HTTP/2, compared with what was expected: what RFC 9113 demands of the
//! frames, and the answers that they carry as those of HTTP/1.1 are compared.

use super::{Failure, Fault, Note, compare_response, listed, still_open};
use crate::http2::{
    FieldLine, Frame, Message, Payload, Piece, Reader, Received, Talk, broken_rule, bytes_of,
    error_name, field, flags, kinds, setting, show, streams,
};
use crate::play::{CLOSE_PATIENCE, Conversation, End, PATIENCE};
use crate::response::{self, Asked, Field, Response, shown};

const NO_ERROR: u32 = 0x0;
const PROTOCOL_ERROR: u32 = 0x1;
const INTERNAL_ERROR: u32 = 0x2;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// How many bytes a frame may have where a server says nothing else.
const MAX_FRAME_SIZE: u32 = 16_384;

/// Compares one connection.
pub fn compare(
    conversation: &Conversation,
    talk: &Talk,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let received = talk.reader.received();
    let sent = as_read(&talk.sent);
    if !begins_right(&sent) {
        return without_a_preface(conversation.end);
    }
    if received.is_empty() && !talk.expected.is_empty() {
        return nothing_came(conversation.end);
    }
    // A reset may cut what was sent before it off anywhere.
    let whole = match (received.split_last(), conversation.end) {
        (Some((last, rest)), End::Reset) if matches!(last.piece, Piece::Bytes(_)) => rest,
        _ => received,
    };
    if let Some(broken) = broken_rule(&sent, whole) {
        return Err(Failure::from(broken));
    }
    let judge = Judge {
        conversation,
        talk,
        sent,
        came: whole.iter().map(|one| one.piece.clone()).collect(),
        received: whole,
    };
    judge.compare(notes)
}

/// What a client has sent as a server reads it, its field blocks decoded.
fn as_read(sent: &[Piece]) -> Vec<Piece> {
    let mut reader = Reader::default();
    reader.receive(&bytes_of(sent));
    reader.pieces().cloned().collect()
}

/// A client that does not begin as HTTP/2 does need not be told so in frames (RFC 9113
/// §3.4): the connection ends.
fn without_a_preface(end: End) -> Result<(), Failure> {
    match end {
        End::TimedOut | End::HeldOpen | End::Open => Err(Failure::new(
            format!(
                "what the client began with is no preface of HTTP/2, and after {} s the connection \
                 is still open",
                PATIENCE.as_secs()
            ),
            "Compare the first 24 bytes with the preface, each as it comes, and end the connection \
             at the first that differs, or where no SETTINGS follows (RFC 9113 section 3.4).",
        )
        .stuck()),
        _ => Ok(()),
    }
}

fn nothing_came(end: End) -> Result<(), Failure> {
    let (problem, advice) = match end {
        End::TimedOut => (
            format!("timed out after {} s without a frame", PATIENCE.as_secs()),
            "Send SETTINGS when the connection is open: the client's preface need not have come for \
             that (RFC 9113 section 3.4). Or does the server wait for the blank line that ends a \
             request of HTTP/1.1?",
        ),
        End::Reset => (
            "the connection was reset without a frame".to_owned(),
            "A reset comes from closing a connection with bytes unread, or from a server that died. \
             Begin with SETTINGS, and read all that comes (RFC 9113 section 3.4). Over TLS: does the \
             server choose `h2` in the handshake (RFC 7301)?",
        ),
        _ => (
            "the connection was closed without a frame".to_owned(),
            "Is the preface of HTTP/2 taken for a request? Its 24 bytes begin with `PRI * HTTP/2.0`; \
             frames follow, and the answer begins with SETTINGS (RFC 9113 section 3.4). Over TLS: \
             does the server choose `h2` in the handshake (RFC 7301)?",
        ),
    };
    let failure = Failure::new(problem, advice).of(Fault::Silence);
    Err(failure.stuck_if(end == End::TimedOut))
}

/// Whether a client has sent the preface, and SETTINGS behind it.
fn begins_right(sent: &[Piece]) -> bool {
    matches!(sent, [Piece::Preface, Piece::Frame(frame), ..] if frame.kind == kinds::SETTINGS)
}

fn frames(pieces: &[Piece]) -> impl Iterator<Item = &Frame> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Frame(frame) => Some(frame),
        _ => None,
    })
}

/// The error of the last GOAWAY.
fn goaway(pieces: &[Piece]) -> Option<(u32, &[u8])> {
    let errors = frames(pieces).filter_map(|frame| match &frame.payload {
        Payload::GoAway { error, debug, .. } => Some((*error, &**debug)),
        _ => None,
    });
    errors.last()
}

/// Whether an error says as well what is wrong. "An endpoint MAY use any applicable error
/// code when it detects an error condition; a generic error code (such as PROTOCOL_ERROR
/// or INTERNAL_ERROR) can always be used in place of more specific error codes" (RFC 9113
/// §5.4).
fn is_as_good(wanted: u32, came: u32) -> bool {
    match wanted {
        _ if wanted == came => true,
        NO_ERROR => false,
        PROTOCOL_ERROR => came != NO_ERROR,
        _ => matches!(came, PROTOCOL_ERROR | INTERNAL_ERROR | ENHANCE_YOUR_CALM),
    }
}

struct Judge<'a> {
    conversation: &'a Conversation,
    talk: &'a Talk,
    sent: Vec<Piece>,
    came: Vec<Piece>,
    received: &'a [Received],
}

impl Judge<'_> {
    fn compare(&self, notes: &mut Vec<Note>) -> Result<(), Failure> {
        let expected = &self.talk.expected;
        if self.is_within_its_limits() {
            return Ok(());
        }
        let (wanted, came) = (goaway(expected), goaway(&self.came));
        let has_ended = matches!(
            self.conversation.end,
            End::Closed | End::Reset | End::ClosedEarly
        );
        if let Some((wanted, _)) = wanted.filter(|(error, _)| *error != NO_ERROR) {
            self.compare_streams(true, notes)?;
            return self.compare_end(wanted, came, has_ended);
        }
        // A stream error may be taken for one of the connection (RFC 9113 section 5.4.1).
        let is_stream_error = |piece: &Piece| match piece {
            Piece::Frame(frame) => match &frame.payload {
                Payload::RstStream(error) => *error != NO_ERROR,
                Payload::Headers { block, .. } => field(block, b":status") == Some(b"400"),
                _ => false,
            },
            _ => false,
        };
        let may_end = expected.iter().any(is_stream_error) || self.has_answered_nothing();
        match came {
            Some((error, debug)) if error != NO_ERROR && !may_end => {
                let words = match debug {
                    [] => String::new(),
                    debug => format!(" and says {}", shown(debug)),
                };
                return Err(self.unexpected_end(error, &words));
            }
            Some((error, _)) if error != NO_ERROR => {
                return self.compare_streams(true, notes);
            }
            _ => {}
        }
        if self.conversation.end == End::ClosedEarly && may_end {
            return self.compare_streams(true, notes);
        }
        self.compare_streams(false, notes)?;
        self.compare_acks()?;
        match self.conversation.end {
            End::TimedOut | End::HeldOpen => Err(still_open()),
            End::ClosedEarly => Err(Failure::new(
                "the server closed the connection, which should have stayed open",
                "Read the next frame when the answer has been sent: a connection of HTTP/2 stays \
                 open, and one that ends is announced with GOAWAY (RFC 9113 section 9.1).",
            )),
            End::Unanswered => Err(Failure::new(
                format!(
                    "the connection stays open, but a PING over it got no answer within {} s",
                    PATIENCE.as_secs()
                ),
                "Read on, and answer a PING with its eight bytes and the flag ACK (RFC 9113 section \
                 6.7).",
            )
            .stuck()),
            End::Truncated => Err(Failure::new(
                "the connection ended without a close_notify",
                "Say the end in TLS too, before the end of TCP (RFC 8446 section 6.1).",
            )),
            _ => Ok(()),
        }
    }

    /// Whether what was to be refused is within what the server says that it takes, so that
    /// it need not refuse it.
    fn is_within_its_limits(&self) -> bool {
        let wanted = goaway(&self.talk.expected).map(|(error, _)| error);
        let is_reset = |frame: &Frame| frame.payload == Payload::RstStream(FRAME_SIZE_ERROR);
        if wanted != Some(FRAME_SIZE_ERROR) && !frames(&self.talk.expected).any(is_reset) {
            return false;
        }
        let says = self.setting(setting::MAX_FRAME_SIZE);
        let limit = says.filter(|limit| *limit > MAX_FRAME_SIZE);
        limit.is_some_and(|limit| {
            let length = |frame: &Frame| {
                let mut bytes = Vec::new();
                frame.write(&mut bytes);
                frame.length.unwrap_or(bytes.len() as u32 - 9)
            };
            let longest = frames(&self.talk.sent).map(length).max();
            longest.is_some_and(|longest| longest > MAX_FRAME_SIZE && longest <= limit)
        })
    }

    /// The value of a setting of the server's.
    fn setting(&self, wanted: u16) -> Option<u32> {
        let settings = frames(&self.came).filter_map(|frame| match &frame.payload {
            Payload::Settings(settings) => Some(settings),
            _ => None,
        });
        let values = settings.flatten().filter(|(one, _)| *one == wanted);
        values.map(|(_, value)| *value).last()
    }

    /// The end of a connection that has to end in an error.
    fn compare_end(
        &self,
        wanted: u32,
        came: Option<(u32, &[u8])>,
        has_ended: bool,
    ) -> Result<(), Failure> {
        let name = error_name(wanted);
        if let Some((error, _)) = came
            && !is_as_good(wanted, error)
        {
            return Err(Failure::new(
                format!("GOAWAY says {}, expected {name}", error_name(error)),
                "GOAWAY holds the last stream that was worked on, and why the connection ends: an \
                 error by its number; PROTOCOL_ERROR fits wherever no other does (RFC 9113 section \
                 7).",
            )
            .at(self.at(|frame| frame.kind == kinds::GOAWAY)));
        }
        if has_ended {
            return Ok(());
        }
        // "An endpoint MAY treat receipt of any other type of frame on a closed stream as a
        // connection error of type STREAM_CLOSED" (RFC 9113 section 5.1).
        if wanted == STREAM_CLOSED && came.is_none() && self.was_closed() {
            return Ok(());
        }
        let sent = self.last_sent();
        match came {
            Some(_) => Err(Failure::new(
                format!(
                    "GOAWAY came, but after {} s the connection is still open",
                    CLOSE_PATIENCE.as_secs()
                ),
                "After a GOAWAY with an error, close the connection (RFC 9113 section 5.4.1).",
            )
            .stuck()),
            None => Err(Failure::new(
                format!("the server went on after {sent}, which ends a connection with {name}"),
                advice_on_error(wanted),
            )
            .stuck_if(self.conversation.end == End::TimedOut)),
        }
    }

    /// Whether the client acknowledges a PING that it never got. No rule says what becomes of
    /// that, and a server may end a connection at any time.
    fn has_answered_nothing(&self) -> bool {
        let pings = |pieces, is_ack| {
            let pings = frames(pieces)
                .filter(move |frame| frame.kind == kinds::PING && frame.has(flags::ACK) == is_ack);
            pings.map(|frame| &frame.payload).collect::<Vec<_>>()
        };
        let asked = pings(&self.came, false);
        pings(&self.sent, true)
            .iter()
            .any(|answered| !asked.contains(answered))
    }

    /// Whether the stream of the client's last frame had its whole answer.
    fn was_closed(&self) -> bool {
        let streams = frames(&self.sent).filter(|frame| frame.stream > 0);
        let last = streams.last().map(|frame| frame.stream);
        last.is_some_and(|stream| Message::of(&self.came, stream).is_whole)
    }

    /// The last frame that the client has sent, but for what it sends at any time.
    fn last_sent(&self) -> String {
        let last = self.talk.sent.iter().rev().find(|piece| match piece {
            Piece::Frame(frame) => frame.kind != kinds::SETTINGS || !frame.has(flags::ACK),
            _ => true,
        });
        let lines = last.map(|piece| show(std::slice::from_ref(piece)));
        let line = lines.and_then(|lines| lines.into_iter().next());
        format!("`{}`", line.unwrap_or_default())
    }

    fn unexpected_end(&self, error: u32, words: &str) -> Failure {
        Failure::new(
            format!(
                "the server ended the connection: GOAWAY {}{words}",
                error_name(error)
            ),
            "What the client has sent is allowed here. Which of its frames is taken for an error? \
             Unknown types, flags and settings are to be ignored (RFC 9113 section 5.5).",
        )
        .at(self.at(|frame| frame.kind == kinds::GOAWAY))
    }

    /// Where the first such frame came.
    fn at(&self, is_it: impl Fn(&Frame) -> bool) -> usize {
        let found = self.received.iter().find(|one| match &one.piece {
            Piece::Frame(frame) => is_it(frame),
            _ => false,
        });
        let last = self.received.last().map_or(0, |last| last.at);
        found.map_or(last, |found| found.at)
    }

    fn compare_acks(&self) -> Result<(), Failure> {
        let acks = |pieces: &[Piece], kind| {
            let acks = frames(pieces).filter(|frame| frame.kind == kind && frame.has(flags::ACK));
            acks.map(|frame| frame.payload.clone()).collect::<Vec<_>>()
        };
        let wanted = acks(&self.talk.expected, kinds::SETTINGS).len();
        let came = acks(&self.came, kinds::SETTINGS).len();
        if came < wanted {
            return Err(Failure::new(
                format!("{came} of {wanted} SETTINGS were acknowledged"),
                "Answer each SETTINGS of the client with SETTINGS that has the flag ACK and no \
                 payload (RFC 9113 section 6.5.3).",
            ));
        }
        let pongs = acks(&self.came, kinds::PING);
        let missing = acks(&self.talk.expected, kinds::PING)
            .into_iter()
            .find(|wanted| !pongs.contains(wanted));
        if let Some(missing) = missing {
            let frame = Frame::new(kinds::PING, flags::ACK, 0, missing);
            let line = show(&[Piece::Frame(frame)]).concat();
            return Err(Failure::new(
                format!("`{line}` did not come"),
                "Answer a PING with its eight bytes and the flag ACK (RFC 9113 section 6.7).",
            ));
        }
        Ok(())
    }

    /// Compares the answers. Where the connection may end, one that did not come is none
    /// that is missing.
    fn compare_streams(&self, may_end: bool, notes: &mut Vec<Note>) -> Result<(), Failure> {
        for stream in streams(&self.sent) {
            let wanted = Message::of(&self.talk.expected, stream);
            let came = Message::of(&self.came, stream);
            let at = self.at(|frame| frame.stream == stream);
            let asked = Message::of(&self.sent, stream);
            if wanted.sections.is_empty() && wanted.reset.is_none() && came.sections.is_empty() {
                continue;
            }
            let compared = match wanted.reset {
                Some(error) => self.compare_reset(stream, error, &wanted, &came, may_end),
                None => self.compare_message(stream, &asked, &wanted, &came, may_end, notes),
            };
            compared.map_err(|failure| match failure.position {
                None => failure.at(at),
                Some(_) => failure,
            })?;
        }
        Ok(())
    }

    /// An answer that was to be given up, or not to be begun.
    fn compare_reset(
        &self,
        stream: u32,
        wanted: u32,
        expected: &Message,
        came: &Message,
        may_end: bool,
    ) -> Result<(), Failure> {
        let name = error_name(wanted);
        match came.reset {
            Some(error) if is_as_good(wanted, error) => return Ok(()),
            // A server that works on several requests at once need not refuse one.
            _ if wanted == REFUSED_STREAM && came.is_whole => return Ok(()),
            Some(error) => {
                return Err(Failure::new(
                    format!(
                        "stream {stream} was reset with {}, expected {name}",
                        error_name(error)
                    ),
                    "RST_STREAM says in its four bytes why the stream ends (RFC 9113 section 7).",
                )
                .at(self.at(|frame| frame.kind == kinds::RST_STREAM && frame.stream == stream)));
            }
            None => {}
        }
        let was_closed = wanted == STREAM_CLOSED && came.is_whole;
        let status = final_status(came);
        // "For malformed requests, a server MAY send an HTTP response prior to closing or
        // resetting the stream" (RFC 9113 section 8.1.1).
        let is_refusal = status.is_some_and(|status| (400..500).contains(&status) || status == 501);
        if is_refusal && came.is_whole && expected.sections.is_empty() || may_end || was_closed {
            return Ok(());
        }
        let instead = match status {
            Some(status) => format!("was answered with {status}"),
            None => "got no answer".to_owned(),
        };
        Err(Failure::new(
            format!("the request on stream {stream} {instead}, expected RST_STREAM {name}"),
            advice_on_error(wanted),
        )
        .stuck_if(status.is_none() && self.conversation.end == End::TimedOut))
    }

    fn compare_message(
        &self,
        stream: u32,
        asked: &Message,
        wanted: &Message,
        came: &Message,
        may_end: bool,
        notes: &mut Vec<Note>,
    ) -> Result<(), Failure> {
        let wanted_status = final_status(wanted);
        if let Some(error) = came.reset {
            let is_refusal =
                wanted_status.is_some_and(may_be_a_reset) && is_as_good(PROTOCOL_ERROR, error);
            let is_busy = error == REFUSED_STREAM && self.is_one_too_many(stream);
            if is_refusal || is_busy {
                return Ok(());
            }
            return Err(Failure::new(
                format!("stream {stream} was reset with {}", error_name(error)),
                "Answer the request: HEADERS with `:status`, and DATA whose last frame has \
                 END_STREAM (RFC 9113 section 8.1).",
            )
            .at(self.at(|frame| frame.kind == kinds::RST_STREAM && frame.stream == stream)));
        }
        let interim = |message: &Message| -> Vec<u16> {
            let sections = message
                .sections
                .iter()
                .filter_map(|section| status_of(section));
            sections.filter(|status| *status < 200).collect()
        };
        let (wanted_codes, came_codes) = (interim(wanted), interim(came));
        let has_come = final_status(came).is_some();
        if wanted_codes != came_codes && has_come {
            return Err(Failure::new(
                format!(
                    "before the answer came {}, expected {}",
                    listed(&came_codes),
                    listed(&wanted_codes)
                ),
                "A client that sends `expect: 100-continue` waits for HEADERS with `:status` 100 \
                 before it sends its body (RFC 9110 section 10.1.1).",
            ));
        }
        for (wanted, came) in wanted.sections.iter().zip(&came.sections) {
            if status_of(wanted).is_some_and(|status| status < 200) {
                compare_lines(
                    wanted,
                    came,
                    "the field of the interim response",
                    "An interim response is HEADERS without END_STREAM, before the response itself \
                     (RFC 9113 section 8.1).",
                )?;
            }
        }
        let Some(wanted_answer) = wanted.final_section() else {
            return Ok(());
        };
        let Some(answer) = came.final_section() else {
            if may_end {
                return Ok(());
            }
            return Err(self.no_answer(stream));
        };
        let request = request_of(asked);
        let at = self.at(|frame| frame.stream == stream);
        let mut wanted_answered = response_of(wanted, wanted_answer, &request, 0);
        let answered = response_of(came, answer, &request, at);
        let status = wanted_answered.status;
        wanted_answered.fields.retain(|field| {
            let came = answered.values(field.name).next().is_some();
            came || !may_be_missing(field.name, status)
        });
        compare_response(
            &wanted_answered,
            &answered,
            &request,
            self.conversation,
            notes,
        )
        .map_err(in_frames)?;
        if wanted.is_whole && !came.is_whole && !may_end {
            return Err(Failure::new(
                format!("the answer on stream {stream} does not end: END_STREAM did not come"),
                "Set the flag END_STREAM in the last DATA frame, or in HEADERS where no DATA \
                 follows (RFC 9113 section 8.1).",
            )
            .stuck_if(self.conversation.end == End::TimedOut));
        }
        compare_trailers(wanted, wanted_answer, came, answer)
    }

    /// Whether the server takes fewer requests at once than are open with this one.
    fn is_one_too_many(&self, stream: u32) -> bool {
        let open = streams(&self.sent);
        let before = open.iter().position(|one| *one == stream).unwrap_or(0);
        let most = self.setting(setting::MAX_CONCURRENT_STREAMS);
        most.is_some_and(|most| before >= most as usize)
    }

    fn no_answer(&self, stream: u32) -> Failure {
        let is_late = self.conversation.end == End::TimedOut;
        let failure = match is_late {
            true => Failure::new(
                format!(
                    "the request on stream {stream} got no answer within {} s",
                    PATIENCE.as_secs()
                ),
                "A request is whole when END_HEADERS and END_STREAM have come: does the server wait \
                 for more? Its answer is HEADERS and DATA on the same stream (RFC 9113 section 8.1).",
            ),
            false => Failure::new(
                format!("the request on stream {stream} got no answer"),
                "Its answer is HEADERS with `:status` and DATA on the same stream; the last frame \
                 has END_STREAM (RFC 9113 section 8.1).",
            ),
        };
        failure.of(Fault::Silence).stuck_if(is_late)
    }
}

fn advice_on_error(error: u32) -> &'static str {
    match error_name(error).as_str() {
        "FRAME_SIZE_ERROR" => {
            "Look at the length of each frame before its payload: it is at most \
             SETTINGS_MAX_FRAME_SIZE, and each type says how long its payload is (RFC 9113 section \
             4.2)."
        }
        "COMPRESSION_ERROR" => {
            "A field block that cannot be decoded ends the connection, as the tables of the two \
             sides are not the same any more (RFC 9113 section 4.3)."
        }
        "FLOW_CONTROL_ERROR" => {
            "A window never exceeds 2,147,483,647 bytes: check the sum before WINDOW_UPDATE or \
             SETTINGS_INITIAL_WINDOW_SIZE is applied (RFC 9113 section 6.9.1)."
        }
        "STREAM_CLOSED" => {
            "Keep the state of each stream: behind END_STREAM only WINDOW_UPDATE, PRIORITY and \
             RST_STREAM may come (RFC 9113 section 5.1)."
        }
        "HTTP_1_1_REQUIRED" | "REFUSED_STREAM" => {
            "Say that the request was not worked on: RST_STREAM or GOAWAY with the error (RFC 9113 \
             section 7)."
        }
        _ => {
            "Refuse what breaks the rules: RST_STREAM for an error of one stream; GOAWAY and the end \
             of the connection where the state of all of it is in doubt (RFC 9113 section 5.4)."
        }
    }
}

fn status_of(section: &[FieldLine]) -> Option<u16> {
    str::from_utf8(field(section, b":status")?)
        .ok()?
        .parse()
        .ok()
}

fn final_status(message: &Message) -> Option<u16> {
    status_of(&message.sections[message.final_section()?])
}

/// What of a request decides how it may be answered, read as that of HTTP/1.1 would be.
fn request_of(asked: &Message) -> Asked {
    let mut head = Vec::new();
    let section = asked.sections.first().map_or(&[][..], |section| section);
    for name in [&b":method"[..], b":path"] {
        head.extend(field(section, name).unwrap_or_default());
        head.push(b' ');
    }
    head.extend(b"HTTP/1.1\r\n");
    for line in section {
        if let FieldLine::Field { name, value, .. } = line {
            let name: &[u8] = match &**name {
                b":authority" => b"host",
                name if name.starts_with(b":") => continue,
                name => name,
            };
            head.extend([name, b": ", value, b"\r\n"].concat());
        }
    }
    head.extend(b"\r\n");
    let asked = response::asked(&head);
    asked.into_iter().next().unwrap_or_default()
}

fn response_of<'a>(message: &'a Message, answer: usize, asked: &Asked, at: usize) -> Response<'a> {
    let section = &message.sections[answer];
    let status = status_of(section).unwrap_or_default();
    let fields = section.iter().filter_map(|line| match line {
        FieldLine::Field { name, value, .. } if !name.starts_with(b":") => Some(Field {
            name,
            value,
            value_at: at,
        }),
        _ => None,
    });
    let has_no_body = asked.method == "HEAD" || matches!(status, 204 | 304);
    Response::of_frames(
        status,
        fields.collect(),
        message.body.clone(),
        has_no_body,
        at,
    )
}

/// Whether a request that gets this status may be reset as well: what is malformed, or larger
/// than the server takes (RFC 9113 sections 8.1.1 and 10.5.1).
fn may_be_a_reset(status: u16) -> bool {
    matches!(status, 400 | 413 | 414 | 431)
}

/// Whether an answer may be without a field that was expected. The frames say how long the
/// content is, and what a client may keep, or ask for in part, is another chapter's lesson.
fn may_be_missing(name: &[u8], status: u16) -> bool {
    let of_caching: [&[u8]; 5] = [
        b"accept-ranges",
        b"cache-control",
        b"etag",
        b"last-modified",
        b"vary",
    ];
    name == b"content-length" || status == 200 && of_caching.contains(&name)
}

/// What to try, where it speaks of the lines of HTTP/1.1.
fn in_frames(failure: Failure) -> Failure {
    let advice = failure.advice.replace(
        " It stands between the status line and the blank line.",
        " It is a field line of the HEADERS frame, its name in small letters.",
    );
    Failure { advice, ..failure }
}

fn compare_trailers(
    wanted: &Message,
    wanted_answer: usize,
    came: &Message,
    answer: usize,
) -> Result<(), Failure> {
    let wanted = wanted.sections.get(wanted_answer + 1);
    let came = came.sections.get(answer + 1);
    let none = Vec::new();
    compare_lines(
        wanted.unwrap_or(&none),
        came.unwrap_or(&none),
        "the trailer",
        "Trailers are a HEADERS frame behind the DATA, with END_STREAM (RFC 9113 section 8.1).",
    )
}

/// Whether each field line that is wanted has come.
fn compare_lines(
    wanted: &[FieldLine],
    came: &[FieldLine],
    what: &str,
    advice: &'static str,
) -> Result<(), Failure> {
    for line in wanted {
        let FieldLine::Field { name, value, .. } = line else {
            continue;
        };
        let (name_shown, value_shown) = (shown(name), shown(value));
        let problem = match field(came, name) {
            Some(came) if came == value => continue,
            Some(came) => format!(
                "{what} {name_shown} is {}, expected {value_shown}",
                shown(came)
            ),
            None => format!("{what} {name_shown} is missing"),
        };
        return Err(Failure::new(problem, advice));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2;
    use crate::transcript::Transcript;

    const OPENED: &str = "SETTINGS 0\nSETTINGS 0 ACK\n";
    const PAGE: &str =
        "HEADERS 1 END_HEADERS\n  :status: 200\n  content-length: 1\nDATA 1 1 END_STREAM\n  a\n";

    /// What is wrong where a client has sent this behind its opening, that was expected
    /// behind the server's, and that came.
    fn judged(sent: &str, expected: &str, came: &str, end: End) -> Option<String> {
        let frames = |text: &str| http2::read(text).expect("frames");
        let mut talk = Talk::default();
        talk.sent = frames(&(http2::OPENING.to_owned() + sent));
        talk.expected = frames(&(OPENED.to_owned() + expected));
        talk.reader.receive(&bytes_of(&frames(came)));
        talk.reader.end();
        let steps = [crate::transcript::Step::Closes];
        let transcript = Transcript {
            chapter: 19,
            steps: steps.to_vec(),
            ..Transcript::new("core: frames")
        };
        let conversation = Conversation {
            methods: Vec::new(),
            asked: Vec::new(),
            asks_to_close: false,
            end_is_due: false,
            half_closes: false,
            leaves_choices: transcript.leaves_choices(),
            is_of_part_two: true,
            wrong_beside: None,
            is_plain: false,
            saw_a_stop: false,
            expected: Vec::new(),
            received: bytes_of(&frames(came)),
            talk: None,
            end,
            own_address: None,
        };
        let compared = compare(&conversation, &talk, &mut Vec::new());
        compared.err().map(|failure| failure.problem)
    }

    /// Whatever is said besides, however the answer is cut into frames.
    #[test]
    fn what_a_server_may_choose() {
        let get = http2::get(1, "/");
        for came in [
            format!("{OPENED}{PAGE}"),
            format!(
                "SETTINGS 0 9=1\nWINDOW_UPDATE 0 1000\nPING 0 0000000000000001\nSETTINGS 0 ACK\n{PAGE}"
            ),
            format!(
                "{OPENED}HEADERS 1\n  :status: 200\nCONTINUATION 1 END_HEADERS\n  server: x\nDATA 1 0\nDATA 1 1 pad=3\n  a\nDATA 1 0 END_STREAM\n0x2a 0\n"
            ),
            format!("SETTINGS 0\n{PAGE}SETTINGS 0 ACK\n"),
        ] {
            assert_eq!(judged(&get, PAGE, &came, End::Open), None, "{came}");
        }
    }

    #[test]
    fn errors_that_are_as_good() {
        let get = http2::get(1, "/");
        let twice = format!("{get}{get}");
        for (sent, expected, came, end) in [
            // Of the connection: another code, or none.
            (
                "PING 0 0000000000000000 length=7\n",
                "GOAWAY 0 last=0 FRAME_SIZE_ERROR\n",
                "GOAWAY 0 last=0 PROTOCOL_ERROR\n",
                End::Closed,
            ),
            (
                "WINDOW_UPDATE 0 0\n",
                "GOAWAY 0 last=0 PROTOCOL_ERROR\n",
                "",
                End::Reset,
            ),
            // Of a stream: another code, an answer, or the end of the connection.
            (
                &get,
                "RST_STREAM 1 PROTOCOL_ERROR\n",
                "RST_STREAM 1 INTERNAL_ERROR\n",
                End::Open,
            ),
            (
                &get,
                "RST_STREAM 1 PROTOCOL_ERROR\n",
                "HEADERS 1 END_STREAM END_HEADERS\n  :status: 400\n",
                End::Open,
            ),
            (
                &get,
                "RST_STREAM 1 PROTOCOL_ERROR\n",
                "GOAWAY 0 last=0 PROTOCOL_ERROR\n",
                End::ClosedEarly,
            ),
            (
                &get,
                "HEADERS 1 END_STREAM END_HEADERS\n  :status: 400\n",
                "RST_STREAM 1 PROTOCOL_ERROR\n",
                End::Open,
            ),
            // A stream that is over, and one that need not be refused.
            (
                &twice,
                &format!("{PAGE}GOAWAY 0 last=1 STREAM_CLOSED\n"),
                PAGE,
                End::TimedOut,
            ),
            (&get, "RST_STREAM 1 REFUSED_STREAM\n", PAGE, End::Open),
        ] {
            let came = format!("{OPENED}{came}");
            assert_eq!(judged(sent, expected, &came, end), None, "{expected}{came}");
        }
        // A frame that is no longer than the server says that it takes.
        let long = "0x2a 0\n  [payload 00*16385]\n";
        let came = "SETTINGS 0 MAX_FRAME_SIZE=32768\nSETTINGS 0 ACK\n";
        let expected = "GOAWAY 0 last=0 FRAME_SIZE_ERROR\n";
        assert_eq!(judged(long, expected, came, End::TimedOut), None);
    }

    #[test]
    fn what_is_wrong() {
        let get = http2::get(1, "/");
        let goes_on = "the server went on after `WINDOW_UPDATE 0 0`, which ends a connection with PROTOCOL_ERROR";
        for (sent, expected, came, end, problem) in [
            (
                &*get,
                PAGE,
                PAGE.replace("200", "404"),
                End::Open,
                "the status code is 404, expected 200",
            ),
            (
                &get,
                PAGE,
                PAGE.replace("  a", "  b"),
                End::Open,
                "the body is another than expected",
            ),
            (
                &get,
                PAGE,
                String::new(),
                End::Open,
                "the request on stream 1 got no answer",
            ),
            (
                &get,
                PAGE,
                "RST_STREAM 1 CANCEL\n".to_owned(),
                End::Open,
                "stream 1 was reset with CANCEL",
            ),
            (
                &get,
                PAGE,
                "GOAWAY 0 last=0 INTERNAL_ERROR\n  oh\n".to_owned(),
                End::Closed,
                "the server ended the connection: GOAWAY INTERNAL_ERROR and says \"oh\"",
            ),
            (
                &get,
                PAGE,
                PAGE.replace("DATA 1 1 END_STREAM", "DATA 1 1"),
                End::Open,
                "the answer on stream 1 does not end: END_STREAM did not come",
            ),
            (
                "WINDOW_UPDATE 0 0\n",
                "GOAWAY 0 last=0 PROTOCOL_ERROR\n",
                String::new(),
                End::TimedOut,
                goes_on,
            ),
            (
                "WINDOW_UPDATE 0 0\n",
                "GOAWAY 0 last=0 PROTOCOL_ERROR\n",
                "GOAWAY 0 last=0 NO_ERROR\n".to_owned(),
                End::Closed,
                "GOAWAY says NO_ERROR, expected PROTOCOL_ERROR",
            ),
            (
                "PING 0 0000000000000001\n",
                "PING 0 0000000000000001 ACK\n",
                String::new(),
                End::Open,
                "`PING 0 0000000000000001 ACK` did not come",
            ),
        ] {
            let came = format!("{OPENED}{came}");
            let found = judged(sent, expected, &came, end).unwrap_or_default();
            assert!(found.starts_with(problem), "{found}");
        }
        let nothing = judged(&get, PAGE, "", End::Closed).unwrap_or_default();
        assert_eq!(nothing, "the connection was closed without a frame");
    }
}
