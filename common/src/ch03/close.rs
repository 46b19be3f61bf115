//! Closes a connection so that the response arrives (RFC 9112 §9.6).

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::ch02::stream::TimedStream;

/// How long the server reads what a client still sends after its response.
pub const LINGER_TIME: Duration = Duration::from_secs(1);

/// Prepares the connection of an answered request to be closed. The caller then drops the
/// stream, which closes it.
///
/// If a socket is closed with unread bytes, or receives more bytes later, the system sends
/// a reset, and on a reset the client's system discards what the client has not read yet:
/// the response. So if bytes are unread, or `head` announces a body, this function calls
/// [`linger`]. Otherwise it does not wait.
///
/// The response is already sent, so an error here is not reported.
pub fn close(stream: &TcpStream, head: &[u8]) {
    if announces_body(head) || something_is_unread(stream) {
        linger(stream);
    }
}

/// Half-closes the connection, so that the client sees the end of the response, and then
/// reads and discards what the client still sends, until the client closes too, for
/// [`LINGER_TIME`] at most.
///
/// After a long response this is always necessary: the response may still be in transit,
/// and one further byte from the client would cause the reset.
pub fn linger(stream: &TcpStream) {
    let mut rest = TimedStream::new(stream, LINGER_TIME);
    if stream.shutdown(Shutdown::Write).is_ok() {
        let _ = io::copy(&mut rest, &mut io::sink());
    }
}

/// Whether a read would not have to wait: bytes are there, or the connection has failed.
/// The end of the client's side is neither.
fn something_is_unread(mut stream: &TcpStream) -> bool {
    let unread = stream
        .set_nonblocking(true)
        .and_then(|()| stream.read(&mut [0]));
    let _ = stream.set_nonblocking(false);
    match unread {
        Ok(length) => length > 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Whether a body follows this head (RFC 9112 §6): a line begins with one of two field
/// names.
fn announces_body(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| {
        ["content-length", "transfer-encoding"].iter().any(|name| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn announced_bodies() {
        for (head, announced) in [
            ("GET / HTTP/1.1\r\n\r\n", false),
            (
                "GET /content-length HTTP/1.1\r\nX: content-length: 5\r\n\r\n",
                false,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", true),
            (
                "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:5\r\n\r\n",
                true,
            ),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n", true),
        ] {
            assert_eq!(announces_body(head.as_bytes()), announced, "{head:?}");
        }
    }

    /// What a client receives that sends `head`, and more bytes after the response.
    fn response_to(head: &'static [u8], more: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(head).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        server.write_all(b"the response").unwrap();
        let closing = thread::spawn(move || close(&server, head));
        client.write_all(more).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        closing.join().unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    }

    /// The client neither sends nor closes, so `linger` would wait for it.
    #[test]
    fn without_unread_bytes_there_is_no_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        close(&server, b"GET / HTTP/1.1\r\n\r\n");
        // After `linger`, which half-closes, this write would fail.
        (&server).write_all(b"not half-closed").unwrap();
        client.read_exact(&mut [0; 15]).unwrap();
    }

    #[test]
    fn the_response_arrives_although_bytes_were_unread() {
        for (head, more) in [
            (&b"GET "[..], &b""[..]),
            (b"GET and unread bytes", b""),
            (b"GET \nContent-Length: 5\n", b"12345"),
        ] {
            assert_eq!(response_to(head, more), b"the response");
        }
    }
}
