//! One client of a crowd.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use harness::tls::rustls::pki_types::ServerName;
use harness::tls::rustls::{ClientConfig, ClientConnection, Stream};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::answer::{self, Answer};
use super::http2::{self, Http2};
use super::{Crowd, Version};

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Where all clients of a crowd connect to, how, and what they say.
pub struct Way {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    version: Version,
    /// What each connection begins with.
    opening: Vec<u8>,
    request: Vec<u8>,
    together: usize,
}

impl Way {
    pub fn new(address: SocketAddr, tls: Option<Arc<ClientConfig>>, crowd: Crowd) -> Self {
        let (opening, request) = match crowd.version {
            Version::Http1 => (Vec::new(), REQUEST.to_vec()),
            Version::Http2 => (http2::opening(), http2::request(tls.is_some())),
        };
        Self {
            address,
            tls,
            version: crowd.version,
            opening,
            request,
            together: crowd.together,
        }
    }
}

/// What carries a client's bytes.
struct Line {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Line {
    fn open(way: &Way, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut socket = TcpStream::connect(way.address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let tls = match &way.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let tls = ClientConnection::new(Arc::clone(config), name);
                Some(Box::new(tls.map_err(io::Error::other)?))
            }
        };
        Ok(Self { socket, tls })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => Stream::new(&mut **tls, &mut self.socket).write(bytes),
        }
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(piece),
            Some(tls) => Stream::new(&mut **tls, &mut self.socket).read(piece),
        }
    }

    /// Whether a read that brings less than there was room for has brought all that
    /// there was, until the system says that there is more.
    fn short_is_all(&self) -> bool {
        cfg!(unix) && self.tls.is_none()
    }
}

/// A client, and what it waits for.
pub struct Client {
    line: Option<Line>,
    /// What it knows of its connection where that speaks HTTP/2.
    http2: Option<Http2>,
    /// Whether it asks again and again.
    is_busy: bool,
    to_send: Vec<u8>,
    /// How much of that has been sent.
    sent: usize,
    /// How many answers have come to them.
    answered: usize,
    /// What has come of an answer that is not whole yet.
    received: Vec<u8>,
    /// Whether it has had what it came for: an answer, or, where the server closes after
    /// each, a connection over which nothing is asked.
    pub is_settled: bool,
    /// Whether its server closes after each answer, so that it can only stay if it says
    /// nothing.
    is_silent: bool,
}

impl Client {
    pub fn new(is_busy: bool) -> Self {
        Self {
            line: None,
            http2: None,
            is_busy,
            to_send: Vec::new(),
            sent: 0,
            answered: 0,
            received: Vec::new(),
            is_settled: false,
            is_silent: false,
        }
    }

    /// Connects, for the first time or anew.
    pub fn connect(&mut self, way: &Way, registry: &Registry, token: Token) -> io::Result<()> {
        self.line = Some(Line::open(way, registry, token)?);
        self.http2 = (way.version == Version::Http2).then(Http2::new);
        self.received.clear();
        self.to_send.clear();
        self.sent = 0;
        if !self.is_silent {
            self.to_send.extend(&way.opening);
            self.ask(way);
        }
        Ok(())
    }

    /// Has the next requests sent.
    fn ask(&mut self, way: &Way) {
        self.answered = 0;
        for _ in 0..way.together {
            let begin = self.to_send.len();
            self.to_send.extend(&way.request);
            if let Some(http2) = &mut self.http2 {
                http2.number(&mut self.to_send[begin..]);
            }
        }
    }

    /// Sends what can be sent now.
    fn send(&mut self) -> io::Result<()> {
        let rest = &self.to_send[self.sent..];
        if rest.is_empty() {
            return Ok(());
        }
        let line = self.line.as_mut().ok_or(ErrorKind::NotConnected)?;
        match line.write(rest) {
            Ok(length) => self.sent += length,
            Err(error) if has_to_wait(&error) => {}
            Err(error) => return Err(error),
        }
        if self.sent == self.to_send.len() {
            self.to_send.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Sends and reads what can be, and gives how many answers have come whole; and
    /// whether the connection has ended. Where its end has come together with what it
    /// brought, `to_the_end` says so.
    pub fn take_turn(
        &mut self,
        way: &Way,
        piece: &mut [u8],
        to_the_end: bool,
    ) -> io::Result<(usize, bool)> {
        let mut count = 0;
        loop {
            self.is_settled |= self.is_silent;
            self.send()?;
            let line = self.line()?;
            let length = match line.read(piece) {
                Ok(0) => {
                    // An answer without a length ends here.
                    let is_answered = self.http2.is_none()
                        && answer::first(&self.received)? == Answer::UntilTheEnd;
                    self.note(usize::from(is_answered));
                    return Ok((count + usize::from(is_answered), true));
                }
                Ok(length) => length,
                Err(error) if has_to_wait(&error) => return Ok((count, false)),
                Err(error) => return Err(error),
            };
            let is_all = length < piece.len() && line.short_is_all() && !to_the_end;
            let (answers, closes) = self.hear(&piece[..length])?;
            count += answers;
            self.note(answers);
            if closes {
                return Ok((count, true));
            }
            if self.answered == way.together && self.is_busy {
                self.ask(way);
            } else if is_all && self.to_send.is_empty() {
                return Ok((count, false));
            }
        }
    }

    fn note(&mut self, answers: usize) {
        self.answered += answers;
        self.is_settled |= answers > 0;
    }

    /// Called where its connection has ended.
    pub fn has_lost_connection(&mut self) {
        if !self.is_busy {
            self.is_silent = true;
            self.is_settled = false;
        }
    }

    fn line(&mut self) -> io::Result<&mut Line> {
        self.line.as_mut().ok_or(ErrorKind::NotConnected.into())
    }

    /// Takes what has come, and gives how many answers are whole with it, and whether the
    /// last of them ends the connection.
    fn hear(&mut self, piece: &[u8]) -> io::Result<(usize, bool)> {
        if !self.received.is_empty() {
            self.received.extend(piece);
        }
        let is_kept = !self.received.is_empty();
        let all = if is_kept { &self.received } else { piece };
        let heard = match &mut self.http2 {
            None => answer::all(all)?,
            Some(http2) => http2.hear(all, &mut self.to_send)?,
        };
        if is_kept {
            self.received.drain(..heard.length);
        } else {
            self.received.extend(&piece[heard.length..]);
        }
        Ok((heard.answers, heard.closes))
    }
}

/// Whether there is nothing to do until the system says so.
fn has_to_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}
