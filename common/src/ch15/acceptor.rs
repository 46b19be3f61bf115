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
use crate::ch15::protocol::{ProtocolFor, http1};
use crate::ch15::session::Session;
use crate::ch15::transport::Transport;

/// How long no connection is accepted after `accept` has failed. Where the process has no
/// file descriptor left, it would fail again at once.
const REST: Duration = Duration::from_millis(50);

/// How many connections are accepted at once, before the sessions have their turns.
const MOST_AT_ONCE: usize = 64;

/// A listening socket that does not wait, and what it needs to make sessions.
pub struct Acceptor<'a> {
    listener: mio::net::TcpListener,
    limiter: &'a ConnectionLimiter,
    shutdown: &'a Shutdown,
    transport_for: Box<TransportFor<'a>>,
    protocol_for: ProtocolFor,
    /// Until when no connection is accepted, after `accept` has failed.
    rests_until: Option<Instant>,
}

/// Makes the transport of a connection.
type TransportFor<'a> = dyn Fn(TcpStream) -> anyhow::Result<Box<dyn Transport>> + 'a;

impl<'a> Acceptor<'a> {
    /// Accepts the connections of this listener, with TCP alone as their transport.
    ///
    /// # Errors
    /// The system cannot make the listener non-blocking.
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
            protocol_for: http1,
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

    /// The same, with other protocols than HTTP/1.1 alone.
    pub fn with_protocols(self, protocol_for: ProtocolFor) -> Self {
        Self {
            protocol_for,
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

    /// What a client may cost.
    pub fn limits(&self) -> &Limits {
        self.limiter.limits()
    }

    /// What tells whether the server is to stop.
    pub fn shutdown(&self) -> &'a Shutdown {
        self.shutdown
    }

    /// Accepts the connections that wait, and calls `register` with a session for each. Gives
    /// when to call this again, where that is before the next event of the listener.
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
                                let protocol_for = self.protocol_for;
                                register(Session::new(transport, protocol_for, now, permit, guard));
                            }
                            Err(error) => {
                                log_error(error.context("a client cannot have a transport"))
                            }
                        }
                    }
                    None => self.limiter.reject(stream.into()),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // A client hung up while it waited. The others are still there.
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

    /// Accepts so many clients with these limits. Gives how many were accepted, and when the
    /// acceptor wants to look again.
    fn accept(
        connecting: usize,
        limits: &str,
        is_requested: bool,
    ) -> (usize, [Option<Instant>; 2]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits::default().but_for(limits).unwrap();
        let log = AccessLog::start(1, io::sink()).unwrap();
        let limiter = ConnectionLimiter::start(limits, log).unwrap();
        let shutdown = Shutdown::new(Duration::ZERO);
        let mut acceptor = Acceptor::new(listener, &limiter, &shutdown).unwrap();
        let mut clients: Vec<TcpStream> = (0..connecting)
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
    fn connections_are_accepted_and_none_is_waited_for() {
        assert_eq!(accept(0, "", false), (0, [None, None]));
        assert_eq!(accept(3, "", false), (3, [None, None]));
    }

    #[test]
    fn many_connections_are_accepted_in_parts() {
        let (admitted, again) = accept(MOST_AT_ONCE + 1, "", false);
        assert_eq!(admitted, MOST_AT_ONCE + 1);
        assert!(matches!(again, [Some(_), None]));
    }

    #[test]
    fn a_client_without_a_permit_is_refused() {
        assert_eq!(accept(3, "connections=2", false), (2, [None, None]));
    }

    /// The listener was there, so these may have connected before the signal.
    #[test]
    fn all_that_have_connected_are_accepted_at_the_stop() {
        assert_eq!(accept(3, "", true), (3, [None, None]));
        let many = MOST_AT_ONCE + 1;
        assert_eq!(accept(many, "", true), (many, [None, None]));
    }
}
