//! An event loop: one thread, in which nothing waits but for the next event, of whichever
//! client it comes.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::client::{Client, Next, Sign};
use crate::client_numbers::{ClientNumbers, FIRST_CLIENT, LISTENER, WAKER};
use crate::deadlines::Deadlines;
use crate::event_loops::{Door, Entrance};
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;

/// How many events are heard of at once.
const EVENTS: usize = 256;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// How often is looked whether the server is to stop, where nothing else happens.
const LOOK: Duration = Duration::from_millis(100);

/// A client, and whether it stands among those who are ready. It lies in a box: the table
/// of all clients stays as long as there once were many, and what lies in it is small so.
struct Guest {
    client: Box<Client>,
    is_ready: bool,
}

/// One loop and its clients. Each has a number that no other one has had, so no event that
/// comes late can be taken for one of a client that came after it.
pub struct EventLoop<'a, R> {
    poll: Poll,
    clients: HashMap<usize, Guest>,
    numbers: ClientNumbers,
    /// Those who have more to do without any event, each of them once.
    ready: VecDeque<usize>,
    deadlines: Deadlines<usize>,
    handed: Receiver<Client>,
    /// What all clients are read into, one at a time.
    piece: Box<[u8]>,
    respond: &'a R,
    time_to_stop: Duration,
    /// When those are cut off who are not done, where the server is to stop.
    ends_at: Option<Instant>,
}

impl<'a, R: Fn(&Request) -> Response> EventLoop<'a, R> {
    /// A loop in which nobody is yet, and its door.
    ///
    /// # Errors
    /// The system does not tell of events.
    pub fn new(respond: &'a R, time_to_stop: Duration) -> anyhow::Result<(Door, Self)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (door, handed) = Door::new(waker);
        let event_loop = Self {
            poll,
            clients: HashMap::new(),
            numbers: ClientNumbers::from(FIRST_CLIENT),
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            handed,
            piece: vec![0; PIECE].into_boxed_slice(),
            respond,
            time_to_stop,
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
    pub fn run(mut self, mut entrance: Option<Entrance>) -> anyhow::Result<usize> {
        if let Some(entrance) = &mut entrance {
            entrance.register(self.poll.registry(), LISTENER)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            match self.poll.poll(&mut events, Some(self.time_to_wait())) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            if let Some(mut closing) = entrance.take_if(|entrance| entrance.is_to_close()) {
                // Those who have knocked by now are the last ones.
                closing.let_in()?;
            }
            let now = Instant::now();
            let mut knocks = false;
            let were_ready = self.ready.len();
            for event in &events {
                match event.token() {
                    LISTENER => knocks = true,
                    WAKER => {}
                    Token(number) => self.hear(number, event.into(), now),
                }
            }
            // Who was ready before these events came has its turn now, and once: who is
            // ready again after that comes behind the next events.
            for _ in 0..were_ready {
                if let Some(number) = self.ready.pop_front() {
                    self.take_turn(number, now);
                }
            }
            while let Some(number) = self.deadlines.take_due(now) {
                match Token(number) {
                    LISTENER => knocks = true,
                    _ => self.wake(number, now),
                }
            }
            self.welcome_all(now);
            if let Some(entrance) = entrance.as_mut().filter(|_| knocks)
                && let Some(again) = entrance.let_in()?
            {
                self.deadlines.set(LISTENER.0, again);
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
        let next = self.deadlines.next();
        next.map_or(LOOK, |next| {
            next.saturating_duration_since(Instant::now()).min(LOOK)
        })
    }

    /// Welcomes those who were handed over. Only when all of them are here may the door be
    /// gone: so nobody is lost who was let in just before the server was to stop.
    fn welcome_all(&mut self, now: Instant) {
        loop {
            match self.handed.try_recv() {
                Ok(client) => self.welcome(client),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.wind_up(now),
            }
        }
    }

    fn welcome(&mut self, client: Client) {
        let number = self
            .numbers
            .next(|number| self.clients.contains_key(&number));
        let mut client = Box::new(client);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        match registry.register(client.socket(), Token(number), interest) {
            Ok(()) => {
                if let Some(until) = client.deadline() {
                    self.deadlines.set(number, until);
                }
                let is_ready = false;
                self.clients.insert(number, Guest { client, is_ready });
            }
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    /// Gives everybody a turn, in which they find out that the server is to stop.
    fn wind_up(&mut self, now: Instant) {
        if self.ends_at.is_some() {
            return;
        }
        self.ends_at = Some(now + self.time_to_stop);
        for (number, guest) in &mut self.clients {
            if !guest.is_ready {
                guest.is_ready = true;
                self.ready.push_back(*number);
            }
        }
    }

    /// Something was heard of a client: where it can go on with that, it has a turn. But who
    /// is ready has one soon, and not two.
    fn hear(&mut self, number: usize, sign: Sign, now: Instant) {
        if let Some(guest) = self.clients.get_mut(&number)
            && guest.client.hear(sign)
            && !guest.is_ready
        {
            self.take_turn(number, now);
        }
    }

    /// Gives a client a turn, unless it is ready.
    fn wake(&mut self, number: usize, now: Instant) {
        let guest = self.clients.get(&number);
        if guest.is_some_and(|guest| !guest.is_ready) {
            self.take_turn(number, now);
        }
    }

    fn take_turn(&mut self, number: usize, now: Instant) {
        let Some(guest) = self.clients.get_mut(&number) else {
            return;
        };
        let next = guest.client.go_on(now, &mut self.piece, self.respond);
        guest.is_ready = next == Next::Turn;
        match next {
            Next::Turn => self.ready.push_back(number),
            Next::Sign => {
                if let Some(until) = guest.client.deadline() {
                    self.deadlines.set(number, until);
                }
            }
            Next::End => {
                self.clients.remove(&number);
                self.deadlines.clear(number);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::acceptor::Acceptor;
    use crate::access_log::AccessLog;
    use crate::admission::Admission;
    use crate::limits::Limits;
    use crate::stop::Stop;
    use std::io;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;

    pub fn admission() -> Admission {
        let log = AccessLog::start(100, io::sink()).unwrap();
        Admission::start(Limits::default(), log).unwrap()
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
    fn alone(goes_on: impl FnOnce(SocketAddr, &mut Acceptor, &mut Loop, Door)) {
        let (admission, stop) = (admission(), Stop::new(A_MINUTE));
        let (listener, address) = listen();
        let mut acceptor = Acceptor::new(listener, &admission, &stop, |_| true).unwrap();
        let respond: Respond = name_the_thread;
        let (door, mut event_loop) = EventLoop::new(&respond, A_MINUTE).unwrap();
        goes_on(address, &mut acceptor, &mut event_loop, door);
    }

    pub type Respond = fn(&Request) -> Response;
    type Loop<'a> = EventLoop<'a, Respond>;

    /// Lets a client in, and gives its number.
    fn let_in(address: SocketAddr, acceptor: &mut Acceptor, event_loop: &mut Loop) -> TcpStream {
        let client = TcpStream::connect(address).unwrap();
        let mut has_come = false;
        while !has_come {
            acceptor.accept(|client| {
                event_loop.welcome(client);
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
            let first = let_in(address, acceptor, event_loop);
            let before = numbers(event_loop);
            drop(first);
            while !event_loop.clients.is_empty() {
                event_loop.clients.values_mut().for_each(|guest| {
                    // As an event would.
                    guest.is_ready = true;
                });
                event_loop.take_turn(before[0], Instant::now() + A_MINUTE);
            }
            let _second = let_in(address, acceptor, event_loop);
            let after = numbers(event_loop);
            assert_ne!(before, after);
            event_loop.wake(before[0], Instant::now() + A_MINUTE);
            event_loop.hear(before[0], Sign::default(), Instant::now());
            assert_eq!(numbers(event_loop), after);
            assert!(event_loop.ready.is_empty());
        });
    }

    #[test]
    fn numbers_that_begin_again_leave_out_who_is_still_there() {
        alone(|address, acceptor, event_loop, _door| {
            let mut clients = vec![let_in(address, acceptor, event_loop)];
            event_loop.numbers = ClientNumbers::from(usize::MAX);
            for _ in 0..2 {
                clients.push(let_in(address, acceptor, event_loop));
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
            event_loop.welcome_all(Instant::now());
            assert!(event_loop.ends_at.is_some());
            assert_eq!(event_loop.clients.len(), 1);
            assert_eq!(event_loop.ready.len(), 1);
            // To be told so twice does not make it ready twice.
            event_loop.welcome_all(Instant::now());
            assert_eq!(event_loop.ready.len(), 1);
        });
    }
}
