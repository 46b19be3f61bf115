//! What carries the bytes of a connection: plain TCP, or something around it. It never waits.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::ch02::error::RequestError;
use crate::ch09::request::Scheme;

/// The server's end of a connection. A read or a write that would have to wait fails with
/// [`WouldBlock`], and so does `flush` while bytes that were written are still held back. A
/// read that fails with [`Interrupted`] has received bytes, but none of them for the caller.
///
/// [`WouldBlock`]: std::io::ErrorKind::WouldBlock
/// [`Interrupted`]: std::io::ErrorKind::Interrupted
pub trait Transport: Read + Write + Send {
    /// The socket below, for a poller to watch.
    fn socket(&mut self) -> &mut TcpStream;

    /// What an absolute target begins with in a request over this transport.
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    /// What a handshake has agreed on to be spoken, by its ALPN name (RFC 7301); `None` where
    /// there is no such agreement.
    fn alpn_protocol(&self) -> Option<&[u8]> {
        None
    }

    /// Tells the client that nothing more comes.
    ///
    /// # Errors
    /// What the connection reports. After `WouldBlock`, the caller tries again.
    fn half_close(&mut self) -> io::Result<()>;

    /// Whether a read that brings less than there was room for has brought all that the
    /// socket had, where nothing urgent lies there.
    fn short_read_is_all(&self) -> bool {
        false
    }

    /// Whether the transport holds bytes that it could not send yet. Then the session has to
    /// go on when a write may succeed, even if it has nothing to write itself.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Whether a handshake is under way, before which the client can ask for nothing.
    fn is_handshaking(&self) -> bool {
        false
    }

    /// Why the client is refused, where the transport has no capacity for it. What the client
    /// sends is not looked at then.
    fn refusal(&self) -> Option<RequestError> {
        None
    }

    /// The status that every request gets, where the client has shown that it speaks another
    /// protocol than this transport.
    fn other_protocol(&self) -> Option<&'static str> {
        None
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
