//! What a server knows of one connection of HTTP/2, as a value: bytes go in, requests come
//! out; responses go in, bytes come out. Like chapter 10's `Connection` it has neither a
//! socket nor a clock.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::buffer::Buffer;
use crate::ch10::states::{Ending, Reading};
use crate::ch10::wait::{Timeouts, Wait};
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::ErrorCode;
use crate::ch19::encoder::HpackEncoder;
use crate::ch19::frame_reader::FrameReader;
use crate::ch19::incoming::{Ready, Reply};
use crate::ch19::response_fields::{add_block, add_content, add_header_section, read_content};
use crate::ch19::streams::Streams;
use crate::ch19::window::Window;

/// How much may lie ready to be sent before another request is taken, in bytes.
const ROOM: usize = 64 * 1024;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The preface has not come whole.
    Preface,
    /// Frames come.
    Frames,
    /// Nothing more is taken. What lies ready is sent.
    Over(Ending),
}

/// One connection of HTTP/2.
///
/// ```
/// let now = std::time::Instant::now();
/// let mut connection = common::Http2Connection::new(common::Timeouts::default(), now);
/// connection.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", now);
/// // GET http://a/, on stream 1.
/// connection.receive(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x86\x41\x01a", now);
/// let (stream, request) = connection.next_request().unwrap();
/// assert_eq!((stream, request.path()), (1, "/"));
/// connection.answer(stream, &request, common::Response::html("200 OK", "page"));
/// assert!(connection.to_send().ends_with(b"\0\0\x04\0\x01\0\0\0\x01page"));
/// ```
pub struct Http2Connection {
    pub(crate) timeouts: Timeouts,
    /// The time that the caller told last.
    pub(crate) now: Instant,
    /// When the connection was accepted, or ended, or when the client had taken the last
    /// response.
    pub(crate) since: Instant,
    /// When the client last sent or took something.
    pub(crate) moved: Instant,
    pub(crate) phase: Phase,
    pub(crate) reading: Reading,
    pub(crate) reader: FrameReader,
    pub(crate) to_send: Buffer,
    pub(crate) encoder: HpackEncoder,
    pub(crate) streams: Streams,
    /// How much content the client takes over the connection.
    pub(crate) window: Window,
    /// Where the response to the request goes that was given last.
    answering: Option<Reply>,
    /// Whether some of what is to be sent is a response.
    has_answered: bool,
    pub(crate) errors: VecDeque<anyhow::Error>,
}

impl Http2Connection {
    /// A connection that has just been accepted.
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            timeouts,
            now,
            since: now,
            moved: now,
            phase: Phase::Preface,
            reading: Reading::Open,
            reader: FrameReader::new(now),
            to_send: Buffer::default(),
            encoder: HpackEncoder::default(),
            streams: Streams::default(),
            window: Window::default(),
            answering: None,
            has_answered: false,
            errors: VecDeque::new(),
        }
    }

    /// Takes what the client has sent; an empty slice is the end of its stream.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        (self.now, self.moved) = (now, now);
        if bytes.is_empty() {
            self.reading = Reading::Ended;
        }
        if !self.is_over() {
            self.reader.add(bytes, now);
        }
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// The next request that has come whole, and its stream. What comes before it is taken
    /// here, and a request that no page can answer is answered here.
    pub fn next_request(&mut self) -> Option<(u32, Request)> {
        while self.to_send.rest().len() < ROOM {
            let Some(Ready { reply, asked }) = self.streams.take_ready() else {
                match self.read_frame() {
                    true => continue,
                    false => break,
                }
            };
            self.answering = Some(reply);
            match asked {
                Ok(request) => return Some((reply.stream, request)),
                Err((error, is_head)) => {
                    self.respond(reply.stream, error.clone().into(), is_head);
                    self.errors.push_back(error.into());
                }
            }
        }
        None
    }

    /// Answers the request that was given last. Its response goes out whole; if it does not
    /// fit into the client's window, or is longer than 65,535 bytes, it is replaced by 500.
    pub fn answer(&mut self, stream: u32, request: &Request, response: Response) {
        self.respond(stream, response, request.method == "HEAD");
    }

    /// Sends an interim response to the request that was given last. It has a status below
    /// 200, and fields with names in lower case. The response itself is still to come (RFC 9110
    /// §15.2).
    pub fn send_interim(&mut self, stream: u32, status: &str, fields: &[(&str, &str)]) {
        let is_answering = |reply: Reply| reply.stream == stream;
        if self.answering.is_some_and(is_answering) {
            self.add_interim(stream, status, fields);
        }
    }

    pub(crate) fn add_interim(&mut self, stream: u32, status: &str, fields: &[(&str, &str)]) {
        let lines = [(":status", status)]
            .into_iter()
            .chain(fields.iter().copied());
        let lines = lines.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut block = Vec::new();
        self.encoder.encode(lines, &mut block);
        add_block(&block, stream, false, &mut self.to_send);
    }

    fn respond(&mut self, stream: u32, mut response: Response, is_head: bool) {
        let Some(reply) = self.answering.take_if(|reply| reply.stream == stream) else {
            return;
        };
        self.has_answered = true;
        let mut content = Vec::new();
        if !is_head && response.may_have_content() {
            let window = self.window.room().min(reply.window.room());
            content = read_content(&mut response, window).unwrap_or_else(|error| {
                response = Response::empty(error.status);
                self.errors.push_back(error.into());
                Vec::new()
            });
        }
        let end_stream = content.is_empty();
        add_header_section(
            &response,
            stream,
            end_stream,
            self.now,
            &mut self.encoder,
            &mut self.to_send,
        );
        add_content(&content, stream, &mut self.to_send);
        self.window.use_up(content.len());
        if !reply.is_whole {
            // The client need not send the rest (RFC 9113 §8.1).
            self.reset(stream, ErrorCode::NO_ERROR);
        }
    }

    pub(crate) fn send(&mut self, frame: &Frame) {
        self.to_send.add(&frame.to_bytes());
    }

    /// Why a stream, the connection or a request was refused, for the log. Each is given
    /// once.
    pub fn take_error(&mut self) -> Option<anyhow::Error> {
        self.errors.pop_front()
    }

    /// The bytes to be sent next.
    pub fn to_send(&self) -> &[u8] {
        self.to_send.rest()
    }

    /// Tells how many of these bytes the client has taken.
    pub fn sent(&mut self, length: usize, now: Instant) {
        self.to_send.take(length);
        (self.now, self.moved) = (now, now);
        // An acknowledgement gives the client no more time for its next request.
        let has_ended_something = self.has_answered || self.is_over();
        if has_ended_something && self.to_send.rest().is_empty() {
            (self.has_answered, self.since) = (false, now);
        }
    }

    /// What the connection waits for, once [`Http2Connection::next_request`] gives nothing.
    pub fn waits_for(&self) -> Wait {
        if !self.to_send.rest().is_empty() {
            return Wait::ToWrite(self.moved + self.timeouts.inactivity).or_close(self.now);
        }
        match (self.phase, self.reading) {
            (Phase::Over(Ending::Linger), Reading::Open) => {
                Wait::ToLinger(self.since + self.timeouts.linger).or_close(self.now)
            }
            (Phase::Over(_), _) | (_, Reading::Ended) => Wait::ToClose,
            (_, Reading::Open) => Wait::ToRead(self.deadline()),
        }
    }
}
