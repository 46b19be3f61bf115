//! The streams of one connection: one for each request and its response (RFC 9113 §5).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::Request;
use crate::ch10::wait::Timeouts;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch19::incoming::{Incoming, Ready, Reply, WINDOW};
use crate::ch19::window::Window;

/// How many streams a client may have open at a time (`SETTINGS_MAX_CONCURRENT_STREAMS`).
/// RFC 9113 §6.5.2 advises against less than 100. One request after the other is answered;
/// the others wait in their streams, each with a body of at most [`WINDOW`] bytes.
pub const MAX_STREAMS: usize = 100;

/// How many streams are remembered that were reset here. The client may have sent more on
/// them before it knew.
const REMEMBERED: usize = 100;

/// What a stream is (RFC 9113 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The client has not used it.
    Idle,
    /// The client may send more on it.
    Open,
    /// The client has sent its whole request.
    HalfClosed,
    /// It was reset here, and the client may not know that yet.
    Reset,
    /// It is over.
    Closed,
}

/// The streams of one connection.
#[derive(Default)]
pub struct Streams {
    open: BTreeMap<u32, Incoming>,
    ready: VecDeque<Ready>,
    reset: VecDeque<u32>,
    /// The last one that the client has used. A client counts upwards.
    last: u32,
    /// The window with which each response begins.
    window: Window,
}

impl Streams {
    /// The last stream that the client has used.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Whether no request has come or is on its way.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && self.ready.is_empty()
    }

    /// Whether requests are on their way.
    pub fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// What a stream is. One with an even number would be the server's, which begins none
    /// (RFC 9113 §5.1.1).
    pub fn state(&self, stream: u32) -> State {
        if stream > self.last || stream.is_multiple_of(2) {
            State::Idle
        } else if self.open.contains_key(&stream) {
            State::Open
        } else if self.ready.iter().any(|ready| ready.reply.stream == stream) {
            State::HalfClosed
        } else if self.reset.contains(&stream) {
            State::Reset
        } else {
            State::Closed
        }
    }

    /// Takes note of a stream that the client begins.
    ///
    /// # Errors
    /// PROTOCOL_ERROR for the connection if its number is even: such streams are a server's
    /// (RFC 9113 §5.1.1). REFUSED_STREAM for the stream if too many are open.
    pub fn begin(&mut self, stream: u32) -> Result<(), Http2Error> {
        if stream.is_multiple_of(2) {
            return Err(protocol_error(
                "a client begins a stream with an even number",
            ));
        }
        self.last = stream;
        if self.open.len() + self.ready.len() < MAX_STREAMS {
            return Ok(());
        }
        let refused = Http2Error::connection(ErrorCode::REFUSED_STREAM, "too many streams");
        Err(refused.of_stream(stream))
    }

    /// Adds a request whose body is to come.
    pub fn open(&mut self, stream: u32, request: Request, length: Option<usize>, now: Instant) {
        let incoming = Incoming::new(request, length, self.window, now);
        self.open.insert(stream, incoming);
    }

    /// Adds a request that is refused for its fields.
    pub fn refuse(&mut self, stream: u32, is_whole: bool, error: RequestError, is_head: bool) {
        let reply = Reply {
            stream,
            is_whole,
            window: self.window,
        };
        let asked = Err((error, is_head));
        self.ready.push_back(Ready { reply, asked });
    }

    /// Adds content to a request that is open. If its window is used up before its end, it
    /// is refused: the client may not send more.
    ///
    /// # Errors
    /// Those of [`Streams::end`], and FLOW_CONTROL_ERROR past the window.
    pub fn add_data(
        &mut self,
        stream: u32,
        data: &[u8],
        padding: usize,
        now: Instant,
    ) -> Result<(), Http2Error> {
        let Some(incoming) = self.open.get_mut(&stream) else {
            return Ok(());
        };
        incoming
            .add(data, padding, now)
            .map_err(|error| error.of_stream(stream))
    }

    /// Refuses requests with a body that did not fit into the window of their stream.
    pub fn refuse_full(&mut self) {
        let is_full = |incoming: &Incoming| {
            incoming.used == WINDOW && incoming.length != Some(incoming.request.body.len())
        };
        let error = RequestError::new(
            "413 Content Too Large",
            "the body does not fit into its stream's window",
        );
        self.refuse_where(is_full, error);
    }

    /// Refuses requests that have not come in time.
    pub fn refuse_late(&mut self, timeouts: &Timeouts, now: Instant) {
        let is_late = |incoming: &Incoming| now >= incoming.deadline(timeouts);
        let error = RequestError::new("408 Request Timeout", "the request did not come in time");
        self.refuse_where(is_late, error);
    }

    fn refuse_where(&mut self, is_refused: impl Fn(&Incoming) -> bool, error: RequestError) {
        let ready = &mut self.ready;
        self.open.retain(|&stream, incoming| {
            let is_refused = is_refused(incoming);
            if is_refused {
                let reply = Reply {
                    stream,
                    is_whole: false,
                    window: incoming.window,
                };
                let asked = Err((error.clone(), incoming.request.method == "HEAD"));
                ready.push_back(Ready { reply, asked });
            }
            !is_refused
        });
    }

    /// The client has sent the whole request.
    ///
    /// # Errors
    /// PROTOCOL_ERROR for the stream if the body is shorter than was announced.
    pub fn end(&mut self, stream: u32) -> Result<(), Http2Error> {
        let Some(incoming) = self.open.remove(&stream) else {
            return Ok(());
        };
        let reply = Reply {
            stream,
            is_whole: true,
            window: incoming.window,
        };
        let asked = Ok(incoming.end().map_err(|error| error.of_stream(stream))?);
        self.ready.push_back(Ready { reply, asked });
        Ok(())
    }

    /// Forgets a stream that the client has reset.
    pub fn remove(&mut self, stream: u32) {
        self.open.remove(&stream);
        self.ready.retain(|ready| ready.reply.stream != stream);
    }

    /// Forgets a stream that is reset here, but for its number.
    pub fn reset(&mut self, stream: u32) {
        self.remove(stream);
        if self.reset.len() == REMEMBERED {
            self.reset.pop_front();
        }
        self.reset.push_back(stream);
    }

    /// The next one that waits for its response.
    pub fn take_ready(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// The windows of the responses, each with its stream.
    fn windows(&mut self) -> impl Iterator<Item = (u32, &mut Window)> {
        let of_open = self.open.iter_mut();
        let of_open = of_open.map(|(&stream, incoming)| (stream, &mut incoming.window));
        let replies = self.ready.iter_mut().map(|ready| &mut ready.reply);
        of_open.chain(replies.map(|reply| (reply.stream, &mut reply.window)))
    }

    /// Raises the window of a response.
    ///
    /// # Errors
    /// Those of [`Window::raise`].
    pub fn raise(&mut self, stream: u32, increment: u32) -> Result<(), Http2Error> {
        match self.windows().find(|(id, _)| *id == stream) {
            Some((_, window)) => window.raise(increment, stream),
            None => Ok(()),
        }
    }

    /// Sets with how much the window of each response begins. That changes the windows of the
    /// streams in use too (RFC 9113 §6.9.2).
    ///
    /// # Errors
    /// Those of [`Window::change_by`].
    pub fn set_window(&mut self, size: u32) -> Result<(), Http2Error> {
        let difference = i64::from(size) - self.window.room() as i64;
        self.window = Window::new(size);
        let mut windows = self.windows();
        windows.try_for_each(|(_, window)| window.change_by(difference))
    }

    /// When the first of the requests that are on their way is late.
    pub fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        let deadlines = self.open.values().map(|open| open.deadline(timeouts));
        deadlines.min()
    }
}
