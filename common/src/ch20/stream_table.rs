//! The streams of one connection, and what their numbers say (RFC 9113 §5.1.1).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::ch06::body::MAX_BODY;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch19::streams::{MAX_STREAMS, State};
use crate::ch19::window::Window;
use crate::ch20::open_stream::{Ready, RequestState, Stream};
use crate::ch20::request_body::RequestBody;

/// How many streams are remembered that were reset here. The client may have sent more on
/// them before it knew.
const REMEMBERED: usize = MAX_STREAMS;

/// The streams that are not closed.
#[derive(Default)]
pub struct StreamTable {
    /// Each in a place of its own, and so are the requests below: the two lists keep room for
    /// several, and most connections have none most of the time.
    streams: BTreeMap<u32, Box<Stream>>,
    pub(crate) ready: VecDeque<Box<Ready>>,
    /// Whether requests wait although they are ready.
    pub(crate) holds_requests: bool,
    reset: VecDeque<u32>,
    /// How many streams were reset here, in all.
    resets: u64,
    /// The last one that the client has used. A client counts upwards.
    last: u32,
    /// How much of each response the client takes at first.
    send_window: Window,
    /// How much of each body the client may send at first.
    receive_window: Window,
    turns: u64,
}

impl StreamTable {
    /// The last stream that the client has used.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// How many streams were reset here, in all.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Whether there is no stream.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The streams, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Stream)> {
        self.streams.iter().map(|(&id, stream)| (id, &**stream))
    }

    /// Whether a stream has content to send.
    pub fn is_sending(&self, id: u32) -> bool {
        let stream = self.streams.get(&id);
        stream.is_some_and(|stream| stream.content.is_some())
    }

    /// The streams, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.values_mut().map(|stream| &mut **stream)
    }

    /// A stream that is not closed.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&id).map(|stream| &mut **stream)
    }

    /// What a stream is. One with an even number would be the server's, which begins none
    /// (RFC 9113 §5.1.1).
    pub fn state(&self, id: u32) -> State {
        match self.streams.get(&id) {
            _ if id > self.last || id.is_multiple_of(2) => State::Idle,
            Some(stream) if stream.is_open() => State::Open,
            Some(_) => State::HalfClosed,
            None if self.reset.contains(&id) => State::Reset,
            None => State::Closed,
        }
    }

    /// Takes note of a stream that the client begins.
    ///
    /// # Errors
    /// PROTOCOL_ERROR for the connection if its number is even: such streams are a server's
    /// (RFC 9113 §5.1.1). REFUSED_STREAM for the stream if there are too many, or if their
    /// requests take too much: the client may ask again.
    pub fn begin(&mut self, id: u32) -> Result<(), Http2Error> {
        if id.is_multiple_of(2) {
            return Err(protocol_error(
                "a client begins a stream with an even number",
            ));
        }
        self.last = id;
        let problem = if self.streams.len() >= MAX_STREAMS {
            "too many streams"
        } else if self.keeps_too_much() {
            "too many requests wait with long fields, or for their bodies"
        } else {
            return Ok(());
        };
        let refused = Http2Error::connection(ErrorCode::REFUSED_STREAM, problem);
        Err(refused.of_stream(id))
    }

    /// Adds a stream whose request has come so far.
    pub fn open(&mut self, id: u32, make: impl FnOnce(Window, Window, u64) -> Stream) {
        let turn = self.next_turn();
        let stream = make(self.send_window, self.receive_window, turn);
        self.streams.insert(id, Box::new(stream));
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Forgets a stream.
    pub fn remove(&mut self, id: u32) {
        self.streams.remove(&id);
        self.ready.retain(|ready| ready.stream != id);
    }

    /// Forgets a stream that is reset here, but for its number.
    pub fn reset(&mut self, id: u32) {
        self.remove(id);
        self.resets += 1;
        if self.reset.len() == REMEMBERED {
            self.reset.pop_front();
        }
        self.reset.push_back(id);
    }

    /// The stream that may send next, if the connection lets any send: the one with the most
    /// urgent response. Of those it is the one whose turn is the longest ago; a response that
    /// is of no use in parts keeps its turn, and goes out as a whole (RFC 9218 §10).
    pub fn next_to_send(&mut self) -> Option<(u32, &mut Stream)> {
        let can_send = self.streams.iter_mut().filter(|(_, one)| one.can_send());
        let next = can_send.min_by_key(|(_, one)| (one.priority.urgency, one.turn));
        let (&id, stream) = next?;
        if stream.priority.is_incremental {
            self.turns += 1;
            stream.turn = self.turns;
        }
        Some((id, stream))
    }

    /// Sets how much of each response the client takes at first, also for those that are
    /// under way (RFC 9113 §6.9.2).
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR for the connection if a window becomes too large.
    pub fn set_send_window(&mut self, size: u32) -> Result<(), Http2Error> {
        let difference = i64::from(size) - self.send_window.room() as i64;
        self.send_window = Window::new(size);
        let mut streams = self.streams.values_mut();
        streams.try_for_each(|stream| stream.send_window.change_by(difference))
    }

    /// The client has acknowledged how much of each body it may send at first. What it began
    /// before counts too.
    ///
    /// # Errors
    /// None: no window becomes larger.
    pub fn set_receive_window(&mut self, size: u32) -> Result<(), Http2Error> {
        let difference = i64::from(size) - self.receive_window.room() as i64;
        self.receive_window = Window::new(size);
        let mut streams = self.streams.values_mut();
        streams.try_for_each(|stream| stream.receive_window.change_by(difference))
    }

    /// Takes note that the client sends a part of a body.
    pub fn note_progress(&mut self, now: Instant) {
        for stream in self.streams.values_mut() {
            if let RequestState::Body(body) = &mut stream.request {
                body.note_progress(now);
            }
        }
    }

    /// Lets the client send the whole of the next body, if that fits with those that it may
    /// send already. Gives the stream, and by how much its window is raised.
    ///
    /// So all bodies of a connection together take as much as the windows that all streams
    /// begin with, and 1 MiB.
    pub fn grant(&mut self, now: Instant) -> Option<(u32, u32)> {
        let bodies = self.streams.values().filter_map(|stream| stream.body());
        let granted = bodies.filter(|body| body.is_granted());
        let in_all: usize = granted.map(RequestBody::most).sum();
        let mut bodies = self.streams.iter_mut().filter_map(|(&id, stream)| {
            let window = &mut stream.receive_window;
            match &mut stream.request {
                RequestState::Body(body) => Some((id, window, body)),
                RequestState::Dropped | RequestState::Ended => None,
            }
        });
        let is_next = |body: &RequestBody| !body.is_granted() && body.is_long();
        let (id, window, body) = bodies.find(|(_, _, body)| is_next(body))?;
        if in_all + body.most() > MAX_BODY + 1 {
            return None;
        }
        let increment = body.grant(*window, now);
        // The window stays far below its limit.
        let _ = window.raise(increment, id);
        Some((id, increment))
    }
}
