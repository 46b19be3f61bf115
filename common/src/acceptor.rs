//! Who knocks is let in, without a wait for the next one.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::admission::Admission;
use crate::chunked::by_length_or_chunks;
use crate::client::Client;
use crate::connection::Connection;
use crate::limits::Limits;
use crate::line::Line;
use crate::listen::is_of_one;
use crate::log::log_error;
use crate::request::Request;
use crate::stop::{AT_LAST, Stop};

/// How long nobody is let in after that has failed. Where the process has no file
/// descriptor left, it would fail again at once.
const REST: Duration = Duration::from_millis(50);

/// How many are let in at once, before it is the turn of those who are in.
const AT_ONCE: usize = 64;

/// A listening socket that does not wait, and those who decide about its clients.
pub struct Acceptor<'a> {
    listener: mio::net::TcpListener,
    admission: &'a Admission,
    stop: &'a Stop,
    needs_body: fn(&Request) -> bool,
    line_of: Box<LineOf<'a>>,
    /// Until when nobody is let in, however many knock.
    rests_until: Option<Instant>,
}

/// Makes a client's line of its connection; `None` where it cannot have one now.
type LineOf<'a> = dyn Fn(TcpStream) -> Option<Box<dyn Line>> + 'a;

impl<'a> Acceptor<'a> {
    /// Lets clients in that knock at this listener.
    ///
    /// # Errors
    /// The system does not let the listener be one that does not wait.
    pub fn new(
        listener: TcpListener,
        admission: &'a Admission,
        stop: &'a Stop,
        needs_body: fn(&Request) -> bool,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: mio::net::TcpListener::from_std(listener),
            admission,
            stop,
            needs_body,
            line_of: Box::new(|stream| Some(Box::new(stream))),
            rests_until: None,
        })
    }

    /// The same, where something lies between the connection and what is spoken over it.
    pub fn with_lines(self, line_of: impl Fn(TcpStream) -> Option<Box<dyn Line>> + 'a) -> Self {
        let line_of = Box::new(line_of);
        Self { line_of, ..self }
    }

    /// Lets somebody hear of it when a client knocks.
    ///
    /// # Errors
    /// The system does not.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.listener, token, Interest::READABLE)
    }

    /// What clients may cost.
    pub fn limits(&self) -> &Limits {
        self.admission.limits()
    }

    /// What tells whether the server is to stop, so that nobody is let in any more.
    pub fn stop(&self) -> &'a Stop {
        self.stop
    }

    /// Gives those who have knocked, and says when to look again, where that is before
    /// the next one knocks.
    pub fn accept(&mut self, mut welcome: impl FnMut(Client)) -> Option<Instant> {
        let rests_until = self.rests_until.filter(|until| Instant::now() < *until);
        if rests_until.is_some() {
            return rests_until;
        }
        let most = match self.stop.is_asked() {
            true => AT_LAST,
            false => AT_ONCE,
        };
        for _ in 0..most {
            match self.listener.accept() {
                Ok((stream, address)) => {
                    let Some(place) = self.admission.admit(address.ip()) else {
                        self.admission.turn_away(stream.into());
                        continue;
                    };
                    // macOS and Windows refuse this where the client has hung up already.
                    if stream.set_nodelay(true).is_err() {
                        continue;
                    }
                    let Some(line) = (self.line_of)(stream) else {
                        continue;
                    };
                    let connection = Connection::new(place.limits.times, Instant::now())
                        .with_framing(by_length_or_chunks)
                        .with_early_answers(self.needs_body)
                        .with_scheme(line.scheme());
                    welcome(Client::new(line, connection, place, self.stop.begin()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // One that hung up while it waited is no reason to rest from the others.
                Err(error) if is_of_one(error.kind()) => {}
                Err(error) => {
                    log_error(format_args!("cannot accept a connection: {error}"));
                    self.rests_until = Some(Instant::now() + REST);
                    return self.rests_until;
                }
            }
        }
        Some(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::AccessLog;
    use std::io::Read;
    use std::net::TcpStream;

    /// Lets in whoever knocks, with these limits, and gives who came and when it wants to
    /// look again.
    fn accept(knocking: usize, limits: &str, is_asked: bool) -> (usize, [Option<Instant>; 2]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits::default().but_for(limits).unwrap();
        let log = AccessLog::start(1, io::sink()).unwrap();
        let admission = Admission::start(limits, log).unwrap();
        let stop = Stop::new(Duration::ZERO);
        let mut acceptor = Acceptor::new(listener, &admission, &stop, |_| true).unwrap();
        let mut clients: Vec<TcpStream> = (0..knocking)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        if is_asked {
            stop.ask();
        }
        let mut admitted = Vec::new();
        let again = [(); 2].map(|()| acceptor.accept(|client| admitted.push(client)));
        for client in &mut clients[admitted.len()..] {
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
        }
        (admitted.len(), again)
    }

    #[test]
    fn who_knocks_is_let_in_and_nobody_is_waited_for() {
        assert_eq!(accept(0, "", false), (0, [None, None]));
        assert_eq!(accept(3, "", false), (3, [None, None]));
    }

    #[test]
    fn a_crowd_is_let_in_by_and_by() {
        let (admitted, again) = accept(AT_ONCE + 1, "", false);
        assert_eq!(admitted, AT_ONCE + 1);
        assert!(matches!(again, [Some(_), None]));
    }

    #[test]
    fn who_has_no_place_is_told_so() {
        assert_eq!(accept(3, "connections=2", false), (2, [None, None]));
    }

    /// Its listener is there, so somebody may have come before the signal.
    #[test]
    fn who_has_knocked_is_let_in_also_when_the_server_is_to_stop() {
        assert_eq!(accept(3, "", true), (3, [None, None]));
        let crowd = AT_ONCE + 1;
        assert_eq!(accept(crowd, "", true), (crowd, [None, None]));
    }
}
