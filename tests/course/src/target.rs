//! The server that is checked: one that runs, or one that a command starts.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::company::{Cost, connect_narrowly, cost_of};
use harness::judge::Death;
use harness::play::{Connection, Host, PATIENCE, wait_until_closed};
use harness::tls::{sealed, try_handshake};
use harness::transcript::Transcript;
use harness::{Again, without_own_package};
use indicatif::{ProgressBar, ProgressStyle};
use listeners::{Listener, Protocol, SocketState};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::chapters::{Chapter, Course};
use crate::process::{self, DEATH_TIMEOUT, Place, Process, all, last_lines};
use crate::{CannotCheck, cargo};

/// How many times its limit a command may take until it listens, as long as it
/// goes on saying something: it may be `cargo run` on a slow machine.
const PATIENCE_WITH_CARGO: u32 = 10;
/// How long a system keeps a port after a server that has ended.
const PORT_KEPT: Duration = Duration::from_secs(65);
/// How often it is tried whether a port is free again.
const PORT_TICK: Duration = Duration::from_millis(500);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a command may take to say where it listens when something answers
/// where it is expected: that may be another program, whoever started it.
const GRACE: Duration = Duration::from_secs(2);
/// The same for one that has answered.
const QUICK_DEATH_TIMEOUT: Duration = Duration::from_millis(50);
/// How long a server that has said where it listens may take to do so.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// After how long a wait the reason for it is told, where no terminal shows it
/// from the beginning.
const TOLD_AFTER: Duration = Duration::from_secs(1);
/// How long a server may take to stop that nobody is connected to any more.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often is looked whether something has happened.
const TICK: Duration = Duration::from_millis(10);
/// What names the file that a server keeps its guestbook in.
const GUESTBOOK: &str = "GUESTBOOK";
/// No address at all.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// Where a chapter's own binary is told to listen.
const ANY_PORT: &str = "127.0.0.1:0";
/// The port of a server that does not say where it listens.
const DEFAULT_PORT: u16 = 8080;

/// What is to be checked.
pub enum Kind {
    /// A server that runs already, on one of these addresses.
    Running(Vec<SocketAddr>),
    /// A command that starts a server, and the port where it does not print it.
    Command {
        words: Vec<String>,
        port: Option<u16>,
    },
    /// A chapter's own binary, which always prints its port: the command that starts it by
    /// hand, and the program, which is sooner there.
    Own { words: Vec<String>, program: String },
    /// What a learner has handed in.
    HandIn(HandIn),
}

/// What a learner has handed in, and how it is started.
#[derive(Clone)]
pub struct HandIn {
    /// The program and its arguments; the words `ADDRESS` and `PORT` stand for those
    /// it is given.
    pub words: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    pub manner: Manner,
}

/// How a hand-in learns where it is to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// By its argument and by `PORT` in its environment. Others run beside it, so
    /// nothing counts but that port.
    Told,
    /// By `PORT` alone, as it would be started by hand. It runs alone, so that it may
    /// also listen where it always does.
    Alone,
}

/// Why a hand-in did not come to listen.
pub enum NeverListened {
    /// It ended.
    Ended(CannotCheck),
    /// It listens, or may listen, where it was not told to.
    Elsewhere(CannotCheck),
    /// It runs and does nothing that could be seen.
    Silent(CannotCheck),
}

impl From<NeverListened> for CannotCheck {
    fn from(reason: NeverListened) -> Self {
        let (NeverListened::Ended(reason)
        | NeverListened::Elsewhere(reason)
        | NeverListened::Silent(reason)) = reason;
        reason
    }
}

impl Kind {
    /// A chapter's own binary, on a free port. It is built here: it will be started many times.
    ///
    /// # Errors
    /// Cargo cannot build it.
    pub fn own(course: &Course, chapter: &Chapter) -> anyhow::Result<Self> {
        let words = [
            &cargo(),
            "run",
            "--quiet",
            "--package",
            &chapter.name,
            "--",
            ANY_PORT,
        ];
        let progress = progress(&format!("Building {}", chapter.name));
        let program = chapter.build(course, &[]);
        progress.finish_and_clear();
        Ok(Self::Own {
            words: words.map(str::to_owned).into(),
            program: program?,
        })
    }
}

/// The server that is checked. What was started is stopped, with its children,
/// when this is dropped.
pub struct Target {
    kind: Kind,
    /// How long a command may be silent before it listens.
    start_timeout: Duration,
    address: SocketAddr,
    /// A connection that showed that the server listens, kept for the first use.
    first: Option<TcpStream>,
    /// Where the command stands while it runs.
    place: Place,
    /// Whether it speaks TLS.
    is_sealed: bool,
    /// What was found of the processes that it left behind, and was ended.
    left_behind: BTreeSet<String>,
    /// Where a hand-in was seen to listen that neither does as it is told nor says where.
    usual: Option<SocketAddr>,
    /// What it may keep in files, and finds there when it is started again.
    kept: Option<TempDir>,
    /// Whether it is told where to keep its guestbook, as it will be started again.
    keeps: bool,
    /// What the environment variable `LIMITS` says while it runs.
    limits: Option<String>,
    /// Where anything listened before it was first started. To find that out takes a
    /// look at every process.
    listening_before: Option<BTreeSet<SocketAddr>>,
}

impl Target {
    /// Gets ready what is to be checked; a command is started by
    /// [`Target::ensure_running`].
    pub fn new(kind: Kind, start_timeout: Duration) -> Self {
        let address = match &kind {
            Kind::Running(addresses) => *addresses.first().unwrap_or(&NOWHERE),
            Kind::Command { port, .. } => {
                (Ipv4Addr::LOCALHOST, port.unwrap_or(DEFAULT_PORT)).into()
            }
            Kind::Own { .. } | Kind::HandIn(_) => (Ipv4Addr::LOCALHOST, 0).into(),
        };
        Self {
            kind,
            start_timeout,
            address,
            first: None,
            place: Place::new(),
            left_behind: BTreeSet::new(),
            usual: None,
            kept: None,
            keeps: false,
            limits: None,
            listening_before: None,
            is_sealed: false,
        }
    }

    /// The same, and whether it speaks TLS.
    pub fn sealed(self, is_sealed: bool) -> Self {
        Self { is_sealed, ..self }
    }

    /// Tries one handshake with a server that is to speak TLS: without that, each check
    /// would wait for it in vain, and say something else.
    ///
    /// # Errors
    /// There is none.
    pub fn shake_hands(&mut self) -> Result<(), CannotCheck> {
        if !self.is_sealed {
            return Ok(());
        }
        // That it cannot be connected to is for a check to say.
        let Ok(stream) = self.connect_ready() else {
            return Ok(());
        };
        try_handshake(stream, PATIENCE).map_err(|no_tls| {
            CannotCheck(format!(
                "the server speaks no TLS that a client of today speaks: {no_tls}. This chapter \
                 is HTTPS: the server needs a certificate and its key, and TLS 1.2 or 1.3, before \
                 a byte of HTTP; `curl -v --insecure https://{}/` shows the same by hand",
                self.address
            ))
        })
    }

    /// Whether it speaks TLS.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How to have the server for oneself: the command that starts it, where it was
    /// started here and stops with the course, and where it listens then.
    pub fn by_hand(&self) -> (Option<String>, SocketAddr) {
        let (Kind::Command { words, .. } | Kind::Own { words, .. }) = &self.kind else {
            return (None, self.address);
        };
        // A free port would be another one each time.
        let free = |word: &String| {
            word.strip_suffix(":0")
                .map(|host| (word.clone(), host.to_owned()))
        };
        let command = words.join(" ");
        match words.iter().find_map(free) {
            Some((word, host)) => {
                let address = (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into();
                (
                    Some(command.replace(&word, &format!("{host}:{DEFAULT_PORT}"))),
                    address,
                )
            }
            None => (Some(command), self.address),
        }
    }

    /// How the processes were called that outlived the server, and were ended, so far.
    pub fn left_behind(&self) -> &BTreeSet<String> {
        &self.left_behind
    }

    /// Whether a command is checked, which can be started again.
    pub fn is_command(&self) -> bool {
        !matches!(self.kind, Kind::Running(_))
    }

    /// Starts the command where it does not run (any more), or runs with other limits, or
    /// has been told of a guestbook and should not.
    pub fn ensure_running_for(&mut self, transcript: &Transcript) -> Result<(), CannotCheck> {
        let limits = transcript.limits();
        let keeps = transcript.starts_again();
        if self.limits.as_deref() != limits || self.keeps != keeps {
            self.stop();
            self.limits = limits.map(str::to_owned);
            self.keeps = keeps;
        }
        self.ensure_running()
    }

    /// Starts the command where it does not run (any more). It finds nothing that it
    /// kept before.
    pub fn ensure_running(&mut self) -> Result<(), CannotCheck> {
        if !self.is_command() || self.is_alive() {
            return Ok(());
        }
        self.stop();
        self.start()
    }

    fn start(&mut self) -> Result<(), CannotCheck> {
        let (words, port, is_own) = match &self.kind {
            Kind::Running(_) => return Ok(()),
            Kind::Command { words, port } => (words, *port, false),
            Kind::Own { program, .. } => (&vec![program.clone(), ANY_PORT.to_owned()], None, true),
            Kind::HandIn(hand_in) => {
                let hand_in = hand_in.clone();
                return Ok(self.start_hand_in(&hand_in)?);
            }
        };
        let guestbook = guestbook(&mut self.kept, self.keeps)?;
        let expected: SocketAddr = (Ipv4Addr::LOCALHOST, port.unwrap_or(DEFAULT_PORT)).into();
        let taken = is_taken(expected);
        // It may also be kept for a minute after a server that has ended; then
        // the command says so itself.
        let answers = || TcpStream::connect_timeout(&expected, CONNECT_TIMEOUT).is_ok();
        if taken && port.is_some() && answers() {
            return Err(CannotCheck(format!(
                "port {} is taken by another program; stop that, or use another port",
                expected.port()
            )));
        }
        // Our own always says where it listens.
        if !is_own && self.listening_before.is_none() {
            self.listening_before = Some(listening());
        }
        self.place.start(keeping(
            guestbook.as_deref(),
            command(words, self.limits.as_deref())?,
        ))?;
        // Another server may begin to listen where this one is not told to.
        let is_elsewhere = port.is_none() && (taken || takes_any_port(words));
        let waited = self.wait_until_it_listens(expected, is_own || is_elsewhere);
        let is_kept = matches!(&waited, Err(CannotCheck(words)) if says_in_use(words))
            && !is_free(expected)
            && !answers();
        if !is_kept {
            return waited;
        }
        wait_for_port(expected)?;
        let Kind::Command { words, .. } = &self.kind else {
            return waited;
        };
        self.place.start(keeping(
            guestbook.as_deref(),
            command(words, self.limits.as_deref())?,
        ))?;
        self.wait_until_it_listens(expected, is_own)
    }

    /// Stops the command, so that the next check gets a new one.
    pub fn stop(&mut self) {
        self.end();
        self.kept = None;
    }

    /// Stops the command, so that it can be started again with what it has kept.
    fn end(&mut self) {
        self.first = None;
        self.left_behind.extend(self.place.stop());
    }

    /// Waits until the command says where it listens, or, unless that is for
    /// somebody else to answer, until it answers where it is expected.
    fn wait_until_it_listens(
        &mut self,
        expected: SocketAddr,
        only_what_it_says: bool,
    ) -> Result<(), CannotCheck> {
        let longest = self.start_timeout * PATIENCE_WITH_CARGO;
        let (words, port) = match &self.kind {
            Kind::Running(_) | Kind::HandIn(_) => return Ok(()),
            Kind::Command { words, port } => (words, *port),
            Kind::Own { words, .. } => (words, None),
        };
        let waits_for = format!(
            "Waiting for `{}` to print `Listening on port N...` or to answer on {expected}",
            words.join(" ")
        );
        let progress = progress(&waits_for);
        let started = Instant::now();
        let mut last_sign = started;
        let mut said = 0;
        let mut is_told = !progress.is_hidden();
        let mut answered: Option<(TcpStream, Instant)> = None;
        loop {
            let mut guard = self.place.process();
            let Some(process) = guard.as_mut() else {
                return Err(CannotCheck("the command was stopped".to_owned()));
            };
            if let (None, Some(port)) = (port, process.port()) {
                self.address = (Ipv4Addr::LOCALHOST, port).into();
                return Ok(());
            }
            // What cargo says of its building is a sign of life.
            let says = process.errors.so_far().len();
            if says > said {
                (said, last_sign) = (says, Instant::now());
            }
            if process.has_ended() {
                let last_words = last_lines(&process.errors, 12);
                return Err(CannotCheck(format!(
                    "`{}` ended before it listened{last_words}",
                    words.join(" ")
                )));
            }
            if answered.is_none() && !only_what_it_says {
                let stream = connect_to_either(expected);
                answered = stream.ok().map(|stream| (stream, Instant::now()));
            }
            answered = match answered {
                Some((stream, since)) if port.is_some() || since.elapsed() > GRACE => {
                    self.address = stream.peer_addr().unwrap_or(expected);
                    // Hanging up on it could be the end of a server that cannot
                    // bear a client without a word.
                    self.first = Some(stream);
                    return Ok(());
                }
                not_yet => not_yet,
            };
            if !is_told && started.elapsed() > TOLD_AFTER {
                is_told = true;
                warn!("{waits_for}");
            }
            if last_sign.elapsed() > self.start_timeout || started.elapsed() > longest {
                return Err(CannotCheck(format!(
                    "`{}` neither printed `Listening on port N...` nor answered on {expected} \
                     within {} s{}; --port names another port, --start-timeout another time",
                    words.join(" "),
                    self.start_timeout.as_secs(),
                    what_began_to_listen(self.listening_before.as_ref()),
                )));
            }
            drop(guard);
            thread::sleep(TICK);
        }
    }

    /// Starts a hand-in, on another port than the time before: the system may keep
    /// that one for a minute.
    pub fn start_hand_in(&mut self, hand_in: &HandIn) -> Result<(), NeverListened> {
        self.end();
        let own = free_port().map_err(NeverListened::Silent)?;
        let default: SocketAddr = (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into();
        let is_alone = hand_in.manner == Manner::Alone;
        if is_alone && !is_free(default) {
            wait_for_port_quietly(default);
        }
        if let Some(own) = self.usual.filter(|_| is_alone) {
            wait_for_port_quietly(own);
        }
        // Who has it now is somebody else.
        let by_itself = (is_alone && is_free(default)).then_some(default);
        let before: BTreeSet<u16> = match is_alone {
            true => listening().iter().map(SocketAddr::port).collect(),
            false => BTreeSet::new(),
        };
        let guestbook = guestbook(&mut self.kept, self.keeps).map_err(NeverListened::Ended)?;
        let command = hand_in
            .command(own, self.limits.as_deref())
            .map_err(NeverListened::Ended)?;
        let command = keeping(guestbook.as_deref(), command);
        self.place.start(command).map_err(NeverListened::Ended)?;
        let started = Instant::now();
        let mut looked = started;
        loop {
            let mut guard = self.place.process();
            let Some(process) = guard.as_mut() else {
                return Err(NeverListened::Ended(CannotCheck(
                    "the command was stopped".to_owned(),
                )));
            };
            let said = process.port();
            if process.has_ended() {
                let last_words = last_lines(&process.errors, 4);
                return Err(NeverListened::Ended(CannotCheck(format!(
                    "it ended before it listened{last_words}"
                ))));
            }
            // To find out takes a look at every process. Most say it, or do as told, before.
            let is_seen = looked.elapsed() > GRACE;
            let seen = is_seen.then(|| port_of(process)).flatten();
            if is_seen {
                looked = Instant::now();
            }
            drop(guard);
            // What it says may be wrong, but not that something new answers there.
            let elsewhere = said.filter(|port| *port != own.port() && !before.contains(port));
            let elsewhere = elsewhere.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            let seen = seen.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            if is_alone && seen.is_some() {
                self.usual = seen;
            }
            let elsewhere = elsewhere.or(seen.filter(|address| *address != own));
            let others = elsewhere.into_iter().chain(self.usual).chain(by_itself);
            let mut expected = [own].into_iter().chain(others.filter(|_| is_alone));
            if let Some(stream) = expected.find_map(|address| connect_to_either(address).ok()) {
                self.address = stream.peer_addr().unwrap_or(own);
                self.first = Some(stream);
                return Ok(());
            }
            if let (Some(address), false) = (elsewhere, is_alone) {
                return Err(NeverListened::Elsewhere(CannotCheck(format!(
                    "it listens on port {}, whatever it is told",
                    address.port()
                ))));
            }
            if !is_alone && started.elapsed() > GRACE && connect_to_either(default).is_ok() {
                return Err(NeverListened::Elsewhere(CannotCheck(format!(
                    "it may be what listens on port {DEFAULT_PORT}"
                ))));
            }
            if started.elapsed() > self.start_timeout {
                let where_else = match by_itself {
                    Some(_) => ", nor on any other",
                    None if is_alone => "; another program has port 8080",
                    None => "",
                };
                return Err(NeverListened::Silent(CannotCheck(format!(
                    "it did not listen on the port it was given within {} s{where_else}",
                    self.start_timeout.as_secs()
                ))));
            }
            thread::sleep(TICK);
        }
    }

    fn connect_ready(&mut self) -> io::Result<TcpStream> {
        let stream = self.connect_tcp()?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// What carries HTTP over a connection.
    fn carried(&self, stream: TcpStream) -> Box<dyn Connection> {
        match self.is_sealed {
            true => sealed(stream),
            false => Box::new(stream),
        }
    }

    fn connect_tcp(&mut self) -> io::Result<TcpStream> {
        if let Some(stream) = self.first.take() {
            return Ok(stream);
        }
        if let Kind::Running(addresses) = &self.kind {
            // The one that somebody was at is the first to be tried the next time.
            let others = addresses.iter().filter(|other| **other != self.address);
            let mut connected = connect_to_either(self.address);
            for other in others {
                connected = connected.or_else(|error| {
                    TcpStream::connect_timeout(other, CONNECT_TIMEOUT).map_err(|_| error)
                });
            }
            let stream = connected?;
            self.address = stream.peer_addr().unwrap_or(self.address);
            return Ok(stream);
        }
        let deadline = Instant::now() + REFUSAL_TIMEOUT;
        loop {
            match connect_to_either(self.address) {
                // It has said that it listens, and may be about to.
                Err(error)
                    if error.kind() == ErrorKind::ConnectionRefused
                        && self.is_command()
                        && Instant::now() < deadline
                        && self.is_alive() =>
                {
                    thread::sleep(TICK);
                }
                connected => return connected,
            }
        }
    }

    fn is_alive(&self) -> bool {
        let mut process = self.place.process();
        process.as_mut().is_some_and(|process| !process.has_ended())
    }

    /// Stops the command and gives all that it has printed to standard output.
    pub fn stop_and_log(&mut self) -> String {
        let Some(mut process) = self.place.process().take() else {
            return String::new();
        };
        self.left_behind.extend(process.stop());
        all(&process.output)
    }

    /// Whether the command has ended, and if so, how, and what it said last. A server
    /// that dies of a request closes the connection first, so this waits for a
    /// moment, and for a longer one where there is reason to suspect it.
    pub fn death(&mut self, is_suspect: bool) -> Option<Death> {
        let patience = if is_suspect {
            DEATH_TIMEOUT
        } else {
            QUICK_DEATH_TIMEOUT
        };
        let deadline = Instant::now() + patience;
        let mut process = self.place.process();
        let process = process.as_mut()?;
        while !process.has_ended() {
            if Instant::now() > deadline {
                return None;
            }
            thread::sleep(TICK);
        }
        // Each system has words of its own for this.
        let code = process.status().map(|status| status.code());
        let words = match code {
            Some(Some(code)) => format!(" (exit code {code})"),
            Some(None) => " (by a signal)".to_owned(),
            None => String::new(),
        };
        Some(Death {
            words: words + &last_lines(&process.errors, 3),
            is_regular: code == Some(Some(0)),
        })
    }
}

impl Host for Target {
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let stream = self.connect_ready()?;
        Ok(self.carried(stream))
    }

    fn connect_plainly(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(self.connect_ready()?))
    }

    fn connect_narrowly(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(self.carried(connect_narrowly(self.address)?))
    }

    fn knock(&mut self) -> io::Result<Box<dyn Connection>> {
        let stream = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        Ok(self.carried(stream))
    }

    fn cost(&self) -> Option<Cost> {
        // A server that is not on this machine may share its port with one that is.
        let listeners = listeners::get_all().into_iter().flatten();
        let its = listeners.filter(|listener| {
            self.address.ip().is_loopback() && listener.socket.port() == self.address.port()
        });
        let processes: BTreeSet<u32> = its.map(|listener| listener.process.pid).collect();
        cost_of(processes)
    }

    fn ended(&mut self) -> Option<Option<i32>> {
        let mut process = self.place.process();
        let process = process.as_mut()?;
        process.ask_to_stop(STOP_TIMEOUT).ok()?;
        Some(process.status().and_then(|status| status.code()))
    }

    fn tell_to_stop(&mut self) -> io::Result<()> {
        let mut process = self.place.process();
        let process = process.as_mut().ok_or(ErrorKind::NotConnected)?;
        process.tell_to_stop()?;
        wait_until_closed(self.address);
        Ok(())
    }

    fn start_again(&mut self, how: Again) -> io::Result<()> {
        if how == Again::Stopped {
            let mut process = self.place.process();
            let process = process.as_mut().ok_or(ErrorKind::NotConnected)?;
            process.ask_to_stop(STOP_TIMEOUT)?;
        }
        self.end();
        let started = self.start();
        started.map_err(|CannotCheck(words)| io::Error::other(words))
    }

    fn all_printed(&self) -> Vec<u8> {
        let process = self.place.process();
        let printed = process.as_ref().map(|process| process.output.so_far());
        printed.unwrap_or_default()
    }

    fn printed_since(&self, length: usize) -> Vec<u8> {
        let process = self.place.process();
        let Some(process) = process.as_ref() else {
            return Vec::new();
        };
        let printed = process.output.after_listening();
        printed.get(length..).unwrap_or_default().to_vec()
    }
}

/// Connects to an address, or, where that is the loopback's of IPv4 and nobody is
/// there, to that of IPv6.
fn connect_to_either(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).or_else(|error| {
        if address.ip() != Ipv4Addr::LOCALHOST {
            return Err(error);
        }
        let other = (Ipv6Addr::LOCALHOST, address.port()).into();
        TcpStream::connect_timeout(&other, CONNECT_TIMEOUT).map_err(|_| error)
    })
}

/// The addresses that anything listens on here.
fn listening() -> BTreeSet<SocketAddr> {
    listeners().map(|listener| listener.socket).collect()
}

/// The sockets that wait for connections here.
fn listeners() -> impl Iterator<Item = Listener> {
    let sockets = listeners::get_all().into_iter().flatten();
    sockets.filter(|socket| socket.protocol == Protocol::TCP && socket.state == SocketState::Listen)
}

/// The port that a command, or what it has started, listens on.
fn port_of(process: &Process) -> Option<u16> {
    let mut all = listeners();
    let own = all.find(|listener| process.owns(listener.process.pid));
    own.map(|listener| listener.socket.port())
}

/// What has begun to listen since, as the end of a sentence.
fn what_began_to_listen(before: Option<&BTreeSet<SocketAddr>>) -> String {
    let Some(before) = before else {
        return String::new();
    };
    let now = listening();
    let new: Vec<String> = now.difference(before).map(SocketAddr::to_string).collect();
    if new.is_empty() {
        return String::new();
    }
    format!(" (since then something listens on {})", new.join(" and "))
}

/// Waits until a port is free again that the system keeps after a server that has
/// ended, from those who do not ask for it with `SO_REUSEADDR`.
fn wait_for_port(address: SocketAddr) -> Result<(), CannotCheck> {
    let reason = format!(
        "The system keeps port {} for up to a minute after the server before \
         (SO_REUSEADDR would spare that): waiting until it is free",
        address.port()
    );
    let progress = progress(&reason);
    if progress.is_hidden() {
        warn!("{reason}");
    }
    let deadline = Instant::now() + PORT_KEPT;
    while Instant::now() < deadline {
        if is_free(address) {
            return Ok(());
        }
        thread::sleep(PORT_TICK);
    }
    Err(CannotCheck(format!(
        "port {} is still not free; use another one, or stop the program that has it",
        address.port()
    )))
}

/// Whether these are the last words of a server that could not have its port, in
/// the notation of some languages.
fn says_in_use(words: &str) -> bool {
    ["in use", "EADDRINUSE", "os error 10048"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// Whether a server could listen there that does not ask with `SO_REUSEADDR`.
fn is_free(address: SocketAddr) -> bool {
    bind(address, false).is_ok()
}

/// Whether somebody listens there. To bind it tells without a word to that server, and
/// without listening it is in nobody's way.
fn is_taken(address: SocketAddr) -> bool {
    // Elsewhere than on Unix it would let two servers have one port.
    bind(address, cfg!(unix)).is_err()
}

/// Binds a socket for a moment, with `SO_REUSEADDR` or without it, and does not listen.
fn bind(address: SocketAddr, reuses: bool) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(reuses)?;
    socket.bind(&address.into())
}

/// Whether a command tells its server to listen on whatever port is free.
fn takes_any_port(words: &[String]) -> bool {
    words.iter().any(|word| word.ends_with(":0"))
}

/// Waits for the same without a word, for as long as that may be of use.
fn wait_for_port_quietly(address: SocketAddr) {
    let deadline = Instant::now() + PORT_KEPT;
    let answers = || connect_to_either(address).is_ok();
    while Instant::now() < deadline && !is_free(address) && !answers() {
        thread::sleep(PORT_TICK);
    }
}

/// A port for a hand-in that nothing has. The system gives clients theirs from
/// further up, so none of these can take it before the hand-in does.
fn free_port() -> Result<SocketAddr, CannotCheck> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    /// How many of them were tried so far: each is tried once before one is tried
    /// again.
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Two courses at the same time begin far from each other, as their numbers are
    // close.
    let start = std::process::id() % u32::from(COUNT) * 7919 % u32::from(COUNT);
    for _ in 0..COUNT {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let offset = (start + u32::from(tried)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        if is_free(address) {
            return Ok(address);
        }
    }
    Err(CannotCheck("there is no free port".to_owned()))
}

impl HandIn {
    /// What starts it.
    fn command(&self, address: SocketAddr, limits: Option<&str>) -> Result<Command, CannotCheck> {
        let (own, port) = (address.to_string(), address.port().to_string());
        let is_place_holder = |word: &String| matches!(&**word, "ADDRESS" | "PORT");
        let mut words: Vec<String> = self.words.clone();
        for word in &mut words {
            match &**word {
                "ADDRESS" => word.clone_from(&own),
                "PORT" => word.clone_from(&port),
                _ => {}
            }
        }
        if self.manner == Manner::Told && !self.words.iter().any(is_place_holder) {
            words.push(own);
        }
        let mut command = command(&words, limits)?;
        command.current_dir(&self.folder).env("PORT", port);
        Ok(command)
    }
}

/// A line on the terminal that says what is waited for, and goes with the wait.
fn progress(what: &str) -> ProgressBar {
    let progress = ProgressBar::new_spinner().with_message(what.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    let progress = match style {
        Ok(style) => progress.with_style(style),
        Err(_) => progress,
    };
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}

fn command(words: &[String], limits: Option<&str>) -> Result<Command, CannotCheck> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| CannotCheck("there is no command after --".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments);
    without_own_package(&mut command);
    match limits {
        Some(limits) => command.env("LIMITS", limits),
        None => command.env_remove("LIMITS"),
    };
    Ok(command)
}

/// The same command, which is told where to keep its guestbook, where it is to keep it.
fn keeping(guestbook: Option<&Path>, mut command: Command) -> Command {
    match guestbook {
        Some(guestbook) => command.env(GUESTBOOK, guestbook),
        None => command.env_remove(GUESTBOOK),
    };
    command
}

/// The file for a server's guestbook, in a folder that is made where there is none.
fn guestbook(kept: &mut Option<TempDir>, keeps: bool) -> Result<Option<PathBuf>, CannotCheck> {
    if !keeps {
        return Ok(None);
    }
    let folder = match kept.take() {
        Some(folder) => folder,
        None => {
            let folder = tempfile::tempdir()
                .map_err(|error| CannotCheck(format!("cannot make a folder: {error}")))?;
            process::remove_at_the_end(folder.path());
            folder
        }
    };
    Ok(Some(kept.insert(folder).path().join("guestbook")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn any_port_may_be_told_in_many_ways() {
        for (command, is_any) in [
            ("server.py 127.0.0.1:0", true),
            ("server.py --listen :0 --quiet", true),
            ("server.py --listen=[::1]:0", true),
            ("server.py 127.0.0.1:8080", false),
            ("server.py", false),
        ] {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(takes_any_port(&words), is_any, "{command}");
        }
    }

    /// Another check would take whoever listens there for the server that it waits for.
    #[test]
    fn to_look_whether_a_port_is_taken_lets_nobody_in() {
        let address = free_port().unwrap_or_else(|error| panic!("{error}"));
        let listener = TcpListener::bind(address).unwrap();
        assert!(is_taken(address));
        drop(listener);
        let has_knocked = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !has_knocked.load(Ordering::SeqCst) {
                    is_taken(address);
                }
            });
            let is_let_in = (0..1000)
                .any(|_| TcpStream::connect_timeout(&address, Duration::from_millis(10)).is_ok());
            has_knocked.store(true, Ordering::SeqCst);
            assert!(!is_let_in);
        });
    }

    /// As `localhost` often is `::1` first, and then `127.0.0.1`.
    #[test]
    fn each_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let nobody = SocketAddr::from((Ipv6Addr::LOCALHOST, there.port()));
        let mut target = Target::new(Kind::Running(vec![nobody, there]), CONNECT_TIMEOUT);
        for _ in 0..2 {
            target.connect_tcp().unwrap();
            assert_eq!(target.address(), there);
        }
        let mut target = Target::new(Kind::Running(vec![nobody]), CONNECT_TIMEOUT);
        let error = target.connect_tcp().unwrap_err();
        assert_ne!(error.kind(), ErrorKind::TimedOut);
    }
}
