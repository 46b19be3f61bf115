//! Lets one thread wait for many connections: for sockets that are ready, for timers, and for
//! other threads that wake it. Nothing else ends the wait, so an idle server does nothing.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::ch02::log::log_error;
use crate::ch15::readiness::Readiness;
use crate::ch15::timer_queue::TimerQueue;

/// How many events are taken at once.
const EVENTS: usize = 256;

/// The number of the listener.
const LISTENER: Token = Token(0);
/// The number of the waker.
const WAKER: Token = Token(1);
/// The number of the first session.
const FIRST_SESSION: usize = 2;

/// What a session's socket is watched for. Only Linux tells of urgent data.
#[cfg(any(target_os = "linux", target_os = "android"))]
const INTEREST: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Connections may wait to be accepted.
    Listener,
    /// The socket of this session is ready.
    Ready(usize, Readiness),
    /// The timer of this session has run out.
    Due(usize),
}

/// Wakes a thread that waits with a poller. Clones wake the same one.
#[derive(Clone)]
pub struct PollWaker(Arc<Waker>);

impl PollWaker {
    /// Ends the wait, or the next one where the thread does not wait just now.
    pub fn wake(&self) {
        if let Err(error) = self.0.wake() {
            log_error(format_args!("cannot wake a thread: {error}"));
        }
    }
}

/// Waits for all sockets of a thread at once.
pub struct Poller {
    poll: Poll,
    /// A clone stays here: once the last clone is dropped, the system forgets the waker, and
    /// with it a wake-up that has not been seen yet.
    waker: PollWaker,
    events: Events,
    timers: TimerQueue<usize>,
    next_id: usize,
}

impl Poller {
    /// A poller without sockets.
    ///
    /// # Errors
    /// The system gives none.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        Ok(Self {
            poll,
            waker: PollWaker(Arc::new(waker)),
            events: Events::with_capacity(EVENTS),
            timers: TimerQueue::default(),
            next_id: FIRST_SESSION,
        })
    }

    /// What wakes the thread that waits with this poller.
    pub fn waker(&self) -> PollWaker {
        self.waker.clone()
    }

    /// Watches a listening socket.
    ///
    /// # Errors
    /// The system refuses.
    pub fn register_listener(&self, listener: &mut impl Source) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(listener, LISTENER, Interest::READABLE)
    }

    /// Watches the socket of a session, and gives the session a number. A late event must not
    /// be taken for one of another session, so a number is given again only after all others
    /// have been, and never while it `is_used`.
    ///
    /// # Errors
    /// The system refuses.
    pub fn register(
        &mut self,
        socket: &mut impl Source,
        is_used: impl Fn(usize) -> bool,
    ) -> io::Result<usize> {
        let id = loop {
            let id = self.next_id;
            self.next_id = id.wrapping_add(1).max(FIRST_SESSION);
            if !is_used(id) {
                break id;
            }
        };
        let registry = self.poll.registry();
        registry.register(socket, Token(id), INTEREST)?;
        Ok(id)
    }

    /// Sets the timer of a session.
    pub fn set_timer(&mut self, id: usize, due: Instant) {
        self.timers.set(id, due);
    }

    /// Removes the timer of a session.
    pub fn clear_timer(&mut self, id: usize) {
        self.timers.clear(id);
    }

    /// Gives [`Wake::Listener`] at that time, whether or not a connection is made.
    pub fn accept_again(&mut self, at: Instant) {
        self.timers.set(LISTENER.0, at);
    }

    /// Waits until something happens, or until this time, or without end where there is none.
    /// Puts what has happened into `wakes`, and gives the time.
    ///
    /// # Errors
    /// The system does not tell of events any more.
    pub fn wait(&mut self, until: Option<Instant>, wakes: &mut Vec<Wake>) -> io::Result<Instant> {
        let until = [until, self.timers.next()].into_iter().flatten().min();
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut self.events, time) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            polled => polled?,
        }
        let now = Instant::now();
        wakes.clear();
        for event in &self.events {
            match event.token() {
                LISTENER => wakes.push(Wake::Listener),
                WAKER => {}
                Token(id) => wakes.push(Wake::Ready(id, event.into())),
            }
        }
        while let Some(id) = self.timers.pop_due(now) {
            wakes.push(match Token(id) {
                LISTENER => Wake::Listener,
                _ => Wake::Due(id),
            });
        }
        Ok(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn socket(listener: &TcpListener) -> mio::net::TcpStream {
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        mio::net::TcpStream::from_std(stream)
    }

    #[test]
    fn numbers_begin_again_and_skip_those_in_use() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut poller = Poller::new().unwrap();
        poller.next_id = usize::MAX;
        let given = [(); 3].map(|()| {
            let is_used = |id| id == FIRST_SESSION;
            poller.register(&mut socket(&listener), is_used).unwrap()
        });
        assert_eq!(given, [usize::MAX, FIRST_SESSION + 1, FIRST_SESSION + 2]);
    }

    #[test]
    fn a_waker_ends_a_wait_that_nothing_else_would_end() {
        let mut poller = Poller::new().unwrap();
        let mut wakes = vec![Wake::Listener];
        // Its clone is dropped before the wait begins.
        poller.waker().wake();
        poller.wait(None, &mut wakes).unwrap();
        assert_eq!(wakes, []);
    }

    #[test]
    fn a_timer_ends_a_wait_for_its_session() {
        let mut poller = Poller::new().unwrap();
        let mut wakes = Vec::new();
        let now = Instant::now();
        poller.set_timer(7, now);
        poller.accept_again(now);
        poller.set_timer(8, now);
        poller.clear_timer(8);
        poller.wait(None, &mut wakes).unwrap();
        assert_eq!(wakes.len(), 2);
        assert!(wakes.contains(&Wake::Due(7)) && wakes.contains(&Wake::Listener));
    }
}
