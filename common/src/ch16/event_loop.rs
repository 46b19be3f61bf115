//! An event loop: one thread, in which nothing waits but for the next event, of whichever
//! client it comes.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::ch02::log::log_error;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch15::session::{Progress, Readiness, Session};
use crate::ch15::timer_queue::TimerQueue;
use crate::ch16::event_loops::{AcceptDispatcher, LoopHandle};

/// How many events are heard of at once.
const EVENTS: usize = 256;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// How often is looked whether the server is to stop, where nothing else happens.
const LOOK: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CLIENT: usize = 2;

/// A client, and whether it stands among those who are ready. It lies in a box: the table
/// of all clients stays as long as there once were many, and what lies in it is small so.
struct Slot {
    client: Box<Session>,
    is_ready: bool,
}

/// One loop and its clients. Each has a number that no other one has had, so no event that
/// comes late can be taken for one of a client that came after it.
pub struct EventLoop<'a, R> {
    poll: Poll,
    clients: HashMap<usize, Slot>,
    next_number: usize,
    /// Those who have more to do without any event, each of them once.
    ready: VecDeque<usize>,
    timers: TimerQueue<usize>,
    handed: Receiver<Session>,
    /// What all clients are read into, one at a time.
    piece: Box<[u8]>,
    respond: &'a R,
    shutdown_time: Duration,
    /// When those are cut off who are not done, where the server is to stop.
    ends_at: Option<Instant>,
}

impl<'a, R: Fn(&Request) -> Response> EventLoop<'a, R> {
    /// A loop in which nobody is yet, and its door.
    ///
    /// # Errors
    /// The system does not tell of events.
    pub fn new(respond: &'a R, shutdown_time: Duration) -> anyhow::Result<(LoopHandle, Self)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (door, handed) = LoopHandle::new(waker);
        let event_loop = Self {
            poll,
            clients: HashMap::new(),
            next_number: FIRST_CLIENT,
            ready: VecDeque::new(),
            timers: TimerQueue::default(),
            handed,
            piece: vec![0; PIECE].into_boxed_slice(),
            respond,
            shutdown_time,
            ends_at: None,
        };
        Ok((door, event_loop))
    }

    /// Serves those who are handed in, until the door is gone, and then until the last of
    /// them is gone, for so long at the most as it was told. Gives how many are cut off.
    /// One of the loops has the entrance.
    ///
    /// # Errors
    /// The system does not tell of events any more, or another loop has ended.
    pub fn run(mut self, mut accept_dispatcher: Option<AcceptDispatcher>) -> anyhow::Result<usize> {
        if let Some(accept_dispatcher) = &mut accept_dispatcher {
            accept_dispatcher.register(self.poll.registry(), LISTENER)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            match self.poll.poll(&mut events, Some(self.time_to_wait())) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            if let Some(mut closing) =
                accept_dispatcher.take_if(|accept_dispatcher| accept_dispatcher.is_closing())
            {
                // Those who have knocked by now are the last ones.
                closing.accept()?;
            }
            let now = Instant::now();
            let mut listener_is_ready = false;
            let were_ready = self.ready.len();
            for event in &events {
                match event.token() {
                    LISTENER => listener_is_ready = true,
                    WAKER => {}
                    Token(number) => self.notify(number, event.into(), now),
                }
            }
            // Who was ready before these events came has its turn now, and once: who is
            // ready again after that comes behind the next events.
            for _ in 0..were_ready {
                if let Some(number) = self.ready.pop_front() {
                    self.take_turn(number, now);
                }
            }
            while let Some(number) = self.timers.pop_due(now) {
                match Token(number) {
                    LISTENER => listener_is_ready = true,
                    _ => self.wake(number, now),
                }
            }
            self.register_all(now);
            if let Some(accept_dispatcher) =
                accept_dispatcher.as_mut().filter(|_| listener_is_ready)
                && let Some(again) = accept_dispatcher.accept()?
            {
                self.timers.set(LISTENER.0, again);
            }
        }
        Ok(self.clients.len())
    }

    fn is_over(&self) -> bool {
        let is_empty = self.clients.is_empty();
        self.ends_at
            .is_some_and(|end| is_empty || Instant::now() >= end)
    }

    fn time_to_wait(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let next = self.timers.next();
        next.map_or(LOOK, |next| {
            next.saturating_duration_since(Instant::now()).min(LOOK)
        })
    }

    /// Welcomes those who were handed over. Only when all of them are here may the door be
    /// gone: so nobody is lost who was let in just before the server was to stop.
    fn register_all(&mut self, now: Instant) {
        loop {
            match self.handed.try_recv() {
                Ok(client) => self.register(client),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.finish_after_current(now),
            }
        }
    }

    fn register(&mut self, client: Session) {
        let (number, mut client) = (self.new_number(), Box::new(client));
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        match registry.register(client.socket(), Token(number), interest) {
            Ok(()) => {
                if let Some(until) = client.deadline() {
                    self.timers.set(number, until);
                }
                let is_ready = false;
                self.clients.insert(number, Slot { client, is_ready });
            }
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    fn new_number(&mut self) -> usize {
        loop {
            let number = self.next_number;
            // Where numbers have 32 bits, they begin again after some weeks, and somebody
            // may still be there who has one of them.
            self.next_number = number.wrapping_add(1).max(FIRST_CLIENT);
            if !self.clients.contains_key(&number) {
                return number;
            }
        }
    }

    /// Gives everybody a turn, in which they find out that the server is to stop.
    fn finish_after_current(&mut self, now: Instant) {
        if self.ends_at.is_some() {
            return;
        }
        self.ends_at = Some(now + self.shutdown_time);
        for (number, slot) in &mut self.clients {
            if !slot.is_ready {
                slot.is_ready = true;
                self.ready.push_back(*number);
            }
        }
    }

    /// Something was heard of a client: where it can go on with that, it has a turn. But who
    /// is ready has one soon, and not two.
    fn notify(&mut self, number: usize, readiness: Readiness, now: Instant) {
        if let Some(slot) = self.clients.get_mut(&number)
            && slot.client.notify(readiness)
            && !slot.is_ready
        {
            self.take_turn(number, now);
        }
    }

    /// Gives a client a turn, unless it is ready.
    fn wake(&mut self, number: usize, now: Instant) {
        let slot = self.clients.get(&number);
        if slot.is_some_and(|slot| !slot.is_ready) {
            self.take_turn(number, now);
        }
    }

    fn take_turn(&mut self, number: usize, now: Instant) {
        let Some(slot) = self.clients.get_mut(&number) else {
            return;
        };
        let next = slot.client.advance(now, &mut self.piece, self.respond);
        slot.is_ready = next == Progress::Ready;
        match next {
            Progress::Ready => self.ready.push_back(number),
            Progress::Waiting => {
                if let Some(until) = slot.client.deadline() {
                    self.timers.set(number, until);
                }
            }
            Progress::Closed => {
                self.clients.remove(&number);
                self.timers.clear(number);
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

    /// What thread answers.
    pub fn name_the_thread(_: &Request) -> Response {
        let thread = format!("{:?}!", thread::current().id());
        Response::html("200 OK", thread)
    }

    /// One loop by itself, which is not run.
    fn alone(goes_on: impl FnOnce(SocketAddr, &mut Acceptor, &mut Loop, LoopHandle)) {
        let (limiter, shutdown) = (limiter(), Shutdown::new(A_MINUTE));
        let (listener, address) = listen();
        let mut acceptor = Acceptor::new(listener, &limiter, &shutdown, |_| true).unwrap();
        let respond: Respond = name_the_thread;
        let (door, mut event_loop) = EventLoop::new(&respond, A_MINUTE).unwrap();
        goes_on(address, &mut acceptor, &mut event_loop, door);
    }

    pub type Respond = fn(&Request) -> Response;
    type Loop<'a> = EventLoop<'a, Respond>;

    /// Lets a client in, and gives its number.
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
        let mut numbers: Vec<_> = event_loop.clients.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_number_is_not_used_again_and_an_event_that_comes_late_reaches_nobody() {
        alone(|address, acceptor, event_loop, _door| {
            let first = accept(address, acceptor, event_loop);
            let before = numbers(event_loop);
            drop(first);
            while !event_loop.clients.is_empty() {
                event_loop.clients.values_mut().for_each(|slot| {
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

    #[test]
    fn numbers_that_begin_again_leave_out_who_is_still_there() {
        alone(|address, acceptor, event_loop, _door| {
            let mut clients = vec![accept(address, acceptor, event_loop)];
            event_loop.next_number = usize::MAX;
            for _ in 0..2 {
                clients.push(accept(address, acceptor, event_loop));
            }
            let expected = [FIRST_CLIENT, FIRST_CLIENT + 1, usize::MAX];
            assert_eq!(numbers(event_loop), expected);
        });
    }

    /// One that is handed over just before the doors close is a guest as any other.
    #[test]
    fn who_was_let_in_before_the_stop_is_welcome() {
        alone(|address, acceptor, event_loop, door| {
            let _client = TcpStream::connect(address).unwrap();
            let mut has_come = false;
            while !has_come {
                acceptor.accept(|client| has_come = door.hand(client).is_ok());
            }
            drop(door);
            event_loop.register_all(Instant::now());
            assert!(event_loop.ends_at.is_some());
            assert_eq!(event_loop.clients.len(), 1);
            assert_eq!(event_loop.ready.len(), 1);
            // To be told so twice does not make it ready twice.
            event_loop.register_all(Instant::now());
            assert_eq!(event_loop.ready.len(), 1);
        });
    }
}
