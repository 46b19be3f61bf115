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
use crate::client_numbers::{ClientNumbers, FIRST_CLIENT, LISTENER, WAKER};
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
    Lobby::new(poll, to_work, back).run(acceptor)
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
    numbers: ClientNumbers,
    to_work: SyncSender<Turn>,
    back: Receiver<(Turn, Next)>,
    /// When those are cut off who are not done, where the server is to stop.
    ends_at: Option<Instant>,
}

impl Lobby {
    fn new(poll: Poll, to_work: SyncSender<Turn>, back: Receiver<(Turn, Next)>) -> Self {
        Self {
            poll,
            waiting: HashMap::new(),
            away: HashMap::new(),
            deadlines: Deadlines::default(),
            numbers: ClientNumbers::from(FIRST_CLIENT),
            to_work,
            back,
            ends_at: None,
        }
    }

    fn run(mut self, acceptor: Acceptor) -> anyhow::Result<usize> {
        let stop = acceptor.stop();
        let mut acceptor = Some(acceptor);
        let mut events = Events::with_capacity(SIGNS);
        loop {
            let now = Instant::now();
            if let Some(mut last) = acceptor.take_if(|_| stop.is_asked()) {
                // Those who have knocked by now are the last ones.
                last.accept(|client| self.welcome(client));
                self.ends_at = Some(now + stop.time());
                for number in self.waiting.keys().copied().collect::<Vec<_>>() {
                    self.give_away(number)?;
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
                    Token(number) => self.hear(number, event.into())?,
                }
            }
            while let Some(number) = self.deadlines.take_due(now) {
                match Token(number) {
                    LISTENER => knocks = true,
                    _ => self.give_away(number)?,
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
    fn welcome(&mut self, client: Client) {
        let Self { waiting, away, .. } = self;
        let is_taken = |number| waiting.contains_key(&number) || away.contains_key(&number);
        let number = self.numbers.next(is_taken);
        let mut client = Box::new(client);
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
    fn hear(&mut self, number: usize, sign: Sign) -> anyhow::Result<()> {
        if let Some(heard) = self.away.get_mut(&number) {
            heard.add(sign);
        } else if let Some(client) = self.waiting.get_mut(&number)
            && client.hear(sign)
        {
            self.give_away(number)?;
        }
        Ok(())
    }

    /// Gives a client that waits to a worker. Its deadline stays: it has another one, and
    /// mostly a later one, before that comes.
    fn give_away(&mut self, number: usize) -> anyhow::Result<()> {
        let Some(client) = self.waiting.remove(&number) else {
            return Ok(());
        };
        self.away.insert(number, Sign::default());
        let given = self.to_work.send((number, client));
        given.map_err(|_| anyhow::anyhow!("there are no workers left"))
    }

    fn take_back(
        &mut self,
        number: usize,
        mut client: Box<Client>,
        next: Next,
    ) -> anyhow::Result<()> {
        let heard = self.away.remove(&number).unwrap_or_default();
        if next == Next::End {
            self.deadlines.clear(number);
            return Ok(());
        }
        // One that had its turn while the server was asked to stop has not heard of it.
        let knows = self.ends_at.is_none() || client.winds_up();
        let goes_on = client.hear(heard) || next == Next::Turn || !knows;
        self.let_wait(number, client);
        match goes_on {
            true => self.give_away(number),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::AccessLog;
    use crate::admission::Admission;
    use crate::limits::Limits;
    use crate::stop::Stop;
    use std::io::{Read, Write};
    use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::thread::JoinHandle;

    /// How long is waited for what should come at once. It ends a test that has failed.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A pool whose answers to `/wait` wait until they are let.
    struct Tried {
        address: SocketAddr,
        stop: Stop,
        /// Says that an answer waits.
        waits: Receiver<()>,
        /// While this is kept, they do.
        let_go: Option<Sender<()>>,
        served: JoinHandle<anyhow::Result<usize>>,
    }

    impl Tried {
        fn start(limits: &str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let log = AccessLog::start(1000, std::io::sink()).unwrap();
            let limits = Limits::default().but_for(limits).unwrap();
            let admission = Admission::start(limits, log).unwrap();
            let stop = Stop::new(Duration::from_secs(60));
            let (has_come, waits) = channel();
            let (let_go, goes) = channel::<()>();
            let goes = Mutex::new(goes);
            let respond = move |request: &Request| {
                match request.path() {
                    "/panic" => panic!("an answer that fails"),
                    "/wait" => {
                        has_come.send(()).unwrap();
                        let _ = goes.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    }
                    _ => {}
                }
                Response::html("200 OK", request.target.clone())
            };
            let asked = stop.clone();
            let served = thread::spawn(move || {
                let acceptor = Acceptor::new(listener, &admission, &asked, |_| true)?;
                serve(acceptor, respond)
            });
            let let_go = Some(let_go);
            Self {
                address,
                stop,
                waits,
                let_go,
                served,
            }
        }

        fn client(&self, sent: &str) -> TcpStream {
            let mut client = TcpStream::connect(self.address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.write_all(sent.as_bytes()).unwrap();
            client
        }

        /// As many clients whose answers wait as there are workers.
        fn busy_clients(&self) -> Vec<TcpStream> {
            let busy = (0..WORKERS).map(|_| self.client(&get("/wait"))).collect();
            (0..WORKERS).for_each(|_| self.waits.recv().unwrap());
            busy
        }
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    /// Ends, and gives what comes until the server does too.
    fn rest(mut client: TcpStream) -> String {
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        received
    }

    #[test]
    fn numbers_that_begin_again_leave_out_who_is_still_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = AccessLog::start(1, std::io::sink()).unwrap();
        let admission = Admission::start(Limits::default(), log).unwrap();
        let stop = Stop::new(Duration::ZERO);
        let mut acceptor = Acceptor::new(listener, &admission, &stop, |_| true).unwrap();
        let (to_work, _work) = sync_channel(1);
        let mut lobby = Lobby::new(Poll::new().unwrap(), to_work, channel().1);
        let mut welcome = |lobby: &mut Lobby| {
            let client = TcpStream::connect(address).unwrap();
            let before = lobby.waiting.len();
            while lobby.waiting.len() == before {
                acceptor.accept(|client| lobby.welcome(client));
            }
            client
        };
        let mut clients = vec![welcome(&mut lobby)];
        lobby.give_away(FIRST_CLIENT).unwrap();
        clients.push(welcome(&mut lobby));
        lobby.numbers = ClientNumbers::from(usize::MAX);
        clients.extend([(); 2].map(|()| welcome(&mut lobby)));
        let mut numbers: Vec<_> = lobby.waiting.keys().copied().collect();
        numbers.sort_unstable();
        // One is with a worker, and one waits.
        assert!(lobby.away.contains_key(&FIRST_CLIENT));
        assert_eq!(numbers, [FIRST_CLIENT + 1, FIRST_CLIENT + 2, usize::MAX]);
    }

    #[test]
    fn a_panic_costs_one_client_and_no_worker() {
        let tried = Tried::start("");
        for _ in 0..3 * WORKERS {
            let mut received = Vec::new();
            let mut client = tried.client(&get("/panic"));
            client.read_to_end(&mut received).unwrap();
            assert_eq!(received, b"");
        }
        assert!(rest(tried.client(&get("/a"))).ends_with("/a"));
    }

    /// Each client stands in the queue once, however many signs come of it: so there is
    /// room for all that may be there, and the lobby goes on.
    #[test]
    fn there_is_room_for_all_clients_in_the_queue() {
        const QUEUED: usize = 20;
        let mut tried = Tried::start(&format!("connections={}", WORKERS + QUEUED));
        let busy = tried.busy_clients();
        let mut queued: Vec<TcpStream> = (0..QUEUED).map(|_| tried.client("")).collect();
        for byte in get("/a").bytes() {
            for client in &mut queued {
                client.write_all(&[byte]).unwrap();
            }
        }
        // No worker has time, and yet somebody says that there is no place.
        let mut turned_away = String::new();
        let mut one_too_many = tried.client("");
        one_too_many.read_to_string(&mut turned_away).unwrap();
        assert!(turned_away.starts_with("HTTP/1.1 503 "), "{turned_away}");
        tried.let_go = None;
        for client in queued {
            assert!(rest(client).ends_with("/a"));
        }
        for client in busy {
            assert!(rest(client).ends_with("/wait"));
        }
    }

    /// They come while the worker looks elsewhere, and no later sign repeats them.
    #[test]
    fn signs_of_a_client_that_is_with_a_worker_are_not_lost() {
        let mut tried = Tried::start("idle=600 head=600 linger=600");
        let client = tried.client(&get("/wait"));
        tried.waits.recv().unwrap();
        for request in [get("/a"), get("/b")] {
            (&client).write_all(request.as_bytes()).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        // The lobby has heard of that when it hears of this one.
        assert!(rest(tried.client(&get("/c"))).ends_with("/c"));
        tried.let_go = None;
        let received = rest(client);
        assert_eq!(received.matches("HTTP/1.1 200 OK\r\n").count(), 3);
        assert!(received.ends_with("/b"), "{received}");
    }

    #[test]
    fn a_stop_waits_for_who_is_with_a_worker_and_for_who_stands_before_it() {
        let mut tried = Tried::start("");
        let mut begun = tried.busy_clients();
        begun.extend((0..20).map(|_| tried.client(&get("/a"))));
        let idle = tried.client("");
        while *tried.stop.under_way() <= begun.len() {
            thread::yield_now();
        }
        tried.stop.ask();
        tried.let_go = None;
        for client in &mut begun {
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
            // Who stands in the queue hears that this is the last one.
            let is_told = received.contains("\r\nConnection: close\r\n");
            assert!(is_told || received.ends_with("/wait"), "{received}");
        }
        assert_eq!(rest(idle), "");
        drop(begun);
        assert_eq!(tried.served.join().unwrap().unwrap(), 0);
    }
}
