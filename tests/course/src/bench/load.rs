//! Clients that ask as often as they can.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::server::Server;

/// How many clients ask at once.
pub const CLIENTS: usize = 8;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

const REQUEST: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST_REQUEST: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What a server has to do with.
#[derive(Clone, Copy)]
pub struct Load {
    pub asks: Asks,
    /// How many clients there are besides that say nothing.
    pub silent_clients: usize,
}

/// How each client asks.
#[derive(Clone, Copy)]
pub enum Asks {
    /// Each request over a connection of its own.
    OverNewConnections,
    /// All over one connection, so many requests in one write.
    OverOne { together: usize },
}

impl Asks {
    pub fn together(self) -> usize {
        match self {
            Self::OverNewConnections => 1,
            Self::OverOne { together } => together,
        }
    }
}

impl Load {
    pub const fn new(asks: Asks) -> Self {
        Self {
            asks,
            silent_clients: 0,
        }
    }

    pub const fn with_a_silent_client(self) -> Self {
        Self {
            silent_clients: 1,
            ..self
        }
    }

    /// What is special about it.
    pub fn words(&self) -> &'static str {
        match (self.asks, self.silent_clients) {
            (Asks::OverNewConnections, 0) => "",
            (Asks::OverNewConnections, _) => "one silent client",
            (Asks::OverOne { together: 1 }, _) => "connections kept",
            (Asks::OverOne { .. }, _) => "16 requests at a time",
        }
    }
}

/// What came out of one turn.
pub struct Turn {
    answered: u64,
    took: Duration,
    processor_time: Option<Duration>,
}

impl Turn {
    pub fn requests_per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// In microseconds, where the system tells, and somebody was answered.
    pub fn processor_time_per_request(&self) -> Option<f64> {
        let time = self.processor_time?.as_secs_f64() * 1e6;
        (self.answered > 0).then(|| time / self.answered as f64)
    }
}

/// Lets the clients ask for one turn, which takes so long.
pub fn turn(server: &Server, load: Load, time: Duration) -> io::Result<Turn> {
    let silent = (0..load.silent_clients).map(|_| TcpStream::connect(server.address));
    let silent = silent.collect::<io::Result<Vec<_>>>()?;
    let answered = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let time_before = server.processor_time();
    let started = Instant::now();
    let mut took = time;
    let mut processor_time = None;
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::new(server.address, load.asks);
                while !over.load(Ordering::Relaxed) {
                    if let Ok(count) = client.ask()
                        && !over.load(Ordering::Relaxed)
                    {
                        answered.fetch_add(count, Ordering::Relaxed);
                    }
                }
            });
        }
        thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        took = started.elapsed();
        processor_time = time_before.and_then(|before| Some(server.processor_time()? - before));
        // Who waits behind a silent client is let go with it.
        drop(silent);
    });
    Ok(Turn {
        answered: answered.into_inner(),
        took,
        processor_time,
    })
}

/// A client, and the connection that it keeps.
struct Client {
    address: SocketAddr,
    asks: Asks,
    kept: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(address: SocketAddr, asks: Asks) -> Self {
        Self {
            address,
            asks,
            kept: None,
        }
    }

    /// Asks once, and gives how many requests were answered.
    fn ask(&mut self) -> io::Result<u64> {
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let together = self.asks.together();
        match self.asks {
            Asks::OverNewConnections => {
                connection.get_mut().write_all(LAST_REQUEST.as_bytes())?;
                let mut answer = Vec::new();
                connection.read_to_end(&mut answer)?;
                is_ok(&answer)?;
            }
            Asks::OverOne { .. } => {
                let requests = REQUEST.repeat(together);
                connection.get_mut().write_all(requests.as_bytes())?;
                for _ in 0..together {
                    read_answer(&mut connection)?;
                }
                self.kept = Some(connection);
            }
        }
        Ok(together as u64)
    }
}

/// Reads one answer as long as it says.
fn read_answer(mut connection: impl BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line)?;
    is_ok(&line)?;
    let mut length = 0;
    while line != b"\r\n" {
        line.clear();
        connection.read_until(b'\n', &mut line)?;
        if let Some(value) = line.strip_prefix(b"Content-Length: ") {
            let value = String::from_utf8_lossy(value);
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    io::copy(&mut connection.take(length), &mut io::sink()).map(drop)
}

fn is_ok(answer: &[u8]) -> io::Result<()> {
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}
