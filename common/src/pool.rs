//! Few threads for many connections. One thread waits for all clients at once; one of
//! whom something has come is given to a worker, which goes on with it for a turn and
//! gives it back. An idle client costs no thread.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::acceptor::Acceptor;
use crate::client::{Client, Next, Sign};
use crate::deadlines::Deadlines;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;

/// How many workers there are. One that reads a file waits for the disk, so there are
/// more of them than most machines have cores for.
pub const WORKERS: usize = 8;

/// How many signs are heard of at once.
const SIGNS: usize = 256;

/// How much a worker reads at once, in bytes.
const PIECE: usize = 16 * 1024;

/// How often is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CLIENT: usize = 2;

/// A client on its way to a worker or back, with its number.
type Turn = (usize, Box<Client>);

/// Serves those whom the acceptor lets in until the server is to stop, and then until the
/// last of them is gone, for [`Stop::time`](crate::Stop::time) at the most. Gives how many are cut off.
///
/// # Errors
/// The system gives no thread, or does not tell of signs any more.
pub fn serve(
    mut acceptor: Acceptor,
    respond: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> anyhow::Result<usize> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    // No client stands there twice, so that there is always room for all.
    let (to_work, work) = sync_channel(acceptor.limits().connections);
    let (done, back) = channel();
    let (work, respond) = (Arc::new(Mutex::new(work)), Arc::new(respond));
    for _ in 0..WORKERS {
        let (work, done) = (Arc::clone(&work), done.clone());
        let (respond, waker) = (Arc::clone(&respond), Arc::clone(&waker));
        thread::Builder::new().spawn(move || take_turns(&work, &done, &waker, &*respond))?;
    }
    acceptor.register(poll.registry(), LISTENER)?;
    let lobby = Lobby {
        poll,
        waiting: HashMap::new(),
        away: HashMap::new(),
        deadlines: Deadlines::default(),
        next_number: FIRST_CLIENT,
        to_work,
        back,
        ends_at: None,
    };
    lobby.run(acceptor)
}

/// The life of a worker.
fn take_turns(
    work: &Mutex<Receiver<Turn>>,
    done: &Sender<(Turn, Next)>,
    waker: &Waker,
    respond: &impl Fn(&Request) -> Response,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let turn = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, mut client)) = turn else {
            return;
        };
        let next = client.go_on(Instant::now(), &mut piece, respond);
        // Where nobody wants it back, the server has ended.
        if done.send(((number, client), next)).is_err() {
            return;
        }
        // Where this fails, it is found at the next look.
        let _ = waker.wake();
    }
}

/// Where clients wait. Each has a number that no other one has had, so no sign that comes
/// late can be taken for one of a client that came after it.
struct Lobby {
    poll: Poll,
    waiting: HashMap<usize, Box<Client>>,
    /// Those who are with a worker, or on their way, and what was heard of them meanwhile.
    away: HashMap<usize, Sign>,
    deadlines: Deadlines<usize>,
    next_number: usize,
    to_work: SyncSender<Turn>,
    back: Receiver<(Turn, Next)>,
    /// When those are cut off who are not done, where the server is to stop.
    ends_at: Option<Instant>,
}

impl Lobby {
    fn run(mut self, acceptor: Acceptor) -> anyhow::Result<usize> {
        let stop = acceptor.stop();
        let mut acceptor = Some(acceptor);
        let mut events = Events::with_capacity(SIGNS);
        loop {
            let now = Instant::now();
            if stop.is_asked() && acceptor.take().is_some() {
                self.ends_at = Some(now + stop.time());
                for number in self.waiting.keys().copied().collect::<Vec<_>>() {
                    self.give_away(number, now)?;
                }
            }
            let left = self.waiting.len() + self.away.len();
            if self.ends_at.is_some_and(|end| left == 0 || now >= end) {
                return Ok(left);
            }
            let next = self.deadlines.next().unwrap_or(now + LOOK);
            let wait = next.saturating_duration_since(now).min(LOOK);
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            let now = Instant::now();
            let mut knocks = false;
            for event in &events {
                match event.token() {
                    LISTENER => knocks = true,
                    WAKER => {}
                    Token(number) => self.hear(number, event.into(), now)?,
                }
            }
            while let Some(number) = self.deadlines.take_due(now) {
                match Token(number) {
                    LISTENER => knocks = true,
                    _ => self.give_away(number, now)?,
                }
            }
            while let Ok(((number, client), next)) = self.back.try_recv() {
                self.take_back(number, client, next, now)?;
            }
            if let Some(acceptor) = acceptor.as_mut().filter(|_| knocks)
                && let Some(again) = acceptor.accept(|client| self.welcome(client))
            {
                self.deadlines.set(LISTENER.0, again);
            }
        }
    }

    /// Takes in a client who has just knocked.
    fn welcome(&mut self, client: Client) {
        let (number, mut client) = (self.next_number, Box::new(client));
        // Where a number has 32 bits, they begin again after some years.
        self.next_number = number.wrapping_add(1).max(FIRST_CLIENT);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        match registry.register(client.socket(), Token(number), interest) {
            Ok(()) => self.let_wait(number, client),
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    fn let_wait(&mut self, number: usize, client: Box<Client>) {
        if let Some(until) = client.deadline() {
            self.deadlines.set(number, until);
        }
        self.waiting.insert(number, client);
    }

    /// Something was heard of a client: where it can go on with that, a worker is to.
    fn hear(&mut self, number: usize, sign: Sign, now: Instant) -> anyhow::Result<()> {
        if let Some(heard) = self.away.get_mut(&number) {
            heard.add(sign);
        } else if let Some(client) = self.waiting.get_mut(&number)
            && client.hear(sign)
        {
            self.give_away(number, now)?;
        }
        Ok(())
    }

    /// Gives a client that waits to a worker. Its deadline stays: it has another one, and
    /// mostly a later one, before that comes.
    fn give_away(&mut self, number: usize, now: Instant) -> anyhow::Result<()> {
        let Some(mut client) = self.waiting.remove(&number) else {
            return Ok(());
        };
        if self.ends_at.is_some() {
            client.wind_up(now);
        }
        self.away.insert(number, Sign::default());
        let given = self.to_work.send((number, client));
        given.map_err(|_| anyhow::anyhow!("there are no workers left"))
    }

    fn take_back(
        &mut self,
        number: usize,
        mut client: Box<Client>,
        next: Next,
        now: Instant,
    ) -> anyhow::Result<()> {
        let heard = self.away.remove(&number).unwrap_or_default();
        if next == Next::End {
            self.deadlines.clear(number);
            return Ok(());
        }
        let knows = self.ends_at.is_none() || client.winds_up();
        let goes_on = client.hear(heard) || next == Next::Turn || !knows;
        self.let_wait(number, client);
        match goes_on {
            true => self.give_away(number, now),
            false => Ok(()),
        }
    }
}
