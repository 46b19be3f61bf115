//! Few threads for many connections. One thread, the dispatcher, waits for all of them at
//! once. It gives a session that is ready to a worker. The worker does one turn of its work
//! and gives it back. An idle connection costs no thread.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::ch02::log::log_error;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch15::acceptor::Acceptor;
use crate::ch15::poller::{PollWaker, Poller, Wake};
use crate::ch15::readiness::Readiness;
use crate::ch15::session::{Progress, Session};

/// How many workers there are. One that reads a file waits for the disk, so there are
/// more of them than most machines have cores for.
pub const WORKERS: usize = 8;

/// How much a worker reads at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A session on its way to a worker or back, with its number.
type Turn = (usize, Box<Session>);

/// Serves the connections that the acceptor accepts until the server is to stop, and then
/// until the last of them has ended, for [`Shutdown::time`](crate::Shutdown::time) at the
/// most. Gives how many are cut off.
///
/// # Errors
/// The system gives no thread, or does not tell of events any more.
pub fn serve(
    mut acceptor: Acceptor,
    respond: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> anyhow::Result<usize> {
    let poller = Poller::new()?;
    // No session is in the queue twice, so there is always room for all.
    let (to_work, work) = sync_channel(acceptor.limits().connections);
    let (done, back) = channel();
    let (work, respond) = (Arc::new(Mutex::new(work)), Arc::new(respond));
    for _ in 0..WORKERS {
        let (work, done) = (Arc::clone(&work), done.clone());
        let (respond, waker) = (Arc::clone(&respond), poller.waker());
        thread::Builder::new().spawn(move || take_turns(&work, &done, &waker, &*respond))?;
    }
    acceptor.register(&poller)?;
    let waker = poller.waker();
    acceptor.shutdown().on_request(move || waker.wake());
    let dispatcher = Dispatcher {
        poller,
        waiting: HashMap::new(),
        away: HashMap::new(),
        to_work,
        back,
        ends_at: None,
    };
    dispatcher.run(acceptor)
}

/// What a worker does until the dispatcher is gone.
fn take_turns(
    work: &Mutex<Receiver<Turn>>,
    done: &Sender<(Turn, Progress)>,
    waker: &PollWaker,
    respond: &impl Fn(&Request) -> Response,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let turn = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((id, mut session)) = turn else {
            return;
        };
        let progress = session.advance(Instant::now(), &mut piece, respond);
        // Where the dispatcher is gone, the server has ended.
        if done.send(((id, session), progress)).is_err() {
            return;
        }
        waker.wake();
    }
}

/// Keeps the sessions that wait, and gives those to the workers that can go on.
struct Dispatcher {
    poller: Poller,
    waiting: HashMap<usize, Box<Session>>,
    /// The sessions that are in the queue or with a worker, and what their sockets became
    /// ready for meanwhile.
    away: HashMap<usize, Readiness>,
    to_work: SyncSender<Turn>,
    back: Receiver<(Turn, Progress)>,
    /// When the sessions that are left are cut off, once the server is to stop.
    ends_at: Option<Instant>,
}

impl Dispatcher {
    fn run(mut self, acceptor: Acceptor) -> anyhow::Result<usize> {
        let shutdown = acceptor.shutdown();
        let mut acceptor = Some(acceptor);
        let mut wakes = Vec::new();
        loop {
            if let Some(mut last) = acceptor.take_if(|_| shutdown.is_requested()) {
                // The connections that have been made by now are the last ones.
                last.accept(|session| self.register(session));
                self.ends_at = Some(Instant::now() + shutdown.time());
                for id in self.waiting.keys().copied().collect::<Vec<_>>() {
                    self.dispatch(id)?;
                }
            }
            let left = self.waiting.len() + self.away.len();
            let is_over = |end| left == 0 || Instant::now() >= end;
            if self.ends_at.is_some_and(is_over) {
                return Ok(left);
            }
            self.poller.wait(self.ends_at, &mut wakes)?;
            for wake in &wakes {
                match *wake {
                    Wake::Listener => {}
                    Wake::Ready(id, readiness) => self.notify(id, readiness)?,
                    Wake::Due(id) => self.dispatch(id)?,
                }
            }
            while let Ok(((id, session), progress)) = self.back.try_recv() {
                self.take_back(id, session, progress)?;
            }
            if wakes.contains(&Wake::Listener)
                && let Some(acceptor) = &mut acceptor
                && let Some(again) = acceptor.accept(|session| self.register(session))
            {
                self.poller.accept_again(again);
            }
        }
    }

    /// Adds the session of a new connection.
    fn register(&mut self, session: Session) {
        let mut session = Box::new(session);
        let is_used = |id| self.waiting.contains_key(&id) || self.away.contains_key(&id);
        match self.poller.register(session.socket(), is_used) {
            Ok(id) => self.park(id, session),
            Err(error) => log_error(format_args!("cannot wait for a client: {error}")),
        }
    }

    /// Lets a session wait, until its socket is ready or its timer runs out.
    fn park(&mut self, id: usize, session: Box<Session>) {
        if let Some(due) = session.deadline() {
            self.poller.set_timer(id, due);
        }
        self.waiting.insert(id, session);
    }

    /// Tells a session what its socket is ready for, and gives it to a worker where it can
    /// go on.
    fn notify(&mut self, id: usize, readiness: Readiness) -> anyhow::Result<()> {
        if let Some(meanwhile) = self.away.get_mut(&id) {
            meanwhile.add(readiness);
        } else if let Some(session) = self.waiting.get_mut(&id)
            && session.notify(readiness)
        {
            self.dispatch(id)?;
        }
        Ok(())
    }

    /// Puts a session that waits into the queue of the workers. Its timer stays. When the
    /// session comes back, the timer gets a new time, which is mostly later.
    fn dispatch(&mut self, id: usize) -> anyhow::Result<()> {
        let Some(session) = self.waiting.remove(&id) else {
            return Ok(());
        };
        self.away.insert(id, Readiness::default());
        let given = self.to_work.send((id, session));
        given.map_err(|_| anyhow::anyhow!("there are no workers left"))
    }

    /// Takes a session back after its turn.
    fn take_back(
        &mut self,
        id: usize,
        mut session: Box<Session>,
        progress: Progress,
    ) -> anyhow::Result<()> {
        let meanwhile = self.away.remove(&id).unwrap_or_default();
        if progress == Progress::Closed {
            self.poller.clear_timer(id);
            return Ok(());
        }
        // A session that was with a worker when the server was asked to stop may not know.
        let knows = self.ends_at.is_none() || session.knows_of_shutdown();
        let goes_on = session.notify(meanwhile) || progress == Progress::Ready || !knows;
        self.park(id, session);
        match goes_on {
            true => self.dispatch(id),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch12::access_log::AccessLog;
    use crate::ch12::connection_limiter::ConnectionLimiter;
    use crate::ch12::limits::Limits;
    use crate::ch13::shutdown::Shutdown;
    use std::io::{Read, Write};
    use std::net::{self, SocketAddr, TcpListener, TcpStream};
    use std::thread::JoinHandle;
    use std::time::Duration;

    /// How long a client waits for what should come at once. It ends a test that has failed.
    const READ_TIME: Duration = Duration::from_secs(30);

    /// A pool whose answers to `/wait` wait until they may go on.
    struct Tried {
        address: SocketAddr,
        shutdown: Shutdown,
        /// Says that an answer waits.
        waits: Receiver<()>,
        /// While this is kept, these answers wait.
        let_go: Option<Sender<()>>,
        served: JoinHandle<anyhow::Result<usize>>,
    }

    impl Tried {
        fn start(limits: &str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let log = AccessLog::start(1000, std::io::sink()).unwrap();
            let limits = Limits::default().but_for(limits).unwrap();
            let limiter = ConnectionLimiter::start(limits, log).unwrap();
            let shutdown = Shutdown::new(Duration::from_secs(60));
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
            let asked = shutdown.clone();
            let served = thread::spawn(move || {
                let acceptor = Acceptor::new(listener, &limiter, &asked)?;
                serve(acceptor, respond)
            });
            let let_go = Some(let_go);
            Self {
                address,
                shutdown,
                waits,
                let_go,
                served,
            }
        }

        fn client(&self, sent: &str) -> TcpStream {
            let mut client = TcpStream::connect(self.address).unwrap();
            client.set_read_timeout(Some(READ_TIME)).unwrap();
            client.write_all(sent.as_bytes()).unwrap();
            client
        }

        /// One client for each worker, whose answer waits.
        fn busy_clients(&self) -> Vec<TcpStream> {
            let busy = (0..WORKERS).map(|_| self.client(&get("/wait"))).collect();
            (0..WORKERS).for_each(|_| self.waits.recv().unwrap());
            busy
        }
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    /// Ends the client's side, and gives what comes until the server ends too.
    fn rest(client: TcpStream) -> String {
        client.shutdown(net::Shutdown::Write).unwrap();
        until_its_end(client)
    }

    /// What comes until the server ends. A client that has ended its side cannot do so again:
    /// where the server has ended too, the system says that there is no connection any more.
    fn until_its_end(mut client: TcpStream) -> String {
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        received
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

    /// Each session is in the queue once, however many events there are for it. So there is
    /// room for all, and the dispatcher goes on.
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
        // No worker is free, and one client too many is refused all the same.
        let mut refused = String::new();
        let mut one_too_many = tried.client("");
        one_too_many.read_to_string(&mut refused).unwrap();
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        tried.let_go = None;
        for client in queued {
            assert!(rest(client).ends_with("/a"));
        }
        for client in busy {
            assert!(rest(client).ends_with("/wait"));
        }
    }

    /// They come while the worker does something else, and no later event repeats them.
    #[test]
    fn events_of_a_session_that_is_with_a_worker_are_not_lost() {
        let mut tried = Tried::start("idle=600 head=600 linger=600");
        let client = tried.client(&get("/wait"));
        tried.waits.recv().unwrap();
        for request in [get("/a"), get("/b")] {
            (&client).write_all(request.as_bytes()).unwrap();
        }
        client.shutdown(net::Shutdown::Write).unwrap();
        // The dispatcher has seen that event when it sees this one.
        assert!(rest(tried.client(&get("/c"))).ends_with("/c"));
        tried.let_go = None;
        let received = until_its_end(client);
        assert_eq!(received.matches("HTTP/1.1 200 OK\r\n").count(), 3);
        assert!(received.ends_with("/b"), "{received}");
    }

    #[test]
    fn a_stop_waits_for_the_workers_and_for_the_queue() {
        let mut tried = Tried::start("");
        let mut begun = tried.busy_clients();
        begun.extend((0..20).map(|_| tried.client(&get("/a"))));
        let idle = tried.client("");
        while *tried.shutdown.connections() <= begun.len() {
            thread::yield_now();
        }
        tried.shutdown.request();
        tried.let_go = None;
        for client in &mut begun {
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
            // A client whose request was in the queue is told that this is the last one.
            let is_told = received.contains("\r\nConnection: close\r\n");
            assert!(is_told || received.ends_with("/wait"), "{received}");
        }
        assert_eq!(rest(idle), "");
        drop(begun);
        assert_eq!(tried.served.join().unwrap().unwrap(), 0);
    }
}
