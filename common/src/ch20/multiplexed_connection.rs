//! One connection of HTTP/2 with many streams at once, as a value: bytes go in, requests come
//! out; responses go in, bytes come out. It has neither a socket nor a clock.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::{Request, Scheme};
use crate::ch09::response::Response;
use crate::ch10::states::{Ending, Reading};
use crate::ch10::wait::{Timeouts, Wait};
use crate::ch18::frame::Frame;
use crate::ch18::header::MAX_FRAME_SIZE;
use crate::ch18::http2_error::ErrorCode;
use crate::ch18::settings::Setting;
use crate::ch19::field_section::MAX_SECTION;
use crate::ch19::frame_reader::FrameReader;
use crate::ch19::streams::MAX_STREAMS;
use crate::ch20::open_stream::Ready;
use crate::ch20::output::{Filled, Output};
use crate::ch20::patience::Patience;
use crate::ch20::receive_window::{ReceiveWindow, STREAM_WINDOW};
use crate::ch20::stream_table::StreamTable;

/// How much may have come that was not taken, in bytes, before more is read.
const MOST_WAITING: usize = 2 * MAX_FRAME_SIZE;

/// Whether the connection takes more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// It takes as many as come.
    Requests,
    /// The client is told that the connection ends, and may not know it yet. When that went
    /// out, once it did.
    LastRequests(Option<Instant>),
    /// It takes none. Those under way are answered, and then the connection ends.
    NoRequests,
    /// It takes nothing more. What lies ready is sent.
    Nothing(Ending),
}

/// One connection of HTTP/2.
///
/// ```
/// use common::{MultiplexedConnection, Response, Timeouts};
///
/// let now = std::time::Instant::now();
/// let mut connection = MultiplexedConnection::new(Timeouts::default(), now);
/// connection.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", now);
/// // GET http://a/, on the streams 1 and 3.
/// connection.receive(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x86\x41\x01a", now);
/// connection.receive(b"\0\0\x04\x01\x05\0\0\0\x03\x82\x84\x86\xbe", now);
/// while let Some((stream, request)) = connection.next_request() {
///     connection.answer(stream, &request, Response::html("200 OK", "page"));
/// }
/// assert!(connection.to_send().ends_with(b"\0\0\x04\0\x01\0\0\0\x03page"));
/// ```
pub struct MultiplexedConnection {
    pub(crate) timeouts: Timeouts,
    pub(crate) scheme: Scheme,
    pub(crate) needs_body: fn(&Request) -> bool,
    /// The time that the caller told last.
    pub(crate) now: Instant,
    /// When the connection began to be without a stream, or when the client last took a
    /// response.
    pub(crate) since: Instant,
    /// For how much longer it waits until the client takes what lies ready.
    pub(crate) patience: Patience,
    pub(crate) reading: Reading,
    pub(crate) taking: Taking,
    pub(crate) reader: FrameReader,
    pub(crate) streams: StreamTable,
    pub(crate) receive_window: ReceiveWindow,
    pub(crate) output: Output,
    /// Whether the client has acknowledged the settings.
    pub(crate) is_acknowledged: bool,
    pub(crate) refusals: VecDeque<RequestError>,
    pub(crate) errors: VecDeque<anyhow::Error>,
}

impl MultiplexedConnection {
    /// A connection that has just been accepted. Settings are the first that a server sends.
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        let mut output = Output::new(timeouts.inactivity);
        let settings = [
            (Setting::MAX_CONCURRENT_STREAMS, MAX_STREAMS as u32),
            (Setting::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (Setting::MAX_HEADER_LIST_SIZE, MAX_SECTION as u32),
        ];
        let settings = settings.map(|(id, value)| Setting { id, value });
        output.send(&Frame::Settings(settings.to_vec()));
        Self {
            timeouts,
            scheme: Scheme::Http,
            needs_body: |_| true,
            now,
            since: now,
            patience: Patience::new(timeouts.inactivity),
            reading: Reading::Open,
            taking: Taking::Requests,
            reader: FrameReader::new(now),
            streams: StreamTable::default(),
            receive_window: ReceiveWindow::default(),
            output,
            is_acknowledged: false,
            refusals: VecDeque::new(),
            errors: VecDeque::new(),
        }
    }

    /// The same over a transport with this scheme.
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// The same, but a request whose body is not needed is given before its body has come.
    pub fn with_early_answers(self, needs_body: fn(&Request) -> bool) -> Self {
        Self { needs_body, ..self }
    }

    /// Takes what the client has sent; an empty slice is the end of it.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.note_time(now);
        if bytes.is_empty() {
            self.reading = Reading::Ended;
        }
        if !self.is_over() {
            self.reader.add(bytes, now);
        }
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.taking, Taking::Nothing(_))
    }

    /// The next request that is to be answered, and its stream. Frames that come before it are
    /// taken here, and a request that no page can answer is answered here.
    pub fn next_request(&mut self) -> Option<(u32, Request)> {
        while !self.is_over() && !self.output.is_full() {
            match self.streams.take_ready() {
                Some(Ready { stream, asked }) => match asked {
                    Ok(request) => return Some((stream, request)),
                    Err((error, is_head)) => {
                        self.respond(stream, error.clone().into(), is_head);
                        self.refusals.push_back(error);
                    }
                },
                None => match self.reader.next(self.now) {
                    Ok(Some(event)) => {
                        let taken = self.take_event(event);
                        taken.unwrap_or_else(|error| self.fail(error));
                    }
                    Ok(None) => {
                        self.end_where_nothing_comes();
                        break;
                    }
                    Err(error) => self.fail(error),
                },
            }
        }
        self.fill();
        None
    }

    /// Answers a request, on its stream. Other requests may be answered before or after it. A
    /// stream that the client has reset meanwhile is not answered.
    pub fn answer(&mut self, stream: u32, request: &Request, response: Response) {
        self.respond(stream, response, request.method == "HEAD");
    }

    fn respond(&mut self, id: u32, mut response: Response, is_head: bool) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        let has_content =
            !is_head && response.may_have_content() && response.body.length != Some(0);
        let output = &mut self.output;
        output.send_header_section(id, &mut response, has_content, self.now);
        if has_content {
            stream.content = Some(response.body);
        } else {
            self.end_stream(id);
        }
        self.fill();
    }

    /// Adds content while there is room for it.
    pub(crate) fn fill(&mut self) {
        while let Some(filled) = self.output.fill(&mut self.streams) {
            match filled {
                Filled::More => {}
                Filled::Ended(id) => self.end_stream(id),
                Filled::Failed(id, error) => {
                    let error = anyhow::Error::from(error).context("a response is cut off");
                    self.errors.push_back(error);
                    self.reset(id, ErrorCode::INTERNAL_ERROR);
                }
            }
        }
    }

    /// Whether the client has begun something that has not ended: a request, or a response.
    pub fn has_begun(&self) -> bool {
        !self.streams.is_empty() || self.reader.is_within_frame()
    }

    /// The bytes to be sent next.
    pub fn to_send(&self) -> &[u8] {
        self.output.to_send.rest()
    }

    /// Tells how many of these bytes the client has taken.
    pub fn sent(&mut self, length: usize, now: Instant) {
        self.note_time(now);
        self.patience.earn(length);
        self.output.to_send.take(length);
        if let Taking::LastRequests(since) = &mut self.taking {
            since.get_or_insert(now);
        }
        if self.output.watchers.sent(length) {
            self.since = now;
        }
        self.fill();
    }

    /// What the connection waits for, once [`MultiplexedConnection::next_request`] gives
    /// nothing. While a response waits for a window, the connection waits to read: the client
    /// opens windows with what it sends.
    pub fn waits_for(&self) -> Wait {
        let may_read = self.reading == Reading::Open && self.reader.waiting() < MOST_WAITING;
        if !self.to_send().is_empty() {
            if self.patience.left().is_zero() {
                return Wait::ToClose;
            }
            let until = (self.now + self.patience.left()).min(self.deadline());
            return match may_read && !self.is_over() && !self.output.is_full() {
                true => Wait::ToReadOrWrite(until),
                false => Wait::ToWrite(until),
            };
        }
        match (self.taking, self.reading) {
            (Taking::Nothing(Ending::Linger), Reading::Open) => {
                Wait::ToLinger(self.since + self.timeouts.linger).or_close(self.now)
            }
            (Taking::Nothing(_), _) | (_, Reading::Ended) => Wait::ToClose,
            (_, Reading::Open) => Wait::ToRead(self.deadline()),
        }
    }
}
