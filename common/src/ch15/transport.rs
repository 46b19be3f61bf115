//! What carries the bytes of a connection: plain TCP, or something around it. It never waits.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::ch02::error::RequestError;
use crate::ch09::request::Scheme;

/// The server's end of a connection. Where reading or writing would have to wait, it fails
/// with [`WouldBlock`]; `flush` does where something that was written is not on its way yet.
/// [`Interrupted`] says that something came of which nothing is for the caller.
///
/// [`WouldBlock`]: std::io::ErrorKind::WouldBlock
/// [`Interrupted`]: std::io::ErrorKind::Interrupted
pub trait Transport: Read + Write + Send {
    /// The socket below it, to be watched.
    fn socket(&mut self) -> &mut TcpStream;

    /// What an absolute target in a request over it begins with.
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    /// Tells the client that nothing more comes.
    ///
    /// # Errors
    /// What the connection reports. Where it would have to wait, it is to be tried again.
    fn half_close(&mut self) -> io::Result<()>;

    /// Whether a read that brings less than there was room for has brought all that the
    /// socket had, where nothing urgent lies there.
    fn short_read_is_all(&self) -> bool {
        false
    }

    /// Whether something that was written has not been sent yet, so that the session needs
    /// to know when it can be, also where it has nothing else to send.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Whether a handshake is under way, before which the client can ask for nothing.
    fn is_handshaking(&self) -> bool {
        false
    }

    /// Why the client is told to come back later, where the transport has no room for it.
    /// What it sends is not looked at then.
    fn refusal(&self) -> Option<RequestError> {
        None
    }

    /// Whether the client has shown that it speaks another protocol than this transport.
    fn speaks_other_protocol(&self) -> bool {
        false
    }
}

impl Transport for TcpStream {
    fn socket(&mut self) -> &mut TcpStream {
        self
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn short_read_is_all(&self) -> bool {
        true
    }
}
