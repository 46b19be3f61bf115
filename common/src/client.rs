//! A client whose connection never waits: what can be done is done, and then it says
//! what has to happen first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::Context;
use mio::net::TcpStream;

use crate::admission::Place;
use crate::connection::Connection;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;
use crate::stop::UnderWay;
use crate::waiting::Wait;

/// How often a client may be read from, or written to, before it is the turn of the next
/// one. A client that always has something to do would else keep all others waiting.
const TURN: usize = 4;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A client, and all that is kept for it.
pub struct Client {
    stream: TcpStream,
    connection: Connection,
    place: Place,
    is_half_closed: bool,
    winds_up: bool,
    _under_way: UnderWay,
}

/// What a client needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another turn, as it has more to do.
    Turn,
    /// That something comes, or can be sent, or that it is so late.
    Sign(Instant),
    /// Nothing: it is gone.
    End,
}

impl Client {
    /// A client that has just been admitted.
    pub fn new(
        stream: TcpStream,
        connection: Connection,
        place: Place,
        under_way: UnderWay,
    ) -> Self {
        Self {
            stream,
            connection,
            place,
            is_half_closed: false,
            winds_up: false,
            _under_way: under_way,
        }
    }

    /// The client's end of the line, to be registered.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Lets the connection end, as [`Connection::wind_up`] does.
    pub fn wind_up(&mut self) {
        self.winds_up = true;
        self.connection.wind_up();
    }

    /// Whether it was told so.
    pub fn winds_up(&self) -> bool {
        self.winds_up
    }

    /// Goes on with this client for a turn, and never waits.
    pub fn go_on(&mut self, respond: &impl Fn(&Request) -> Response) -> Next {
        // One client's answer must not end the thread that many share.
        let went_on = catch_unwind(AssertUnwindSafe(|| self.try_to_go_on(respond)));
        match went_on {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                log_error(&error);
                Next::End
            }
            Err(_) => Next::End,
        }
    }

    fn try_to_go_on(&mut self, respond: &impl Fn(&Request) -> Response) -> anyhow::Result<Next> {
        self.connection.time_passes(Instant::now());
        for _ in 0..TURN {
            self.answer(respond);
            let (until, moved) = match self.connection.waits_for() {
                Wait::ToClose => return Ok(Next::End),
                Wait::ToRead(until) => (until, self.read()),
                Wait::ToWrite(until) => (until, self.write()?),
                Wait::ToLinger(until) => {
                    if !self.is_half_closed {
                        self.is_half_closed = true;
                        self.stream
                            .shutdown(Shutdown::Write)
                            .context("it is gone already")?;
                    }
                    (until, self.read())
                }
            };
            match moved {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Next::Sign(until));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                moved => moved.context("the connection broke")?,
            }
        }
        Ok(Next::Turn)
    }

    fn answer(&mut self, respond: &impl Fn(&Request) -> Response) {
        while let Some(request) = self.connection.next_request() {
            if self.place.is_last_request() {
                self.connection.wind_up();
            }
            let response = self.place.watch(&request, respond(&request));
            self.connection.answer(&request, response);
        }
        self.place.note(self.connection.refusal());
        if let Some(refusal) = self.connection.take_refusal() {
            log_error(&refusal);
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let length = self.stream.read(&mut piece)?;
        self.connection.receive(&piece[..length], Instant::now());
        Ok(())
    }

    fn write(&mut self) -> anyhow::Result<io::Result<()>> {
        let to_send = self.connection.to_send().context("a response is cut off")?;
        let sent = self.stream.write(to_send);
        Ok(sent.map(|length| self.connection.sent(length, Instant::now())))
    }
}
