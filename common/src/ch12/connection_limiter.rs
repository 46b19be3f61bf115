//! How many connections there may be, in all and from each client, and what a client gets
//! for whose connection there is no permit.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ch01::listen::try_accept;
use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch02::stream::TimedStream;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch12::access_log::AccessLog;
use crate::ch12::limits::Limits;

/// How long a rejected client may take to close after its response. The time of each counts
/// from its own response, so many of them take no longer than one.
const CLOSE_TIME: Duration = Duration::from_millis(100);

/// How many rejected connections may wait for their clients to close. The next one is closed
/// at once.
const MAX_CLOSING: usize = 64;

/// After how many seconds a rejected client may try again (RFC 9110 §10.2.3).
const RETRY_AFTER: &str = "10";

/// Counts the connections, and gives each a [`Permit`] while there is one.
pub struct ConnectionLimiter {
    limits: Limits,
    log: AccessLog,
    counts: Arc<Mutex<Counts>>,
    rejected: SyncSender<(TcpStream, Instant)>,
}

#[derive(Default)]
struct Counts {
    in_all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The right to one connection. When it is dropped, another connection may have it.
pub struct Permit {
    /// What the client may cost.
    pub limits: Limits,
    client: IpAddr,
    /// The client's address, as the access log has it.
    name: String,
    log: AccessLog,
    began: Instant,
    /// When the latest request came.
    now: Instant,
    requests: usize,
    counts: Arc<Mutex<Counts>>,
}

impl ConnectionLimiter {
    /// Begins with all permits free, and starts the thread that closes rejected connections.
    ///
    /// # Errors
    /// The system cannot start the thread.
    pub fn start(limits: Limits, log: AccessLog) -> io::Result<Self> {
        let (rejected, waiting) = sync_channel::<(TcpStream, Instant)>(MAX_CLOSING);
        thread::Builder::new().spawn(move || {
            for (stream, since) in waiting {
                read_and_discard(&stream, CLOSE_TIME.saturating_sub(since.elapsed()));
            }
        })?;
        Ok(Self {
            limits,
            log,
            counts: Arc::default(),
            rejected,
        })
    }

    /// Waits for the next connection, as [`accept`](crate::accept) does, and gives it with
    /// its permit. `None` where none could be accepted, or where there was no permit: then
    /// the connection has been rejected.
    pub fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, Permit)> {
        let (stream, client) = try_accept(listener, log_error)?;
        match self.acquire(client.ip()) {
            Some(permit) => Some((stream, permit)),
            None => {
                self.reject(stream);
                None
            }
        }
    }

    /// Answers a connection with 503 and `Retry-After`, and closes it. Another thread waits
    /// for the client to close.
    pub fn reject(&self, stream: TcpStream) {
        if let Ok(client) = stream.peer_addr() {
            self.log.refused(&name_of(client.ip()), &no_permit());
        }
        if send_busy(&stream).is_ok()
            && let Err(TrySendError::Full((stream, _))) =
                self.rejected.try_send((stream, Instant::now()))
        {
            read_and_discard(&stream, Duration::ZERO);
        }
    }

    /// What clients may cost.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A permit for a connection from this address, where there is one.
    pub fn acquire(&self, client: IpAddr) -> Option<Permit> {
        let mut counts = lock(&self.counts);
        let of_client = counts.by_client.get(&client_key(client)).copied();
        let of_client = of_client.unwrap_or_default();
        if counts.in_all >= self.limits.connections || of_client >= self.limits.connections_of_one {
            return None;
        }
        counts.in_all += 1;
        counts.by_client.insert(client_key(client), of_client + 1);
        let now = Instant::now();
        Some(Permit {
            client,
            name: name_of(client),
            limits: self.limits,
            log: self.log.clone(),
            began: now,
            now,
            requests: 0,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Permit {
    /// Counts a request, and says whether it is the last one of its connection: because of
    /// their number, or because the connection is older than [`Limits::life`].
    pub fn is_last_request(&mut self) -> bool {
        self.is_last_request_at(Instant::now())
    }

    /// The same, where the caller knows the time already.
    pub fn is_last_request_at(&mut self, now: Instant) -> bool {
        self.requests += 1;
        self.now = now;
        self.requests >= self.limits.requests || self.now - self.began >= self.limits.life
    }

    /// The same response, which writes its line in the access log once it has been sent, or
    /// given up.
    pub fn watch(&self, request: &Request, response: Response) -> Response {
        self.log.watch(&self.name, request, response, self.now)
    }

    /// Writes the line of a refused request, where one was refused.
    pub fn note(&self, refusal: Option<&RequestError>) {
        if let Some(refusal) = refusal {
            self.log.refused(&self.name, refusal);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.in_all -= 1;
        if let Some(count) = counts.by_client.get_mut(&client_key(self.client)) {
            *count -= 1;
            if *count == 0 {
                counts.by_client.remove(&client_key(self.client));
            }
        }
    }
}

/// The counts are right even where a thread panicked while it held the lock.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client's address for the log. An IPv4 client is written in one form, also where the
/// server listens on IPv6 and sees it as `::ffff:192.0.2.1`.
fn name_of(client: IpAddr) -> String {
    client.to_canonical().to_string()
}

/// What counts as one client: an IPv4 address, or the upper half of an IPv6 address. A
/// subscriber with one IPv6 address has all addresses that share its upper half (RFC 4291
/// §2.5.4).
fn client_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let upper_half = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(upper_half).into()
        }
        address => address,
    }
}

/// The status of a connection or request for which there is no room.
pub(crate) const BUSY: &str = "503 Service Unavailable";

/// Why a connection is rejected.
fn no_permit() -> RequestError {
    RequestError::new(BUSY, "all permits are taken")
}

/// What a rejected client receives.
pub(crate) fn busy(refusal: &RequestError) -> Response {
    Response::empty(refusal.status).with("Retry-After", RETRY_AFTER)
}

/// Answers without reading the request: the answer would be the same, and to read it would
/// cost time and memory. A new connection has room for a response this short, so the write
/// does not wait.
fn send_busy(mut stream: &TcpStream) -> io::Result<()> {
    let response = busy(&no_permit()).with("Connection", "close");
    stream.set_nonblocking(true)?;
    stream.write_all(response.head().as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

/// Reads what a rejected client sends, for so long at the most, and discards it. Bytes left
/// unread would make the close a reset, and a reset can destroy the response (RFC 9112 §9.6).
/// Where no time is left, only what has arrived already is read, which is mostly the whole
/// request.
fn read_and_discard(mut stream: &TcpStream, time: Duration) {
    if time.is_zero() {
        let _ = stream.read(&mut [0; 16 * 1024]);
    } else if stream.set_nonblocking(false).is_ok() {
        let _ = io::copy(&mut TimedStream::new(stream, time), &mut io::sink());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn limiter(limits: &str) -> ConnectionLimiter {
        let log = AccessLog::start(1, io::sink()).unwrap();
        ConnectionLimiter::start(Limits::default().but_for(limits).unwrap(), log).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn permits_are_limited_for_each_client_and_in_all() {
        let limiter = limiter("connections=3 connections_of_one=2");
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(address);
        let first = limiter.acquire(one).unwrap();
        let _second = limiter.acquire(one).unwrap();
        assert!(limiter.acquire(one).is_none());
        let third = limiter.acquire(other).unwrap();
        assert!(limiter.acquire(other).is_none(), "all are taken");
        drop(first);
        let _fourth = limiter.acquire(other).unwrap();
        drop(third);
        assert!(limiter.acquire(one).is_some());
    }

    #[test]
    fn nothing_is_kept_of_a_client_without_connections() {
        let limiter = limiter("connections=3");
        for last in 0..=255 {
            drop(limiter.acquire(IpAddr::from([10, 0, 0, last])));
        }
        assert!(lock(&limiter.counts).by_client.is_empty());
    }

    #[test]
    fn addresses_of_one_client() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let is_same = client_key(address(one)) == client_key(address(other));
            assert_eq!(is_same, same, "{one} {other}");
        }
    }

    #[test]
    fn a_client_of_ipv4_has_one_name_in_the_log() {
        let limiter = limiter("");
        for (client, name) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(limiter.acquire(address(client)).unwrap().name, name);
        }
    }

    #[test]
    fn requests_and_life_are_limited() {
        let mut permit = limiter("requests=3").acquire(address("10.0.0.1")).unwrap();
        let is_last: Vec<bool> = (0..4).map(|_| permit.is_last_request()).collect();
        assert_eq!(is_last, [false, false, true, true]);
        let mut permit = limiter("life=0").acquire(address("10.0.0.1")).unwrap();
        assert!(permit.is_last_request());
    }

    #[test]
    fn a_rejected_client_is_told_when_to_come_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let limiter = limiter("connections=1");
        let _admitted = connect();
        let (_stream, permit) = limiter.accept(&listener).unwrap();
        let mut too_many = connect();
        too_many.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        thread::scope(|scope| {
            let next = scope.spawn(|| limiter.accept(&listener));
            let mut received = String::new();
            too_many.read_to_string(&mut received).unwrap();
            assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
            assert!(received.contains("\r\nRetry-After: 10\r\n"), "{received}");
            assert!(
                received.ends_with("Content-Length: 0\r\n\r\n"),
                "{received}"
            );
            drop(permit);
            let _next = connect();
            next.join().unwrap();
        });
    }
}
