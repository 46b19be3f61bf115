//! TLS on a line that never waits: what a client sends is opened, what it is sent is
//! sealed, and HTTP knows nothing of it (RFC 8446).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mio::net::TcpStream;
use rustls::ServerConnection;

use crate::line::Line;
use crate::request::Scheme;

/// How many handshakes may be under way at once. Each of them costs what dozens of
/// requests cost. One client may not have so many connections that it takes all of them
/// ([`Limits`](crate::limits::Limits)).
pub const HANDSHAKES: usize = 384;

/// The first byte of what a client of TLS sends: a record of a handshake.
const HANDSHAKE: u8 = 0x16;

/// A handshake under way, counted until this is dropped.
pub struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    /// Begins with one; `None` where too many are under way.
    pub fn begin(under_way: &Arc<AtomicUsize>) -> Option<Self> {
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
pub struct TlsLine {
    tcp: TcpStream,
    tls: ServerConnection,
    language: Language,
    /// How many bytes were sealed of which the caller has not heard yet. It hears of
    /// them when they have been sent, or else the end of the connection might come
    /// before the end of an answer.
    written: usize,
    /// Whether the client has said something since it was told something.
    owes_answer: bool,
    handshake: Option<Handshake>,
}

impl TlsLine {
    /// A line over this connection, on which nothing was said yet.
    pub fn new(tcp: TcpStream, tls: ServerConnection, handshake: Handshake) -> Self {
        Self {
            tcp,
            tls,
            language: Language::Unknown,
            written: 0,
            owes_answer: false,
            handshake: Some(handshake),
        }
    }

    /// Sends what is sealed.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Receives some of what is to be opened.
    fn receive(&mut self) -> io::Result<()> {
        self.tls.read_tls(&mut self.tcp)?;
        let opened = self.tls.process_new_packets();
        if !self.tls.is_handshaking() {
            self.handshake = None;
        }
        // What TLS itself has to say goes out, and why it ends most of all; that it cannot
        // just now is told by the next call.
        match self.send() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let opened = opened.map(drop);
        opened.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    /// Finds out what the client speaks, by its first byte. `false` where it has ended
    /// before that.
    fn find_language(&mut self) -> io::Result<bool> {
        let mut first = [0];
        if self.tcp.peek(&mut first)? == 0 {
            return Ok(false);
        }
        if first == [HANDSHAKE] {
            self.language = Language::Tls;
        } else {
            self.language = Language::Plain;
            self.handshake = None;
        }
        Ok(true)
    }
}

impl Read for TlsLine {
    /// # Errors
    /// [`ErrorKind::Interrupted`] where something came, and nothing of it was for the
    /// caller. It has the clock, so it decides for how long that may go on.
    ///
    /// [`ErrorKind::UnexpectedEof`] where the connection ends and the client has not said
    /// that it does, in the middle of something: somebody else may have cut it
    /// (RFC 8446 §6.1).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.language == Language::Unknown && !self.find_language()? {
            return Ok(0);
        }
        if self.language == Language::Plain {
            return self.tcp.read(buffer);
        }
        // A client that does not take what TLS has to say is not heard any further.
        self.send()?;
        let mut opened = self.tls.reader().read(buffer);
        if matches!(&opened, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            self.receive()?;
            opened = self.tls.reader().read(buffer);
        }
        match opened {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(ErrorKind::Interrupted.into())
            }
            // Many go like that when they have what they wanted; nothing is lost then.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !self.owes_answer => Ok(0),
            opened => {
                self.owes_answer = true;
                opened
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
        self.owes_answer = false;
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

    fn scheme(&self) -> Scheme {
        Scheme::Https
    }

    fn half_close(&mut self) -> io::Result<()> {
        if self.language == Language::Tls {
            // Called again, it says it once.
            self.tls.send_close_notify();
            self.send()?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    fn is_shaking_hands(&self) -> bool {
        self.language == Language::Tls && self.handshake.is_some()
    }

    fn is_misunderstood(&self) -> bool {
        self.language == Language::Plain
    }
}
