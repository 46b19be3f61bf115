//! Event loops: one for each core, in which nothing waits but for the next event. Each
//! has clients of its own, and no other loop ever sees them.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::acceptor::Acceptor;
use crate::client::{Client, Next};
use crate::deadlines::Deadlines;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;
use crate::stop::Stop;

/// How many events are heard of at once.
const EVENTS: usize = 256;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// How often is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CLIENT: usize = 2;

/// Serves those whom the acceptor lets in, in so many loops, until the server is to stop,
/// and then until the last of them is gone, for [`Stop::time`] at the most. Gives how many
/// are cut off.
///
/// The first loop lets the clients in and hands each to the loop whose turn it is. (Some
/// systems let each loop listen for itself, with `SO_REUSEPORT`, and deal the clients out
/// by a number made of their addresses: of sixteen clients one loop may get twelve. And
/// when one such listener is closed, those who knock there are lost.)
///
/// # Errors
/// The system gives no thread, or does not tell of events any more.
pub fn serve(
    acceptor: Acceptor,
    loops: usize,
    respond: impl Fn(&Request) -> Response + Sync,
) -> anyhow::Result<usize> {
    let stop = acceptor.stop();
    let (mut doors, mut event_loops) = (Vec::new(), Vec::new());
    for _ in 0..loops {
        let (door, event_loop) = EventLoop::new(&respond, stop)?;
        doors.push(door);
        event_loops.push(event_loop);
    }
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let first = event_loops.remove(0);
        for event_loop in event_loops {
            let thread = thread::Builder::new().spawn_scoped(scope, || event_loop.run(None));
            threads.push(thread?);
        }
        let mut cut_off = first.run(Some((acceptor, doors)))?;
        for thread in threads {
            let joined = thread.join();
            cut_off += joined.map_err(|_| anyhow::anyhow!("a loop has ended"))??;
        }
        Ok(cut_off)
    })
}

/// Where clients are handed to a loop.
struct Door {
    clients: Sender<Client>,
    waker: Waker,
}

/// A client, and whether it stands among those who are ready.
struct Guest {
    client: Client,
    is_ready: bool,
}

/// One loop and its clients. Each has a number that no other ever had, so no event that
/// comes late can be taken for one of a client that came after it.
struct EventLoop<'a, R> {
    poll: Poll,
    clients: HashMap<usize, Guest>,
    next_number: usize,
    /// Those who have more to do without any event.
    ready: VecDeque<usize>,
    deadlines: Deadlines<usize>,
    handed: Receiver<Client>,
    /// What all clients are read into, one at a time.
    piece: Box<[u8]>,
    respond: &'a R,
    stop: &'a Stop,
    /// When those are cut off who are not done, where the server is to stop.
    ends_at: Option<Instant>,
}

impl<'a, R: Fn(&Request) -> Response> EventLoop<'a, R> {
    fn new(respond: &'a R, stop: &'a Stop) -> anyhow::Result<(Door, Self)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (clients, handed) = channel();
        let event_loop = Self {
            poll,
            clients: HashMap::new(),
            next_number: FIRST_CLIENT,
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            handed,
            piece: vec![0; PIECE].into_boxed_slice(),
            respond,
            stop,
            ends_at: None,
        };
        Ok((Door { clients, waker }, event_loop))
    }

    fn run(mut self, mut entrance: Option<(Acceptor, Vec<Door>)>) -> anyhow::Result<usize> {
        if let Some((acceptor, _)) = &mut entrance {
            acceptor.register(self.poll.registry(), LISTENER)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = Instant::now();
            if self.stop.is_asked() && self.ends_at.is_none() {
                entrance = None;
                self.ends_at = Some(now + self.stop.time());
                for (number, guest) in &mut self.clients {
                    if !guest.is_ready {
                        guest.is_ready = true;
                        self.ready.push_back(*number);
                    }
                }
            }
            if self
                .ends_at
                .is_some_and(|end| self.clients.is_empty() || now >= end)
            {
                return Ok(self.clients.len());
            }
            match self.poll.poll(&mut events, Some(self.time_to_wait(now))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            let now = Instant::now();
            let mut knocks = false;
            for event in &events {
                match event.token() {
                    LISTENER => knocks = true,
                    WAKER => {}
                    Token(number) => {
                        if let Some(guest) = self.clients.get_mut(&number)
                            && guest.client.hear(event.into())
                        {
                            self.event_of(number, now);
                        }
                    }
                }
            }
            // Who was ready before these events came has its turn now, and once: who is
            // ready again after that comes behind the next events.
            for _ in 0..self.ready.len() {
                if let Some(number) = self.ready.pop_front() {
                    self.take_turn(number, now);
                }
            }
            while let Some(number) = self.deadlines.take_due(now) {
                match Token(number) {
                    LISTENER => knocks = true,
                    _ => self.event_of(number, now),
                }
            }
            while let Ok(client) = self.handed.try_recv() {
                self.welcome(client);
            }
            if let Some((acceptor, doors)) = entrance.as_mut().filter(|_| knocks) {
                self.let_in(acceptor, doors)?;
            }
        }
    }

    fn time_to_wait(&self, now: Instant) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let next = self.deadlines.next().unwrap_or(now + LOOK);
        next.saturating_duration_since(now).min(LOOK)
    }

    /// Deals those who knock out to all loops in turn.
    fn let_in(&mut self, acceptor: &mut Acceptor, doors: &mut [Door]) -> anyhow::Result<()> {
        let mut handed_over = Ok(());
        let again = acceptor.accept(|client| {
            // This loop's own door is the first.
            doors.rotate_left(1);
            let door = &doors[doors.len() - 1];
            let given = door.clients.send(client);
            if given.is_err() || door.waker.wake().is_err() {
                handed_over = Err(anyhow::anyhow!("a loop has ended"));
            }
        });
        if let Some(again) = again {
            self.deadlines.set(LISTENER.0, again);
        }
        handed_over
    }

    fn welcome(&mut self, mut client: Client) {
        let number = self.next_number;
        // Where a number has 32 bits, they begin again after some years.
        self.next_number = number.wrapping_add(1).max(FIRST_CLIENT);
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

    /// Something has come of a client, or its time is over.
    fn event_of(&mut self, number: usize, now: Instant) {
        // Who is ready has its turn soon, and not twice.
        if self
            .clients
            .get(&number)
            .is_some_and(|guest| !guest.is_ready)
        {
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
