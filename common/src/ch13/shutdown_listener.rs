//! A listening socket that stops accepting when the server is to stop.

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use crate::ch01::listen::{concerns_one_client, listen, try_accept};
use crate::ch02::log::log_error;
use crate::ch12::connection_limiter::{ConnectionLimiter, Permit};
use crate::ch13::accept_waker::AcceptWaker;
use crate::ch13::connection_guard::ConnectionGuard;
use crate::ch13::shutdown::Shutdown;

/// How many connections are still accepted from the backlog once the server is to stop. It
/// is more than the backlog of a listener here holds; the rest would be reset with the listener.
pub(crate) const MAX_PENDING: usize = 1024;

/// A listening socket that accepts until the server is to stop.
pub struct ShutdownListener {
    listener: TcpListener,
    waker: Arc<AcceptWaker>,
    shutdown: Shutdown,
    /// How many connections have been taken from the backlog since the request to stop.
    late: Cell<usize>,
}

impl Shutdown {
    /// Listens, as [`listen`] does, until the server is to stop.
    ///
    /// # Errors
    /// As [`listen`], or the system cannot make the waker's socket.
    pub fn listen(&self) -> anyhow::Result<ShutdownListener> {
        ShutdownListener::new(listen()?, self.clone())
    }
}

impl ShutdownListener {
    fn new(listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<Self> {
        let waker = Arc::new(AcceptWaker::of(listener.local_addr()?)?);
        let wakes = Arc::clone(&waker);
        shutdown.on_request(move || wakes.wake());
        Ok(Self {
            listener,
            waker,
            shutdown,
            late: Cell::new(0),
        })
    }

    /// Waits for the next connection that gets a permit; the others are rejected, as
    /// [`ConnectionLimiter::accept`] does. `None` once the server is to stop and the backlog is
    /// empty. The connection is counted here, before it has a thread: if its thread counted it,
    /// the server could end in between, without waiting for it.
    pub fn accept(
        &self,
        limiter: &ConnectionLimiter,
    ) -> Option<(TcpStream, Permit, ConnectionGuard)> {
        loop {
            let accepted = match self.shutdown.is_requested() {
                false => try_accept(&self.listener, log_error),
                true => Some(self.accept_pending()?),
            };
            let Some((stream, client)) = accepted else {
                continue;
            };
            if self.waker.is(client) {
                continue;
            }
            match limiter.acquire(client.ip()) {
                Some(permit) => {
                    return Some((stream, permit, ConnectionGuard::new(&self.shutdown)));
                }
                None => limiter.reject(stream),
            }
        }
    }

    /// A connection from the backlog, without waiting. `None` where there is none, or where
    /// [`MAX_PENDING`] have been taken.
    fn accept_pending(&self) -> Option<(TcpStream, SocketAddr)> {
        self.listener.set_nonblocking(true).ok()?;
        while self.late.replace(self.late.get() + 1) < MAX_PENDING {
            match self.listener.accept() {
                Ok((stream, client)) => {
                    // On some systems the connection inherits it from the listener.
                    if stream.set_nonblocking(false).is_ok() {
                        return Some((stream, client));
                    }
                }
                Err(error) if concerns_one_client(error.kind()) => {}
                Err(_) => break,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch12::access_log::AccessLog;
    use crate::ch12::limits::Limits;
    use std::io;
    use std::time::Duration;

    #[test]
    fn connections_made_before_the_shutdown_are_accepted() {
        let log = AccessLog::start(1, io::sink()).unwrap();
        let limiter = ConnectionLimiter::start(Limits::default(), log).unwrap();
        let shutdown = Shutdown::new(Duration::from_secs(60));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = ShutdownListener::new(listener, shutdown.clone()).unwrap();
        let clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        shutdown.request();
        for client in clients {
            let (stream, ..) = listener.accept(&limiter).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        }
        assert!(listener.accept(&limiter).is_none());
    }
}
