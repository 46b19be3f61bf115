//! A client whose connection never waits: what can be done is done, and then it says
//! what has to happen first.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::Context;
use mio::event::Event;
use mio::net::TcpStream;

use crate::admission::{Place, busy};
use crate::connection::Connection;
use crate::line::Line;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;
use crate::under_way::UnderWay;
use crate::waiting::Wait;

/// How often a client may be read from, or written to, before it is the turn of the next
/// one. A client that always has something to do would else keep all others waiting.
const TURN: usize = 4;

/// How many requests are answered before the answers are sent. A few bytes may ask for much.
const ANSWERS: usize = 16;

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
    under_way: UnderWay,
}

/// What was heard of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sign {
    pub(crate) may_read: bool,
    pub(crate) may_write: bool,
    pub(crate) has_ended: bool,
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
            under_way,
        }
    }

    /// The socket below its line, to be registered.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.line.socket()
    }

    /// Whether it has heard that the server is to stop, and so comes to its end.
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
        let until = match self.connection.waits_for() {
            Wait::ToRead(until) | Wait::ToWrite(until) | Wait::ToLinger(until) => until,
            Wait::ToClose => return None,
        };
        let ends_at = self.under_way.ends_at();
        Some(ends_at.map_or(until, |end| end.min(until)))
    }

    /// Goes on with this client for a turn, and never waits. It reads into `piece`.
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
            self.answer(now, respond);
            if self.under_way.is_to_end() && !self.winds_up {
                (self.winds_up, self.may_read) = (true, true);
            }
            let (until, moved) = match self.connection.waits_for() {
                Wait::ToClose => {
                    if !self.is_half_closed {
                        // To be told is a courtesy that nobody waits for.
                        let _ = self.line.half_close();
                    }
                    return Ok(Next::End);
                }
                Wait::ToWrite(until) => (until, self.write(now)?),
                Wait::ToRead(until) => (until, self.read(now, until, piece)),
                Wait::ToLinger(until) => (until, self.linger(now, until, piece)),
            };
            // A line that is busy with itself has not shown yet what has come.
            let has_shown = !matches!(&moved, Err(error) if error.kind() == ErrorKind::Interrupted);
            let is_let_go = has_shown && self.under_way.wind_up(&mut self.connection, now);
            match moved {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if now < until && !is_let_go {
                        return Ok(Next::Sign);
                    }
                    // Only who has really sent nothing is late, not who waited for its turn.
                    self.connection.time_passes(now);
                }
                // A part of something came, of which nothing is for HTTP yet.
                Err(_) if !has_shown => self.connection.line_moves(now),
                moved => moved.context("the connection broke")?,
            }
        }
        Ok(Next::Turn)
    }

    fn answer(&mut self, now: Instant, respond: &impl Fn(&Request) -> Response) {
        for _ in 0..ANSWERS {
            let Some(request) = self.connection.next_request() else {
                break;
            };
            let is_misunderstood = self.line.is_misunderstood();
            if self.place.is_last_request_at(now) || is_misunderstood {
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

    fn read(&mut self, now: Instant, until: Instant, piece: &mut [u8]) -> io::Result<()> {
        // Where its time is over, a sign of what it has sent may still be on its way.
        if !self.may_read && now < until {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.line.is_shaking_hands() {
            self.under_way.put_off();
        }
        let length = self.line.read(piece)?;
        let is_all = length < piece.len() && self.line.short_is_all();
        self.may_read = !is_all || self.has_ended;
        if let Some(refusal) = self.line.refusal() {
            self.connection.turn_away(busy(&refusal), refusal, now);
        }
        self.connection.receive(&piece[..length], now);
        Ok(())
    }

    fn linger(&mut self, now: Instant, until: Instant, piece: &mut [u8]) -> io::Result<()> {
        if !self.is_half_closed {
            self.line.half_close()?;
            self.is_half_closed = true;
        }
        self.read(now, until, piece)
    }

    fn write(&mut self, now: Instant) -> anyhow::Result<io::Result<()>> {
        let to_send = self.connection.to_send().context("a response is cut off")?;
        let sent = self.line.write(to_send);
        Ok(sent.map(|length| self.connection.sent(length, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::AccessLog;
    use crate::admission::Admission;
    use crate::limits::Limits;
    use crate::stop::Stop;
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const READABLE: Sign = Sign {
        may_read: true,
        may_write: false,
        has_ended: false,
    };
    const WRITABLE: Sign = Sign {
        may_read: false,
        may_write: true,
        has_ended: false,
    };

    /// Both ends of a connection, and the moment at which it began.
    fn client() -> (std::net::TcpStream, Client, Instant) {
        client_of(&Stop::new(Duration::ZERO))
    }

    fn client_of(stop: &Stop) -> (std::net::TcpStream, Client, Instant) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other_end = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let log = AccessLog::start(1, io::sink()).unwrap();
        let place = Admission::start(Limits::default(), log).unwrap();
        let place = place.admit(address.ip()).unwrap();
        let began = Instant::now();
        let connection = Connection::new(place.limits.times, began);
        let line = Box::new(TcpStream::from_std(stream));
        let client = Client::new(line, connection, place, stop.begin());
        (other_end, client, began)
    }

    /// Waits until so much has come, or the end.
    fn has_come(client: &mut Client, length: usize) {
        let mut room = vec![0; length.max(1)];
        while !matches!(client.socket().peek(&mut room), Ok(came) if came == length) {
            std::thread::yield_now();
        }
    }

    fn go_on(client: &mut Client, now: Instant) -> Next {
        client.go_on(now, &mut [0; 4096], &|request: &Request| {
            assert_ne!(request.path(), "/panic", "an answer that fails");
            let length = if request.path() == "/long" {
                1 << 20
            } else {
                1
            };
            Response::html("200 OK", "page".repeat(length))
        })
    }

    #[test]
    fn a_request_is_answered_in_one_turn() {
        let (mut other_end, mut client, now) = client();
        assert_eq!(go_on(&mut client, now), Next::Sign);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert!(client.hear(READABLE));
        assert_eq!(go_on(&mut client, now), Next::Sign);
        let mut answer = [0; 4096];
        let length = io::Read::read(&mut other_end, &mut answer).unwrap();
        assert!(answer[..length].ends_with(b"\r\n\r\npage"));
    }

    #[test]
    fn an_end_that_came_with_the_last_bytes_needs_no_other_sign() {
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        other_end.shutdown(Shutdown::Write).unwrap();
        has_come(&mut client, GET.len());
        assert!(client.hear(Sign {
            has_ended: true,
            ..READABLE
        }));
        assert_eq!(go_on(&mut client, now), Next::End);
    }

    #[test]
    fn a_panic_ends_its_client_alone() {
        let (mut other_end, mut client, now) = client();
        let request = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
        other_end.write_all(request).unwrap();
        has_come(&mut client, request.len());
        assert_eq!(go_on(&mut client, now), Next::End);
    }

    #[test]
    fn who_has_much_to_do_has_its_turn_and_then_another_one() {
        let (mut other_end, mut client, now) = client();
        let sent = GET.repeat(1000);
        other_end.write_all(&sent).unwrap();
        has_come(&mut client, sent.len());
        let mut turns = 1;
        while go_on(&mut client, now) == Next::Turn {
            turns += 1;
        }
        // In each step it reads 4,096 bytes, or answers them.
        assert!(turns > sent.len() / 4096 / TURN, "{turns}");
    }

    #[test]
    fn what_came_in_time_counts_also_when_its_sign_comes_late() {
        let late = Duration::from_secs(3600);
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(go_on(&mut client, now), Next::Sign);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(go_on(&mut client, now + late), Next::Sign);
        assert_eq!(go_on(&mut client, now + 2 * late), Next::End);
    }

    #[test]
    fn what_came_in_time_counts_also_when_its_turn_comes_late() {
        let late = Duration::from_secs(3600);
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(go_on(&mut client, now + late), Next::Sign);
        // After that nothing came.
        assert_eq!(go_on(&mut client, now + 2 * late), Next::End);
    }

    #[test]
    fn a_request_that_was_on_its_way_at_the_stop_is_answered() {
        let stop = Stop::new(Duration::ZERO);
        let (mut other_end, mut client, now) = client_of(&stop);
        assert_eq!(go_on(&mut client, now), Next::Sign);
        stop.ask();
        assert_eq!(go_on(&mut client, now), Next::Sign);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        // The look at the end of its time is enough, without any sign.
        let end = client.deadline().unwrap();
        assert_eq!(go_on(&mut client, end), Next::Sign);
        let mut answer = String::new();
        io::Read::read_to_string(&mut other_end, &mut answer).unwrap();
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }

    #[test]
    fn who_stays_idle_at_the_stop_is_let_go() {
        let stop = Stop::new(Duration::ZERO);
        let (_other_end, mut client, now) = client_of(&stop);
        stop.ask();
        assert_eq!(go_on(&mut client, now), Next::Sign);
        let end = client.deadline().unwrap();
        assert!(end < now + Duration::from_secs(1));
        assert_eq!(go_on(&mut client, end), Next::Sign);
        assert_eq!(go_on(&mut client, now + Duration::from_secs(60)), Next::End);
    }

    #[test]
    fn signs_that_count_and_signs_that_do_not() {
        let (other_end, mut client, now) = client();
        assert_eq!(go_on(&mut client, now), Next::Sign);
        assert!(client.hear(READABLE));
        assert!(!client.hear(WRITABLE));
        // It asks for more than can be sent to who does not read.
        let long = b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
        (&other_end).write_all(&long).unwrap();
        has_come(&mut client, long.len());
        while go_on(&mut client, now) == Next::Turn {}
        assert!(!client.hear(READABLE));
        assert!(client.hear(WRITABLE));
    }

    #[test]
    fn signs_add_up() {
        let mut heard = Sign::default();
        for sign in [READABLE, WRITABLE, Sign::default()] {
            heard.add(sign);
        }
        assert!(heard.may_read && heard.may_write && !heard.has_ended);
    }
}
