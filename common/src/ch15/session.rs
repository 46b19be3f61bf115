//! A session: one connection that never waits. It does what can be done, and then says what
//! has to happen first.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::Context;
use mio::net::TcpStream;

use crate::ch02::log::log_error;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::wait::Wait;
use crate::ch12::connection_limiter::Permit;
use crate::ch13::connection_guard::ConnectionGuard;
use crate::ch15::protocol::{Protocol, ProtocolFor};
use crate::ch15::readiness::Readiness;
use crate::ch15::transport::Transport;

/// How often a session may read or write before the next session has its turn. Otherwise a
/// client that always has more to send would keep all others waiting.
const TURN: usize = 4;

/// How many requests are answered before the answers are sent. A short request may ask for
/// a long answer.
const ANSWERS: usize = 16;

/// A connection, and all that is kept for it.
pub struct Session {
    pub(crate) transport: Box<dyn Transport>,
    accepted: Instant,
    protocol_for: ProtocolFor,
    /// What is spoken; `None` until the handshake of the transport is over.
    pub(crate) protocol: Option<Box<dyn Protocol>>,
    pub(crate) reading: ReadState,
    pub(crate) is_half_closed: bool,
    knows_of_shutdown: bool,
    permit: Permit,
    pub(crate) guard: ConnectionGuard,
}

/// Whether a read may bring something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadState {
    /// Not before the system says that the socket is ready.
    Waiting,
    /// It may. A read that brings less than there is room for has brought all.
    Ready,
    /// It may. Only a read that would have to wait shows that nothing is left.
    Draining,
}

/// What a session needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another turn, as it has more to do.
    Ready,
    /// Readiness, or its [`Session::deadline`].
    Waiting,
    /// Nothing: it is over.
    Closed,
}

impl Session {
    /// A session for a connection that was just accepted. Its protocol is made once the
    /// handshake of its transport is over.
    pub fn new(
        transport: Box<dyn Transport>,
        protocol_for: ProtocolFor,
        accepted: Instant,
        permit: Permit,
        guard: ConnectionGuard,
    ) -> Self {
        Self {
            transport,
            accepted,
            protocol_for,
            protocol: None,
            reading: ReadState::Draining,
            is_half_closed: false,
            knows_of_shutdown: false,
            permit,
            guard,
        }
    }

    /// The socket below its transport, for a poller to watch.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.transport.socket()
    }

    /// Whether it has learned that the server is to stop, and so comes to its end.
    pub fn knows_of_shutdown(&self) -> bool {
        self.knows_of_shutdown
    }

    /// Takes what the system says of its socket, and gives whether the session can go on. A
    /// session that waits for a request cannot go on because a write may succeed, which some
    /// systems report often.
    pub fn notify(&mut self, readiness: Readiness) -> bool {
        // The transport may not have read because it had to send something first.
        let may_write = readiness.may_write;
        let may_read = readiness.may_read || (may_write && self.transport.has_unsent());
        if readiness.may_stop_short {
            self.reading = ReadState::Draining;
        } else if may_read && self.reading == ReadState::Waiting {
            self.reading = ReadState::Ready;
        }
        let wait = self.waits_for();
        (may_read && wait.wants_to_read()) || (may_write && wait.wants_to_write())
    }

    /// When it needs a turn even if its socket is not ready.
    pub fn deadline(&self) -> Option<Instant> {
        let until = self.waits_for().until()?;
        let ends_at = self.guard.ends_at();
        Some(ends_at.map_or(until, |end| end.min(until)))
    }

    /// What the session waits for, also before it has a protocol.
    fn waits_for(&self) -> Wait {
        match &self.protocol {
            Some(protocol) => protocol.waits_for(),
            None => Wait::ToRead(self.accepted + self.permit.limits.timeouts.idle),
        }
    }

    /// The protocol, which is made here the first time.
    pub(crate) fn protocol(&mut self) -> &mut dyn Protocol {
        let make = || (self.protocol_for)(&*self.transport, &self.permit.limits, self.accepted);
        &mut **self.protocol.get_or_insert_with(make)
    }

    /// Does a turn's work, and never waits. It reads into `piece`. A session that fails, or
    /// whose answer panics, is closed.
    pub fn advance(
        &mut self,
        now: Instant,
        piece: &mut [u8],
        respond: &impl Fn(&Request) -> Response,
    ) -> Progress {
        // An answer that panics must not end the thread that many sessions share.
        let turn = AssertUnwindSafe(|| self.try_to_advance(now, piece, respond));
        match catch_unwind(turn) {
            Ok(Ok(progress)) => progress,
            Ok(Err(error)) => {
                log_error(&error);
                Progress::Closed
            }
            Err(_) => Progress::Closed,
        }
    }

    fn try_to_advance(
        &mut self,
        now: Instant,
        piece: &mut [u8],
        respond: &impl Fn(&Request) -> Response,
    ) -> anyhow::Result<Progress> {
        for _ in 0..TURN {
            self.answer(now, respond);
            if self.guard.is_requested() && !self.knows_of_shutdown {
                (self.knows_of_shutdown, self.reading) = (true, ReadState::Draining);
            }
            let wait = self.waits_for();
            let (until, moved) = match wait {
                Wait::ToClose => {
                    if !self.is_half_closed {
                        // A courtesy to the client. The connection ends all the same.
                        let _ = self.transport.half_close();
                    }
                    return Ok(Progress::Closed);
                }
                Wait::ToWrite(until) => (until, self.write(now)?),
                Wait::ToRead(until) => (until, self.read(now, piece)),
                Wait::ToReadOrWrite(until) => (until, self.read_or_write(now, piece)?),
                Wait::ToLinger(until) => (until, self.linger(now, piece)),
            };
            match moved.map_err(|error| (error.kind(), error)) {
                // Bytes came, and none of them are for HTTP yet.
                Err((ErrorKind::Interrupted, _)) => match &mut self.protocol {
                    Some(protocol) => protocol.transport_moves(now),
                    None if now >= until => self.protocol().time_passes(now),
                    None => {}
                },
                Err((ErrorKind::WouldBlock, _)) => {
                    if !self.finish_where_requested(now) && now < until {
                        if self.has_to_tell_of_shutdown(wait) {
                            continue;
                        }
                        return Ok(Progress::Waiting);
                    }
                    // Nothing was there to be read. So the client is late, and it was not
                    // the session that had to wait for its turn.
                    self.protocol().time_passes(now);
                }
                Err((_, error)) => return Err(error).context("the connection broke"),
                Ok(()) => _ = self.finish_where_requested(now),
            }
        }
        Ok(Progress::Ready)
    }

    /// Lets the session finish once the server is to stop: with its next answer, or when it
    /// has been idle for the whole of its grace. Gives whether the grace has just ended.
    fn finish_where_requested(&mut self, now: Instant) -> bool {
        if !self.guard.is_requested() {
            return false;
        }
        let has_begun = (self.protocol.as_ref()).is_some_and(|protocol| protocol.has_begun());
        let must_finish = self.guard.must_finish(has_begun, self.waits_for(), now);
        if must_finish {
            self.protocol().finish_after_current();
        }
        must_finish && !has_begun
    }

    /// Whether a session that waited to read has to tell its client that the connection ends.
    fn has_to_tell_of_shutdown(&self, waited: Wait) -> bool {
        self.guard.is_requested() && !waited.wants_to_write() && self.waits_for().wants_to_write()
    }

    /// Answers the requests that have come whole, [`ANSWERS`] of them at the most.
    fn answer(&mut self, now: Instant, respond: &impl Fn(&Request) -> Response) {
        let Some(protocol) = &mut self.protocol else {
            return;
        };
        for _ in 0..ANSWERS {
            let Some((stream, request)) = protocol.next_request() else {
                break;
            };
            let other_protocol = self.transport.other_protocol();
            if self.permit.is_last_request_at(now) || other_protocol.is_some() {
                protocol.finish_after_current();
            }
            let response = other_protocol.map_or_else(|| respond(&request), Response::status_page);
            let response = self.permit.watch(&request, response);
            protocol.answer(stream, &request, response);
        }
        while let Some(refusal) = protocol.take_refusal() {
            if self.permit.is_last_request_at(now) {
                protocol.finish_after_current();
            }
            self.permit.note(Some(&refusal));
            log_error(&refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch12::access_log::AccessLog;
    use crate::ch12::connection_limiter::ConnectionLimiter;
    use crate::ch12::limits::Limits;
    use crate::ch13::shutdown::Shutdown;
    use crate::ch15::protocol::http1;
    use std::io;
    use std::io::Write;
    use std::net::{self, TcpListener};
    use std::time::Duration;

    const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const READABLE: Readiness = Readiness {
        may_read: true,
        may_write: false,
        may_stop_short: false,
    };
    const WRITABLE: Readiness = Readiness {
        may_read: false,
        may_write: true,
        may_stop_short: false,
    };

    /// Both ends of a connection, and the time at which it began.
    fn client() -> (std::net::TcpStream, Session, Instant) {
        client_of(&Shutdown::new(Duration::ZERO))
    }

    fn client_of(shutdown: &Shutdown) -> (std::net::TcpStream, Session, Instant) {
        client_over(|stream| Box::new(stream), shutdown)
    }

    /// The same, with this transport over its socket.
    fn client_over(
        transport: impl FnOnce(TcpStream) -> Box<dyn Transport>,
        shutdown: &Shutdown,
    ) -> (std::net::TcpStream, Session, Instant) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other_end = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let log = AccessLog::start(1, io::sink()).unwrap();
        let permit = ConnectionLimiter::start(Limits::default(), log).unwrap();
        let permit = permit.acquire(address.ip()).unwrap();
        let began = Instant::now();
        let transport = transport(TcpStream::from_std(stream));
        let guard = ConnectionGuard::new(shutdown);
        let client = Session::new(transport, http1, began, permit, guard);
        (other_end, client, began)
    }

    /// Waits until so many bytes have come, or the end.
    fn has_come(client: &mut Session, length: usize) {
        let mut room = vec![0; length.max(1)];
        while !matches!(client.socket().peek(&mut room), Ok(came) if came == length) {
            std::thread::yield_now();
        }
    }

    fn advance(client: &mut Session, now: Instant) -> Progress {
        client.advance(now, &mut [0; 4096], &|request: &Request| {
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
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert!(client.notify(READABLE));
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        let mut answer = [0; 4096];
        let length = io::Read::read(&mut other_end, &mut answer).unwrap();
        assert!(answer[..length].ends_with(b"\r\n\r\npage"));
    }

    /// Gives these pieces, each in a read of its own, as a socket does in which urgent
    /// bytes lie between them; `None` is a read that would have to wait, as one does over
    /// TLS that first has something to send.
    struct InPieces(TcpStream, std::vec::IntoIter<Option<&'static [u8]>>);

    impl io::Read for InPieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.1.next().flatten() {
                Some(mut piece) => piece.read(buffer),
                None => Err(ErrorKind::WouldBlock.into()),
            }
        }
    }

    impl Write for InPieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for InPieces {
        fn socket(&mut self) -> &mut TcpStream {
            &mut self.0
        }

        fn half_close(&mut self) -> io::Result<()> {
            self.0.half_close()
        }

        fn has_unsent(&self) -> bool {
            true
        }
    }

    fn client_in_pieces(
        pieces: Vec<Option<&'static [u8]>>,
    ) -> (std::net::TcpStream, Session, Instant) {
        let transport =
            |stream| Box::new(InPieces(stream, pieces.into_iter())) as Box<dyn Transport>;
        client_over(transport, &Shutdown::new(Duration::ZERO))
    }

    #[test]
    fn a_short_read_does_not_mean_that_all_was_read() {
        let pieces: [&[u8]; 3] = [b"GET /a HTTP", b"/1.1\r\nHost: a\r\n", b"\r\n"];
        let (mut other_end, mut client, now) = client_in_pieces(pieces.map(Some).to_vec());
        // No other event tells of the bytes that are left.
        while advance(&mut client, now) == Progress::Ready {}
        drop(client);
        let mut answer = String::new();
        io::Read::read_to_string(&mut other_end, &mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\npage"), "{answer}");
    }

    #[test]
    fn a_transport_that_has_to_send_first_reads_once_it_can() {
        let (mut other_end, mut client, now) = client_in_pieces(vec![None, Some(GET)]);
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        assert!(client.notify(WRITABLE));
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        drop(client);
        let mut answer = String::new();
        io::Read::read_to_string(&mut other_end, &mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\npage"), "{answer}");
    }

    #[test]
    fn an_end_that_came_with_the_last_bytes_needs_no_other_event() {
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        other_end.shutdown(net::Shutdown::Write).unwrap();
        has_come(&mut client, GET.len());
        assert!(client.notify(READABLE));
        assert_eq!(advance(&mut client, now), Progress::Closed);
    }

    #[test]
    fn a_panic_ends_its_client_alone() {
        let (mut other_end, mut client, now) = client();
        let request = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
        other_end.write_all(request).unwrap();
        has_come(&mut client, request.len());
        assert_eq!(advance(&mut client, now), Progress::Closed);
    }

    #[test]
    fn a_session_with_much_to_do_has_one_turn_and_then_another() {
        let (mut other_end, mut client, now) = client();
        let sent = GET.repeat(1000);
        other_end.write_all(&sent).unwrap();
        has_come(&mut client, sent.len());
        let mut turns = 1;
        while advance(&mut client, now) == Progress::Ready {
            turns += 1;
        }
        // In each step it reads 4,096 bytes, or answers them.
        assert!(turns > sent.len() / 4096 / TURN, "{turns}");
    }

    #[test]
    fn a_request_in_time_counts_when_its_event_comes_late() {
        let late = Duration::from_secs(3600);
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(advance(&mut client, now + late), Progress::Waiting);
        assert_eq!(advance(&mut client, now + 2 * late), Progress::Closed);
    }

    #[test]
    fn a_request_in_time_counts_when_its_turn_comes_late() {
        let late = Duration::from_secs(3600);
        let (mut other_end, mut client, now) = client();
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        assert_eq!(advance(&mut client, now + late), Progress::Waiting);
        // After that nothing came.
        assert_eq!(advance(&mut client, now + 2 * late), Progress::Closed);
    }

    #[test]
    fn a_request_that_was_on_its_way_at_the_stop_is_answered() {
        let shutdown = Shutdown::new(Duration::ZERO);
        let (mut other_end, mut client, now) = client_of(&shutdown);
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        shutdown.request();
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        other_end.write_all(GET).unwrap();
        has_come(&mut client, GET.len());
        // The turn at the end of its grace is enough, without any event.
        let end = client.deadline().unwrap();
        assert_eq!(advance(&mut client, end), Progress::Waiting);
        let mut answer = String::new();
        io::Read::read_to_string(&mut other_end, &mut answer).unwrap();
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }

    #[test]
    fn an_idle_session_is_closed_at_the_stop() {
        let shutdown = Shutdown::new(Duration::ZERO);
        let (_other_end, mut client, now) = client_of(&shutdown);
        shutdown.request();
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        let end = client.deadline().unwrap();
        assert!(end < now + Duration::from_secs(1));
        assert_eq!(advance(&mut client, end), Progress::Waiting);
        assert_eq!(
            advance(&mut client, now + Duration::from_secs(60)),
            Progress::Closed
        );
    }

    #[test]
    fn readiness_counts_only_for_what_the_session_waits_for() {
        let (other_end, mut client, now) = client();
        assert_eq!(advance(&mut client, now), Progress::Waiting);
        assert!(client.notify(READABLE));
        assert!(!client.notify(WRITABLE));
        // It asks for more than can be sent to a client that does not read.
        let long = b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
        (&other_end).write_all(&long).unwrap();
        has_come(&mut client, long.len());
        while advance(&mut client, now) == Progress::Ready {}
        assert!(!client.notify(READABLE));
        assert!(client.notify(WRITABLE));
    }

    #[test]
    fn readiness_adds_up() {
        let mut added = Readiness::default();
        for readiness in [READABLE, WRITABLE, Readiness::default()] {
            added.add(readiness);
        }
        assert!(added.may_read && added.may_write);
    }
}
