//! A client whose connection never waits: what can be done is done, and then it says
//! what has to happen first.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::Context;
use mio::event::Event;
use mio::net::TcpStream;

use crate::admission::Place;
use crate::connection::Connection;
use crate::line::Line;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;
use crate::stop::UnderWay;
use crate::waiting::Wait;

/// How often a client may be read from, or written to, before it is the turn of the next
/// one. A client that always has something to do would else keep all others waiting.
const TURN: usize = 4;

/// What a client hears that speaks plain HTTP to a line that does not.
const MISUNDERSTOOD: &str = "400 Bad Request: this port speaks HTTPS";

/// A client, and all that is kept for it.
pub struct Client {
    line: Box<dyn Line>,
    connection: Connection,
    place: Place,
    /// Whether something may lie there to be read.
    may_read: bool,
    /// Whether the client has ended, which no further sign will tell.
    has_ended: bool,
    is_half_closed: bool,
    winds_up: bool,
    _under_way: UnderWay,
}

/// What was heard of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sign {
    may_read: bool,
    may_write: bool,
    has_ended: bool,
}

/// What a client needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another turn, as it has more to do.
    Turn,
    /// A sign, or its [`Client::deadline`].
    Sign,
    /// Nothing: it is gone.
    End,
}

impl Sign {
    /// Adds what was heard later.
    pub fn add(&mut self, later: Sign) {
        self.may_read |= later.may_read;
        self.may_write |= later.may_write;
        self.has_ended |= later.has_ended;
    }
}

impl From<&Event> for Sign {
    fn from(event: &Event) -> Self {
        // Of an end, and of an error, hears who reads or writes next.
        let is_over = event.is_error();
        Self {
            may_read: event.is_readable() || event.is_read_closed() || is_over,
            may_write: event.is_writable() || event.is_write_closed() || is_over,
            has_ended: event.is_read_closed(),
        }
    }
}

impl Client {
    /// A client that has just been admitted.
    pub fn new(
        line: Box<dyn Line>,
        connection: Connection,
        place: Place,
        under_way: UnderWay,
    ) -> Self {
        Self {
            line,
            connection,
            place,
            may_read: true,
            has_ended: false,
            is_half_closed: false,
            winds_up: false,
            _under_way: under_way,
        }
    }

    /// The socket below its line, to be registered.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.line.socket()
    }

    /// Lets the connection end, as [`Connection::wind_up`] does.
    pub fn wind_up(&mut self, now: Instant) {
        self.winds_up = true;
        self.connection.time_passes(now);
        self.connection.wind_up();
    }

    /// Whether it was told so.
    pub fn winds_up(&self) -> bool {
        self.winds_up
    }

    /// Hears a sign of this client. Whether it can go on with it: that something can be
    /// sent is nothing to one that waits for more to come, and some systems say it often.
    pub fn hear(&mut self, sign: Sign) -> bool {
        self.may_read |= sign.may_read;
        self.has_ended |= sign.has_ended;
        match self.connection.waits_for() {
            Wait::ToWrite(_) => sign.may_write,
            _ => sign.may_read || (sign.may_write && self.line.has_unsent()),
        }
    }

    /// Until when it may wait for the first sign.
    pub fn deadline(&self) -> Option<Instant> {
        match self.connection.waits_for() {
            Wait::ToRead(until) | Wait::ToWrite(until) | Wait::ToLinger(until) => Some(until),
            Wait::ToClose => None,
        }
    }

    /// Goes on with this client for a turn, and never waits. What it sends is read into
    /// `piece`, a piece at a time.
    pub fn go_on(
        &mut self,
        now: Instant,
        piece: &mut [u8],
        respond: &impl Fn(&Request) -> Response,
    ) -> Next {
        // One client's answer must not end the thread that many share.
        let turn = AssertUnwindSafe(|| self.try_to_go_on(now, piece, respond));
        match catch_unwind(turn) {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                log_error(&error);
                Next::End
            }
            Err(_) => Next::End,
        }
    }

    fn try_to_go_on(
        &mut self,
        now: Instant,
        piece: &mut [u8],
        respond: &impl Fn(&Request) -> Response,
    ) -> anyhow::Result<Next> {
        for _ in 0..TURN {
            self.answer(respond);
            let (until, moved) = match self.connection.waits_for() {
                Wait::ToClose => {
                    if !self.is_half_closed {
                        // To be told is a courtesy that nobody waits for.
                        let _ = self.line.half_close();
                    }
                    return Ok(Next::End);
                }
                Wait::ToWrite(until) => (until, self.write(now)?),
                Wait::ToRead(until) => (until, self.read(now, piece)),
                Wait::ToLinger(until) => (until, self.linger(now, piece)),
            };
            match moved {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if now < until {
                        return Ok(Next::Sign);
                    }
                    // Only who has really sent nothing is late, and not who had to wait
                    // for its turn.
                    self.connection.time_passes(now);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                moved => moved.context("the connection broke")?,
            }
        }
        Ok(Next::Turn)
    }

    fn answer(&mut self, respond: &impl Fn(&Request) -> Response) {
        while let Some(request) = self.connection.next_request() {
            let is_misunderstood = self.line.is_misunderstood();
            if self.place.is_last_request() || is_misunderstood {
                self.connection.wind_up();
            }
            let response = match is_misunderstood {
                true => Response::status_page(MISUNDERSTOOD),
                false => respond(&request),
            };
            let response = self.place.watch(&request, response);
            self.connection.answer(&request, response);
        }
        self.place.note(self.connection.refusal());
        if let Some(refusal) = self.connection.take_refusal() {
            log_error(&refusal);
        }
    }

    fn read(&mut self, now: Instant, piece: &mut [u8]) -> io::Result<()> {
        if !self.may_read {
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = self.line.read(piece)?;
        let is_all = length < piece.len() && self.line.short_is_all();
        self.may_read = !is_all || self.has_ended;
        self.connection.receive(&piece[..length], now);
        Ok(())
    }

    fn linger(&mut self, now: Instant, piece: &mut [u8]) -> io::Result<()> {
        if !self.is_half_closed {
            self.line.half_close()?;
            self.is_half_closed = true;
        }
        self.read(now, piece)
    }

    fn write(&mut self, now: Instant) -> anyhow::Result<io::Result<()>> {
        let to_send = self.connection.to_send().context("a response is cut off")?;
        let sent = self.line.write(to_send);
        Ok(sent.map(|length| self.connection.sent(length, now)))
    }
}
