//! Many clients in one thread, each of which asks again as soon as it has its answer; and
//! others that have asked once and say nothing any more.

mod answer;
mod client;
mod http2;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::tls::config;
use harness::tls::rustls::ALL_VERSIONS;
use mio::{Events, Poll, Token};

use self::client::{Client, Way};
use super::server::{self, Server};

/// How many of them may be about to connect at once, before it is measured. A server that
/// is met by all in the same moment may have no room for them to wait in.
const AT_ONCE: usize = 64;

/// How long they may take, all of them, until each has had an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long they ask before it is measured.
const WARM_UP: Duration = Duration::from_millis(100);

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Who there is.
#[derive(Clone, Copy)]
pub struct Crowd {
    pub version: Version,
    /// How many ask without end.
    pub busy: usize,
    /// How many have asked once, and stay.
    pub idle: usize,
    /// How many requests each sends at a time.
    pub together: usize,
}

/// What came out of one turn.
pub struct Turn {
    answered: u64,
    took: Duration,
    processor_time: Option<Duration>,
    /// What those who ask took themselves.
    own_time: Option<Duration>,
    /// In KiB, where the system tells.
    pub memory: Option<u64>,
}

impl Turn {
    pub fn requests_per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// In microseconds, where the system tells, and somebody was answered.
    pub fn processor_time_per_request(&self) -> Option<f64> {
        self.per_request(self.processor_time?)
    }

    /// The same of those who ask.
    pub fn own_time_per_request(&self) -> Option<f64> {
        self.per_request(self.own_time?)
    }

    fn per_request(&self, time: Duration) -> Option<f64> {
        let time = time.as_secs_f64() * 1e6;
        (self.answered > 0).then(|| time / self.answered as f64)
    }

    /// Which part of the time the server had a processor.
    pub fn share(&self) -> Option<f64> {
        Some(self.processor_time?.as_secs_f64() / self.took.as_secs_f64())
    }
}

/// Lets a crowd ask a server for so long.
pub fn turn(
    server: &Server,
    is_sealed: bool,
    crowd: Crowd,
    time: Duration,
) -> anyhow::Result<Turn> {
    let mut clients = Clients::new(server, is_sealed, crowd)?;
    clients.all_come()?;
    clients.ask_for(WARM_UP)?;
    let own_time = || server::processor_time("self");
    let (time_before, own_before) = (server.processor_time(), own_time());
    let started = Instant::now();
    let answered = clients.ask_for(time)?;
    Ok(Turn {
        answered,
        took: started.elapsed(),
        processor_time: time_before.and_then(|before| Some(server.processor_time()? - before)),
        own_time: own_before.and_then(|before| Some(own_time()? - before)),
        memory: server.memory(),
    })
}

/// All clients of a crowd. Each has its place in the list for a number.
struct Clients {
    poll: Poll,
    events: Events,
    way: Way,
    clients: Vec<Client>,
    /// How many have been told to connect.
    begun: usize,
    /// What each reads into.
    piece: Box<[u8]>,
}

impl Clients {
    fn new(server: &Server, is_sealed: bool, crowd: Crowd) -> anyhow::Result<Self> {
        let tls = is_sealed.then(|| {
            let mut config = config(ALL_VERSIONS);
            if crowd.version == Version::Http2 {
                config.alpn_protocols = vec![b"h2".to_vec()];
            }
            Arc::new(config)
        });
        let idle = (0..crowd.idle).map(|_| Client::new(false));
        let busy = (0..crowd.busy).map(|_| Client::new(true));
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            way: Way::new(server.address, tls, crowd),
            clients: idle.chain(busy).collect(),
            begun: 0,
            piece: vec![0; 64 * 1024].into(),
        })
    }

    /// Lets all of them connect, a few at a time, until each has had an answer.
    fn all_come(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut settled = 0;
        while settled < self.clients.len() {
            while self.begun < self.clients.len() && self.begun < settled + AT_ONCE {
                let client = &mut self.clients[self.begun];
                connect(client, self.begun, &self.way, &self.poll)?;
                self.begun += 1;
            }
            self.listen(Duration::from_millis(100))?;
            settled = self.clients[..self.begun]
                .iter()
                .filter(|client| client.is_settled)
                .count();
            ensure!(
                began.elapsed() < PATIENCE,
                "{settled} of {} clients had an answer within {} s",
                self.clients.len(),
                PATIENCE.as_secs()
            );
        }
        Ok(())
    }

    /// Lets them ask for so long, and gives how many answers have come.
    fn ask_for(&mut self, time: Duration) -> anyhow::Result<u64> {
        let ends_at = Instant::now() + time;
        let mut answered = 0;
        while let Some(left) = ends_at.checked_duration_since(Instant::now()) {
            answered += self.listen(left)?;
        }
        Ok(answered)
    }

    /// Gives each of whom something has come a turn, or waits for so long.
    fn listen(&mut self, time: Duration) -> anyhow::Result<u64> {
        let Self { poll, events, .. } = self;
        match poll.poll(events, Some(time)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        let mut answered = 0;
        for event in &*events {
            let Token(number) = event.token();
            let client = &mut self.clients[number];
            let to_the_end = event.is_read_closed();
            let turn = client.take_turn(&self.way, &mut self.piece, to_the_end);
            let (count, has_ended) = match turn {
                Ok(turn) => turn,
                // The server has no place for it, or no time.
                Err(error) if is_of_the_connection(&error) => (0, true),
                Err(error) => return Err(error.into()),
            };
            answered += count as u64;
            if has_ended {
                client.has_lost_connection();
                connect(client, number, &self.way, poll)?;
            }
        }
        Ok(answered)
    }
}

fn connect(client: &mut Client, number: usize, way: &Way, poll: &Poll) -> anyhow::Result<()> {
    let connected = client.connect(way, poll.registry(), Token(number));
    connected.context("a client cannot connect")
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::TimedOut
            | ErrorKind::UnexpectedEof
    )
}
