//! Accepts connections without waiting for the next one, and makes sessions of them.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::ch01::listen::concerns_one_client;
use crate::ch02::log::log_error;
use crate::ch12::connection_limiter::ConnectionLimiter;
use crate::ch12::limits::Limits;
use crate::ch13::connection_guard::ConnectionGuard;
use crate::ch13::shutdown::Shutdown;
use crate::ch13::shutdown_listener::MAX_PENDING;
use crate::ch15::poller::Poller;
use crate::ch15::protocol::http1;
use crate::ch15::session::Session;
use crate::ch15::transport::Transport;

/// How long no connection is accepted after `accept` has failed. Where the process has no
/// file descriptor left, it would fail again at once.
const REST: Duration = Duration::from_millis(50);

/// How many connections are accepted at once, before it is the turn of those that there are.
const MOST_AT_ONCE: usize = 64;

/// A listening socket that does not wait, and what decides about its connections.
pub struct Acceptor<'a> {
    listener: mio::net::TcpListener,
    limiter: &'a ConnectionLimiter,
    shutdown: &'a Shutdown,
    transport_for: Box<TransportFor<'a>>,
    /// Until when no connection is accepted.
    rests_until: Option<Instant>,
}

/// Makes the transport of a connection, where it can have one.
type TransportFor<'a> = dyn Fn(TcpStream) -> anyhow::Result<Box<dyn Transport>> + 'a;

impl<'a> Acceptor<'a> {
    /// Accepts the connections of this listener, with TCP alone as their transport.
    ///
    /// # Errors
    /// The system does not let the listener be one that does not wait.
    pub fn new(
        listener: TcpListener,
        limiter: &'a ConnectionLimiter,
        shutdown: &'a Shutdown,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: mio::net::TcpListener::from_std(listener),
            limiter,
            shutdown,
            transport_for: Box::new(|stream| Ok(Box::new(stream))),
            rests_until: None,
        })
    }

    /// The same, with other transports.
    pub fn with_transports(
        self,
        transport_for: impl Fn(TcpStream) -> anyhow::Result<Box<dyn Transport>> + 'a,
    ) -> Self {
        let transport_for = Box::new(transport_for);
        Self {
            transport_for,
            ..self
        }
    }

    /// Lets a poller watch the listener.
    ///
    /// # Errors
    /// The system refuses.
    pub fn register(&mut self, poller: &Poller) -> io::Result<()> {
        poller.register_listener(&mut self.listener)
    }

    /// What clients may cost.
    pub fn limits(&self) -> &Limits {
        self.limiter.limits()
    }

    /// What tells whether the server is to stop.
    pub fn shutdown(&self) -> &'a Shutdown {
        self.shutdown
    }

    /// Gives a session for each connection that waits to be accepted, and says when to look
    /// again, where that is before the next one is made.
    pub fn accept(&mut self, mut register: impl FnMut(Session)) -> Option<Instant> {
        let rests_until = self.rests_until.filter(|until| Instant::now() < *until);
        if rests_until.is_some() {
            return rests_until;
        }
        let most = match self.shutdown.is_requested() {
            true => MAX_PENDING,
            false => MOST_AT_ONCE,
        };
        for _ in 0..most {
            match self.listener.accept() {
                Ok((stream, address)) => match self.limiter.acquire(address.ip()) {
                    Some(permit) => {
                        // macOS and Windows refuse this where the client has hung up already.
                        if stream.set_nodelay(true).is_err() {
                            continue;
                        }
                        match (self.transport_for)(stream) {
                            Ok(transport) => {
                                let guard = ConnectionGuard::new(self.shutdown);
                                let now = Instant::now();
                                register(Session::new(transport, http1, now, permit, guard));
                            }
                            Err(error) => {
                                log_error(error.context("a client cannot have a transport"))
                            }
                        }
                    }
                    None => self.limiter.reject(stream.into()),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // A client that hung up while it waited is no reason to rest from the others.
                Err(error) if concerns_one_client(error.kind()) => {}
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
    use crate::ch12::access_log::AccessLog;
    use std::io::Read;
    use std::net::TcpStream;

    /// Lets in whoever knocks, with these limits, and gives who came and when it wants to
    /// look again.
    fn accept(knocking: usize, limits: &str, is_requested: bool) -> (usize, [Option<Instant>; 2]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits::default().but_for(limits).unwrap();
        let log = AccessLog::start(1, io::sink()).unwrap();
        let limiter = ConnectionLimiter::start(limits, log).unwrap();
        let shutdown = Shutdown::new(Duration::ZERO);
        let mut acceptor = Acceptor::new(listener, &limiter, &shutdown).unwrap();
        let mut clients: Vec<TcpStream> = (0..knocking)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        if is_requested {
            shutdown.request();
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
        let (admitted, again) = accept(MOST_AT_ONCE + 1, "", false);
        assert_eq!(admitted, MOST_AT_ONCE + 1);
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
        let crowd = MOST_AT_ONCE + 1;
        assert_eq!(accept(crowd, "", true), (crowd, [None, None]));
    }
}
