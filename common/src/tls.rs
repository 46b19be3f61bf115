//! TLS on a line that never waits: what a client sends is opened, what it is sent is
//! sealed, and HTTP knows nothing of it (RFC 8446).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use crate::line::Line;

/// How many handshakes may be under way at once. Each of them costs what hundreds of
/// requests cost.
pub const HANDSHAKES: usize = 256;

/// The first byte of what a client of TLS sends: a record of a handshake.
const HANDSHAKE: u8 = 0x16;

/// What new lines are made with. It may be replaced at any time; lines that are there keep
/// what they began with.
#[derive(Clone)]
pub struct Tls {
    config: Arc<RwLock<Arc<ServerConfig>>>,
    handshakes: Arc<AtomicUsize>,
}

impl Tls {
    /// Lines with this certificate and key.
    pub fn new(config: ServerConfig) -> Self {
        Self {
            config: Arc::new(RwLock::new(Arc::new(config))),
            handshakes: Arc::default(),
        }
    }

    /// Takes another certificate and key for all lines from now on.
    pub fn replace(&self, config: ServerConfig) {
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(config);
    }

    /// A line over this connection; `None` where too many handshakes are under way.
    pub fn line(&self, tcp: TcpStream) -> Option<Box<dyn Line>> {
        let handshake = Handshake::begin(&self.handshakes)?;
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        let tls = ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(Box::new(TlsLine {
            tcp,
            tls,
            language: Language::Unknown,
            written: 0,
            is_last_told: false,
            handshake: Some(handshake),
        }))
    }
}

/// A handshake under way, counted until this is dropped.
struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    fn begin(under_way: &Arc<AtomicUsize>) -> Option<Self> {
        // Counted first and looked at then, so that two at once do not both get in.
        let handshake = Self(Arc::clone(under_way));
        let before = under_way.fetch_add(1, Ordering::Relaxed);
        (before < HANDSHAKES).then_some(handshake)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Unknown,
    Tls,
    Plain,
}

/// A client's line with TLS between.
struct TlsLine {
    tcp: TcpStream,
    tls: ServerConnection,
    language: Language,
    /// How many bytes were sealed of which the caller has not heard yet. It hears of
    /// them when they have been sent, or else the end of the connection might come
    /// before the end of an answer.
    written: usize,
    is_last_told: bool,
    handshake: Option<Handshake>,
}

impl TlsLine {
    /// Sends what is sealed.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Receives what is to be opened. Gives whether there was anything.
    fn receive(&mut self) -> io::Result<()> {
        // What of this could not be sent before may be what the client waits for.
        self.send_what_can_be()?;
        self.tls.read_tls(&mut self.tcp)?;
        let opened = self.tls.process_new_packets();
        if !self.tls.is_handshaking() {
            self.handshake = None;
        }
        self.send_what_can_be()?;
        opened.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(())
    }

    /// Sends what TLS itself has to say, an alert too. Whether it can just now is no affair
    /// of who reads.
    fn send_what_can_be(&mut self) -> io::Result<()> {
        match self.send() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl Read for TlsLine {
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] where the connection ends and the client has not said
    /// that it does: somebody else may have cut it (RFC 8446 §6.1).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.language == Language::Unknown {
            let mut first = [0];
            if self.tcp.peek(&mut first)? == 0 {
                return Ok(0);
            }
            self.language = match first {
                [HANDSHAKE] => Language::Tls,
                _ => Language::Plain,
            };
        }
        if self.language == Language::Plain {
            return self.tcp.read(buffer);
        }
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.receive()?,
                read => return read,
            }
        }
    }
}

impl Write for TlsLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.language == Language::Plain {
            return self.tcp.write(bytes);
        }
        if self.written == 0 {
            self.written = self.tls.writer().write(bytes)?;
        }
        self.send()?;
        Ok(std::mem::take(&mut self.written))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Line for TlsLine {
    fn socket(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    fn half_close(&mut self) -> io::Result<()> {
        if self.language == Language::Tls {
            if !self.is_last_told {
                self.is_last_told = true;
                self.tls.send_close_notify();
            }
            self.send()?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    fn short_is_all(&self) -> bool {
        // More may have been opened than there was room for.
        self.language == Language::Plain && cfg!(unix)
    }

    fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    fn is_misunderstood(&self) -> bool {
        self.language == Language::Plain
    }
}
