//! A client's end of the line, which never waits. What carries the bytes, plain TCP or
//! something around it, is its own affair.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::ch02::error::RequestError;
use crate::ch09::request::Scheme;

/// A client's end of the line. Where reading or writing would have to wait, it fails with
/// [`WouldBlock`]; `flush` does where something that was written is not on its way yet.
///
/// [`WouldBlock`]: std::io::ErrorKind::WouldBlock
pub trait Transport: Read + Write + Send {
    /// The socket below it, of whose signs somebody wants to hear.
    fn socket(&mut self) -> &mut TcpStream;

    /// What a whole address in a request over it begins with.
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    /// Tells the client that nothing more comes.
    ///
    /// # Errors
    /// What the connection reports. It is to be tried again where it would have to wait.
    fn half_close(&mut self) -> io::Result<()>;

    /// Whether something that was written has not been sent yet, so that it matters when
    /// it can be, also to a client that sends nothing else.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Whether the two still agree on keys, before which the client can ask for nothing.
    fn is_handshaking(&self) -> bool {
        false
    }

    /// Why this client is told to come back later, where there is no place for it on the
    /// line; nothing that it sends is heard then.
    fn refusal(&self) -> Option<RequestError> {
        None
    }

    /// Whether it is plain that the client speaks another language than this line does.
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
}
