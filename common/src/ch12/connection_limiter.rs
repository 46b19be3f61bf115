//! Who may come in: so many connections in all, so many for each client, and a word for
//! the others.

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

/// How long a client that is turned away may take to close, once it has been told. All of
/// them take it at once, so that many cost no more than one.
const FAREWELL: Duration = Duration::from_millis(100);

/// How many of these may take it. For whoever comes then it is over at once.
const FAREWELLS: usize = 64;

/// How long a client is asked to stay away (RFC 9110 §10.2.3), in seconds.
const RETRY_AFTER: &str = "10";

/// Counts the connections.
pub struct ConnectionLimiter {
    limits: Limits,
    log: AccessLog,
    counts: Arc<Mutex<Counts>>,
    turned_away: SyncSender<(TcpStream, Instant)>,
}

#[derive(Default)]
struct Counts {
    in_all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The place of one connection. When it is dropped, another client may have it.
pub struct Permit {
    /// What its client may cost.
    pub limits: Limits,
    client: IpAddr,
    /// The same, as the log has it.
    name: String,
    log: AccessLog,
    began: Instant,
    /// When the last request came.
    now: Instant,
    requests: usize,
    counts: Arc<Mutex<Counts>>,
}

impl ConnectionLimiter {
    /// Begins with all places free.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(limits: Limits, log: AccessLog) -> io::Result<Self> {
        let (turned_away, waiting) = sync_channel::<(TcpStream, Instant)>(FAREWELLS);
        thread::Builder::new().spawn(move || {
            for (stream, since) in waiting {
                read_off(&stream, FAREWELL.saturating_sub(since.elapsed()));
            }
        })?;
        Ok(Self {
            limits,
            log,
            counts: Arc::default(),
            turned_away,
        })
    }

    /// Waits for the next client, as [`accept`](crate::accept) does. Where there is no
    /// place for it, it is told at once to come back later. For it to close, another
    /// thread waits.
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

    /// Tells a client to come back later.
    pub fn reject(&self, stream: TcpStream) {
        if let Ok(client) = stream.peer_addr() {
            self.log.refused(&name_of(client.ip()), &no_place());
        }
        if say_busy(&stream).is_ok()
            && let Err(TrySendError::Full((stream, _))) =
                self.turned_away.try_send((stream, Instant::now()))
        {
            read_off(&stream, Duration::ZERO);
        }
    }

    /// What clients may cost.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A place for a client, where there is one.
    pub fn acquire(&self, client: IpAddr) -> Option<Permit> {
        let mut counts = lock(&self.counts);
        let of_one = counts.by_client.get(&one_of(client)).copied();
        let of_one = of_one.unwrap_or_default();
        if counts.in_all >= self.limits.connections || of_one >= self.limits.connections_of_one {
            return None;
        }
        counts.in_all += 1;
        counts.by_client.insert(one_of(client), of_one + 1);
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
    /// Counts a request. Whether it is the last one that this connection may have.
    pub fn is_last_request(&mut self) -> bool {
        self.is_last_request_at(Instant::now())
    }

    /// The same at a moment that is known already.
    pub fn is_last_request_at(&mut self, now: Instant) -> bool {
        self.requests += 1;
        self.now = now;
        self.requests >= self.limits.requests || self.now - self.began >= self.limits.life
    }

    /// The same response, which writes its line in the access log when its content has
    /// been read.
    pub fn watch(&self, request: &Request, response: Response) -> Response {
        self.log.watch(&self.name, request, response, self.now)
    }

    /// Writes the line of a refused request, where there is one.
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
        if let Some(count) = counts.by_client.get_mut(&one_of(self.client)) {
            *count -= 1;
            if *count == 0 {
                counts.by_client.remove(&one_of(self.client));
            }
        }
    }
}

/// A thread that panicked while it held the lock has left the counts right.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client as the log has it: one of IPv4 has one name, whatever the server listens on.
fn name_of(client: IpAddr) -> String {
    client.to_canonical().to_string()
}

/// What one client comes from: an address of IPv4, or the upper half of one of IPv6, as
/// whoever has one of these has all that share it (RFC 4291 §2.5.4).
fn one_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let upper_half = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(upper_half).into()
        }
        address => address,
    }
}

/// The status of what there is no room for.
pub(crate) const BUSY: &str = "503 Service Unavailable";

/// Why a client is turned away.
fn no_place() -> RequestError {
    RequestError::new(BUSY, "all places are counts")
}

/// What a client is told that is turned away.
pub(crate) fn busy(refusal: &RequestError) -> Response {
    Response::empty(refusal.status).with("Retry-After", RETRY_AFTER)
}

/// Answers without a look at the request: the answer would be the same, and a look
/// would cost what there is too little of. An answer as short as this finds room on a
/// connection as new as this, so nobody waits here.
fn say_busy(mut stream: &TcpStream) -> io::Result<()> {
    let response = busy(&no_place()).with("Connection", "close");
    stream.set_nonblocking(true)?;
    stream.write_all(response.head().as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

/// Reads off what a client sends that was told so, for so long: bytes that are left
/// unread would make the close a reset, and that can destroy the answer (RFC 9112
/// §9.6). Where no time is left, what has come already has to do; a request mostly has.
fn read_off(mut stream: &TcpStream, time: Duration) {
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
    fn so_many_for_each_and_so_many_in_all() {
        let limiter = limiter("connections=3 connections_of_one=2");
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(address);
        let first = limiter.acquire(one).unwrap();
        let _second = limiter.acquire(one).unwrap();
        assert!(limiter.acquire(one).is_none());
        let third = limiter.acquire(other).unwrap();
        assert!(limiter.acquire(other).is_none(), "all are counts");
        drop(first);
        let _fourth = limiter.acquire(other).unwrap();
        drop(third);
        assert!(limiter.acquire(one).is_some());
    }

    #[test]
    fn nothing_is_kept_of_who_is_gone() {
        let limiter = limiter("connections=3");
        for last in 0..=255 {
            drop(limiter.acquire(IpAddr::from([10, 0, 0, last])));
        }
        assert!(lock(&limiter.counts).by_client.is_empty());
    }

    #[test]
    fn who_is_one_client() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let is_same = one_of(address(one)) == one_of(address(other));
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
    fn so_many_requests_and_so_long() {
        let mut permit = limiter("requests=3").acquire(address("10.0.0.1")).unwrap();
        let is_last: Vec<bool> = (0..4).map(|_| permit.is_last_request()).collect();
        assert_eq!(is_last, [false, false, true, true]);
        let mut permit = limiter("life=0").acquire(address("10.0.0.1")).unwrap();
        assert!(permit.is_last_request());
    }

    #[test]
    fn who_is_turned_away_is_told_when_to_come_back() {
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
