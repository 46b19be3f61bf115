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
use crate::client::{Client, Next};
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

/// A client on its way to a worker or back, with its number.
type Turn = (usize, Client);

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
    // No client waits there twice, so that there is always room for all.
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
        next_number: WAKER.0 + 1,
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
        if done.send(((number, client), next)).is_err() || waker.wake().is_err() {
            return;
        }
    }
}

/// Where clients wait. Each has a number that no other ever had, so no sign that comes
/// late can be taken for one of a client that came after it.
struct Lobby {
    poll: Poll,
    waiting: HashMap<usize, Client>,
    /// Those who are with a worker, and whether a sign of them has come meanwhile.
    away: HashMap<usize, bool>,
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
                    self.sign_of(number, false)?;
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
            let mut knocks = false;
            for event in &events {
                match event.token() {
                    LISTENER => knocks = true,
                    WAKER => {}
                    Token(number) => self.sign_of(number, event.is_read_closed())?,
                }
            }
            let now = Instant::now();
            while let Some(number) = self.deadlines.take_due(now) {
                match Token(number) {
                    LISTENER => knocks = true,
                    _ => self.sign_of(number, false)?,
                }
            }
            while let Ok(((number, client), next)) = self.back.try_recv() {
                self.take_back(number, client, next)?;
            }
            if let Some(acceptor) = acceptor.as_mut().filter(|_| knocks)
                && let Some(again) = acceptor.accept(|client| self.welcome(client))
            {
                self.deadlines.set(LISTENER.0, again);
            }
        }
    }

    /// Takes in a client who has just knocked.
    fn welcome(&mut self, mut client: Client) {
        let number = self.next_number;
        self.next_number += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        match registry.register(client.socket(), Token(number), interest) {
            // That something can be sent is a sign that comes at once.
            Ok(()) => drop(self.waiting.insert(number, client)),
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    /// Something has come of a client, or its time is over: a worker is to have a look.
    fn sign_of(&mut self, number: usize, has_ended: bool) -> anyhow::Result<()> {
        if let Some(has_sign) = self.away.get_mut(&number) {
            *has_sign = true;
        } else if let Some(mut client) = self.waiting.remove(&number) {
            client.sign(has_ended);
            self.deadlines.clear(number);
            self.give_away(number, client)?;
        }
        Ok(())
    }

    fn give_away(&mut self, number: usize, mut client: Client) -> anyhow::Result<()> {
        if self.ends_at.is_some() {
            client.wind_up();
        }
        self.away.insert(number, false);
        let given = self.to_work.send((number, client));
        given.map_err(|_| anyhow::anyhow!("there are no workers left"))
    }

    fn take_back(&mut self, number: usize, mut client: Client, next: Next) -> anyhow::Result<()> {
        let has_sign = self.away.remove(&number).unwrap_or_default();
        if has_sign {
            // It may have told the end, so all that there is has to be read.
            client.sign(true);
        }
        let knows = self.ends_at.is_none() || client.winds_up();
        match next {
            Next::End => {}
            Next::Sign(until) if !has_sign && knows => {
                self.deadlines.set(number, until);
                self.waiting.insert(number, client);
            }
            Next::Sign(_) | Next::Turn => self.give_away(number, client)?,
        }
        Ok(())
    }
}
