//! An event loop: one thread that serves many sessions, and waits for nothing but the next
//! event of any of them.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crate::ch02::log::log_error;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch15::poller::{Poller, Wake};
use crate::ch15::readiness::Readiness;
use crate::ch15::session::{Progress, Session};
use crate::ch16::accept_dispatcher::{AcceptDispatcher, LoopHandle};

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A session, and whether it is in the queue of the sessions that are ready. The session is
/// in a box, as the table never shrinks, and so its empty entries stay small.
struct Slot {
    session: Box<Session>,
    is_ready: bool,
}

/// One loop and its sessions.
pub struct EventLoop<'a, R> {
    poller: Poller,
    sessions: HashMap<usize, Slot>,
    /// The sessions that have more to do without an event, each of them once.
    ready: VecDeque<usize>,
    handed_over: Receiver<Session>,
    /// The buffer that all sessions read into, one at a time.
    piece: Box<[u8]>,
    respond: &'a R,
    shutdown_time: Duration,
    /// When the sessions that are left are cut off, once the server is to stop.
    ends_at: Option<Instant>,
}

impl<'a, R: Fn(&Request) -> Response> EventLoop<'a, R> {
    /// A loop without sessions, and the handle that gives it some.
    ///
    /// # Errors
    /// The system does not tell of events.
    pub fn new(respond: &'a R, shutdown_time: Duration) -> anyhow::Result<(LoopHandle, Self)> {
        let poller = Poller::new()?;
        let (handle, handed_over) = LoopHandle::new(poller.waker());
        let event_loop = Self {
            poller,
            sessions: HashMap::new(),
            ready: VecDeque::new(),
            handed_over,
            piece: vec![0; PIECE].into_boxed_slice(),
            respond,
            shutdown_time,
            ends_at: None,
        };
        Ok((handle, event_loop))
    }

    /// Serves the sessions that are handed over until its handle is dropped, and then until
    /// the last of them has ended, for the shutdown time at the most. Gives how many are cut
    /// off. One of the loops has the acceptor, and accepts for all.
    ///
    /// # Errors
    /// The system does not tell of events any more, or another loop has ended.
    pub fn run(mut self, mut acceptor: Option<AcceptDispatcher>) -> anyhow::Result<usize> {
        if let Some(acceptor) = &mut acceptor {
            acceptor.register(&self.poller)?;
        }
        let mut wakes = Vec::new();
        while !self.is_over() {
            let until = match self.ready.is_empty() {
                true => self.ends_at,
                false => Some(Instant::now()),
            };
            let now = self.poller.wait(until, &mut wakes)?;
            if let Some(mut last) = acceptor.take_if(|acceptor| acceptor.is_closing()) {
                // The connections that have been made by now are the last ones.
                last.accept()?;
            }
            let were_ready = self.ready.len();
            for wake in &wakes {
                match *wake {
                    Wake::Listener => {}
                    Wake::Ready(id, readiness) => self.notify(id, readiness, now),
                    Wake::Due(id) => self.wake(id, now),
                }
            }
            // A session that was ready before these events has one turn now. If it is ready
            // again after that, its next turn comes after the next events.
            for _ in 0..were_ready {
                if let Some(id) = self.ready.pop_front() {
                    self.take_turn(id, now);
                }
            }
            self.register_all(now);
            if wakes.contains(&Wake::Listener)
                && let Some(acceptor) = &mut acceptor
                && let Some(again) = acceptor.accept()?
            {
                self.poller.accept_again(again);
            }
        }
        Ok(self.sessions.len())
    }

    /// Whether the server is to stop, and no session is left or their time is over.
    fn is_over(&self) -> bool {
        let is_empty = self.sessions.is_empty();
        self.ends_at
            .is_some_and(|end| is_empty || Instant::now() >= end)
    }

    /// Adds the sessions that were handed over. The channel says that the handle is gone only
    /// after it has given all of them, so none is lost that was accepted just before the stop.
    fn register_all(&mut self, now: Instant) {
        loop {
            match self.handed_over.try_recv() {
                Ok(session) => self.register(session),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.begin_to_finish(now),
            }
        }
    }

    /// Adds a session, and waits for its first bytes.
    fn register(&mut self, session: Session) {
        let mut session = Box::new(session);
        let is_used = |id| self.sessions.contains_key(&id);
        match self.poller.register(session.socket(), is_used) {
            Ok(id) => {
                if let Some(due) = session.deadline() {
                    self.poller.set_timer(id, due);
                }
                let is_ready = false;
                self.sessions.insert(id, Slot { session, is_ready });
            }
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    /// Gives every session a turn, in which it learns that the server is to stop.
    fn begin_to_finish(&mut self, now: Instant) {
        if self.ends_at.is_some() {
            return;
        }
        self.ends_at = Some(now + self.shutdown_time);
        for (id, slot) in &mut self.sessions {
            if !slot.is_ready {
                slot.is_ready = true;
                self.ready.push_back(*id);
            }
        }
    }

    /// Tells a session what its socket is ready for, and gives it a turn where it can go on. A
    /// session in the queue has its turn soon, so it does not get two.
    fn notify(&mut self, id: usize, readiness: Readiness, now: Instant) {
        if let Some(slot) = self.sessions.get_mut(&id)
            && slot.session.notify(readiness)
            && !slot.is_ready
        {
            self.take_turn(id, now);
        }
    }

    /// Gives a session a turn, unless it is in the queue already.
    fn wake(&mut self, id: usize, now: Instant) {
        let slot = self.sessions.get(&id);
        if slot.is_some_and(|slot| !slot.is_ready) {
            self.take_turn(id, now);
        }
    }

    fn take_turn(&mut self, id: usize, now: Instant) {
        let Some(slot) = self.sessions.get_mut(&id) else {
            return;
        };
        let progress = slot.session.advance(now, &mut self.piece, self.respond);
        slot.is_ready = progress == Progress::Ready;
        match progress {
            Progress::Ready => self.ready.push_back(id),
            Progress::Waiting => {
                if let Some(due) = slot.session.deadline() {
                    self.poller.set_timer(id, due);
                }
            }
            Progress::Closed => {
                self.sessions.remove(&id);
                self.poller.clear_timer(id);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ch12::access_log::AccessLog;
    use crate::ch12::connection_limiter::ConnectionLimiter;
    use crate::ch12::limits::Limits;
    use crate::ch13::shutdown::Shutdown;
    use crate::ch15::acceptor::Acceptor;
    use std::io;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;

    pub fn limiter() -> ConnectionLimiter {
        let log = AccessLog::start(100, io::sink()).unwrap();
        ConnectionLimiter::start(Limits::default(), log).unwrap()
    }

    pub fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    pub const A_MINUTE: Duration = Duration::from_secs(60);

    /// Answers with the name of the thread.
    pub fn name_the_thread(_: &Request) -> Response {
        let thread = format!("{:?}!", thread::current().id());
        Response::html("200 OK", thread)
    }

    /// One loop by itself, which is not run.
    fn alone(goes_on: impl FnOnce(SocketAddr, &mut Acceptor, &mut Loop, LoopHandle)) {
        let (limiter, shutdown) = (limiter(), Shutdown::new(A_MINUTE));
        let (listener, address) = listen();
        let mut acceptor = Acceptor::new(listener, &limiter, &shutdown).unwrap();
        let respond: Respond = name_the_thread;
        let (handle, mut event_loop) = EventLoop::new(&respond, A_MINUTE).unwrap();
        goes_on(address, &mut acceptor, &mut event_loop, handle);
    }

    pub type Respond = fn(&Request) -> Response;
    type Loop<'a> = EventLoop<'a, Respond>;

    /// Connects a client, and registers its session with the loop.
    fn accept(address: SocketAddr, acceptor: &mut Acceptor, event_loop: &mut Loop) -> TcpStream {
        let client = TcpStream::connect(address).unwrap();
        let mut has_come = false;
        while !has_come {
            acceptor.accept(|client| {
                event_loop.register(client);
                has_come = true;
            });
        }
        client
    }

    fn numbers(event_loop: &Loop) -> Vec<usize> {
        let mut numbers: Vec<_> = event_loop.sessions.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_number_is_not_used_again_and_a_late_event_finds_no_session() {
        alone(|address, acceptor, event_loop, _handle| {
            let first = accept(address, acceptor, event_loop);
            let before = numbers(event_loop);
            drop(first);
            while !event_loop.sessions.is_empty() {
                event_loop.sessions.values_mut().for_each(|slot| {
                    // As an event would.
                    slot.is_ready = true;
                });
                event_loop.take_turn(before[0], Instant::now() + A_MINUTE);
            }
            let _second = accept(address, acceptor, event_loop);
            let after = numbers(event_loop);
            assert_ne!(before, after);
            event_loop.wake(before[0], Instant::now() + A_MINUTE);
            event_loop.notify(before[0], Readiness::default(), Instant::now());
            assert_eq!(numbers(event_loop), after);
            assert!(event_loop.ready.is_empty());
        });
    }

    /// A session that is handed over just before the shutdown counts as any other.
    #[test]
    fn a_session_accepted_before_the_stop_is_served() {
        alone(|address, acceptor, event_loop, handle| {
            let _client = TcpStream::connect(address).unwrap();
            let mut has_come = false;
            while !has_come {
                acceptor.accept(|client| has_come = handle.hand_over(client).is_ok());
            }
            drop(handle);
            event_loop.register_all(Instant::now());
            assert!(event_loop.ends_at.is_some());
            assert_eq!(event_loop.sessions.len(), 1);
            assert_eq!(event_loop.ready.len(), 1);
            // A second call does not make it ready twice.
            event_loop.register_all(Instant::now());
            assert_eq!(event_loop.ready.len(), 1);
        });
    }
}
