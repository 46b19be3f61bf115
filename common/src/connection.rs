//! What a server knows of one connection, as a value: bytes go in, bytes come out,
//! and it says what it waits for. It has neither a socket nor a clock, so whoever
//! has these, a thread or an event loop, does the waiting and tells it the time.

use std::io;
use std::time::Instant;

use crate::body::expects_continue;
use crate::error::RequestError;
use crate::framing::{FramingOf, by_length};
use crate::incoming::{Came, Incoming, Refused};
use crate::outgoing::Outgoing;
use crate::persistence::wants_to_stay;
use crate::request::Request;
use crate::response::Response;
use crate::waiting::{Times, Wait};

/// One connection.
///
/// ```
/// use common::{Connection, Response, Times};
/// use std::time::Instant;
///
/// let mut connection = Connection::new(Times::default(), Instant::now());
/// let requests = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
/// connection.receive(requests, Instant::now());
/// while let Some(request) = connection.next_request() {
///     let response = Response::html("200 OK", request.target.clone());
///     connection.answer(&request, response);
/// }
/// let answers = String::from_utf8_lossy(connection.to_send()?);
/// assert!(answers.ends_with("Content-Length: 2\r\n\r\n/b"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Connection {
    times: Times,
    framing_of: FramingOf,
    needs_body: fn(&Request) -> bool,
    /// The time it was told last.
    now: Instant,
    /// When that began which it waits for.
    since: Instant,
    /// When the client last sent or took something.
    moved: Instant,
    incoming: Incoming,
    has_ended: bool,
    outgoing: Outgoing,
    refusal: Option<RequestError>,
    /// Whether no more requests are taken.
    is_last: bool,
    lingers: bool,
    winds_up: bool,
}

impl Connection {
    /// A connection that has just been accepted. Its requests have bodies as
    /// [`by_length`] finds them.
    pub fn new(times: Times, now: Instant) -> Self {
        Self {
            times,
            framing_of: by_length,
            needs_body: |_| true,
            now,
            since: now,
            moved: now,
            incoming: Incoming::default(),
            has_ended: false,
            outgoing: Outgoing::default(),
            refusal: None,
            is_last: false,
            lingers: false,
            winds_up: false,
        }
    }

    /// The same, with another way to find the bodies.
    pub fn with_framing(self, framing_of: FramingOf) -> Self {
        Self { framing_of, ..self }
    }

    /// The same, where a request whose answer does not depend on its body is given
    /// before that has come. What comes of it is dropped.
    pub fn with_early_answers(self, needs_body: fn(&Request) -> bool) -> Self {
        Self { needs_body, ..self }
    }

    /// Takes what the client has sent; no bytes at all are its end. To be called where
    /// [`Connection::waits_for`] says so: then no more lies here than one request and
    /// what came with its last byte.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        (self.now, self.moved) = (now, now);
        self.has_ended |= bytes.is_empty();
        if !self.is_last {
            let was_idle = self.incoming.is_idle();
            self.incoming.add(bytes);
            if was_idle && !self.incoming.is_idle() {
                self.since = now;
            }
        }
    }

    /// Tells it the time, where nothing else has happened.
    pub fn time_passes(&mut self, now: Instant) {
        self.now = now;
    }

    /// Lets the request under way be the last; where there is none, the connection ends.
    pub fn wind_up(&mut self) {
        self.winds_up = true;
    }

    /// The next request, once it has come whole, and those before it are answered.
    /// What is no request is refused here.
    pub fn next_request(&mut self) -> Option<Request> {
        while !self.is_last && self.outgoing.has_room() {
            match self.incoming.advance(self.framing_of) {
                Ok(Came::Nothing) => {
                    self.give_up();
                    return None;
                }
                Ok(came) => {
                    (self.since, self.moved) = (self.now, self.now);
                    match came {
                        Came::Request(request) => return Some(request),
                        Came::Head => match self.expect_body() {
                            None => {}
                            request => return request,
                        },
                        _ => {}
                    }
                }
                Err(refused) => self.refuse(refused),
            }
        }
        None
    }

    /// Tells a client to go on that waits for it, or gives its request at once. One that
    /// waits may then send its body or not, and nobody could tell that from the next
    /// request: so its connection ends.
    fn expect_body(&mut self) -> Option<Request> {
        let request = self.incoming.head()?;
        let waits = expects_continue(&request.line(), &request.fields);
        if !(self.needs_body)(request) {
            self.winds_up |= waits;
            return self.incoming.take_head();
        }
        if waits {
            self.outgoing.add(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        None
    }

    /// Lets go a client from whom nothing more will come, or nothing in time: without
    /// a word where it has not begun with a request.
    fn give_up(&mut self) {
        let is_late = matches!(self.waits_for(), Wait::ToRead(until) if self.now >= until);
        if self.incoming.is_idle() {
            self.is_last = self.has_ended || is_late || self.winds_up;
            // Another request may be on its way to a server that closes by itself.
            (self.lingers, self.since) = (self.winds_up, self.now);
            return;
        }
        let error = match (self.has_ended, is_late) {
            (false, false) => return,
            (true, _) => RequestError::new("400 Bad Request", "the request ends early"),
            _ => RequestError::new("408 Request Timeout", "the request did not come in time"),
        };
        self.refuse(self.incoming.refused(error));
    }

    /// Answers what is no request, where that was not answered before. Nobody can tell
    /// any more where the next one begins, so it is the last.
    fn refuse(&mut self, Refused { error, may_be_head }: Refused) {
        (self.is_last, self.lingers) = (true, true);
        (self.since, self.moved) = (self.now, self.now);
        let was_answered = self.incoming.is_within_body() && self.incoming.head().is_none();
        if !was_answered {
            self.send(Response::from(error.clone()), may_be_head);
        }
        self.refusal = Some(error);
    }

    /// Why a request was refused, until it is taken; for the log.
    pub fn refusal(&self) -> Option<&RequestError> {
        self.refusal.as_ref()
    }

    /// Takes it.
    pub fn take_refusal(&mut self) -> Option<RequestError> {
        self.refusal.take()
    }

    /// Answers a request. The connection ends with the answer where the client wants
    /// that, or where nothing else could tell where the answer ends.
    pub fn answer(&mut self, request: &Request, mut response: Response) {
        if self.winds_up || !wants_to_stay(request) || response.ends_with_the_connection() {
            self.is_last = true;
        } else if request.version == "HTTP/1.0" {
            response = response.with("Connection", "keep-alive");
        }
        self.send(response, request.method == "HEAD");
    }

    fn send(&mut self, mut response: Response, is_head: bool) {
        if self.is_last {
            self.lingers = true;
            response = response.with("Connection", "close");
        }
        self.outgoing.add_response(response, is_head);
    }

    /// What is to be sent next; it fails as [`Outgoing::to_send`] does.
    pub fn to_send(&mut self) -> io::Result<&[u8]> {
        self.outgoing.to_send()
    }

    /// Says how many of these bytes the client has taken.
    pub fn sent(&mut self, length: usize, now: Instant) {
        self.outgoing.sent(length);
        (self.now, self.since, self.moved) = (now, now, now);
    }

    /// What it waits for, where [`Connection::next_request`] gives nothing.
    pub fn waits_for(&self) -> Wait {
        let (times, now, since) = (self.times, self.now, self.since);
        if !self.outgoing.is_done() {
            let until = self.moved + times.patience;
            let is_over = now >= until;
            return if is_over {
                Wait::ToClose
            } else {
                Wait::ToWrite(until)
            };
        }
        if self.is_last {
            let until = since + times.linger;
            let is_over = !self.lingers || self.has_ended || now >= until;
            return if is_over {
                Wait::ToClose
            } else {
                Wait::ToLinger(until)
            };
        }
        Wait::ToRead(if self.incoming.is_within_body() {
            (since + times.body).min(self.moved + times.patience)
        } else if self.incoming.is_idle() {
            since + times.idle
        } else {
            since + times.head
        })
    }
}
