//! How to end a connection so that the answer arrives (RFC 9112 §9.6).

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::ch02::stream::TimedStream;

/// How long a client that has its answer may go on sending.
pub const LINGER_TIME: Duration = Duration::from_secs(1);

/// Ends the connection of an answered request once the client can have read
/// the answer; dropping the stream closes it.
///
/// A socket that is closed with unread bytes, or gets more of them later, sends
/// a reset, and a reset makes the client's side throw away what it has not read
/// yet: the answer. So where something unread is left, or `head` announces a
/// body, the server half-closes and reads off what still comes, for a second at
/// the most. Else there is nothing to wait for.
///
/// Whatever fails here no longer matters to the answer, so nothing is reported.
pub fn close(stream: &TcpStream, head: &[u8]) {
    if announces_body(head) || something_is_unread(stream) {
        linger(stream);
    }
}

/// Half-closes the connection (the client sees the end of the answer) and reads
/// off what still comes until the client closes too, for a second at the most.
///
/// That is the careful way to close, and [`close`] takes it where it has to. It
/// has to be taken too where the answer is long: what was written may then still
/// be on its way, and a single byte that comes later would destroy it.
pub fn linger(stream: &TcpStream) {
    let mut rest = TimedStream::new(stream, LINGER_TIME);
    if stream.shutdown(Shutdown::Write).is_ok() {
        let _ = io::copy(&mut rest, &mut io::sink());
    }
}

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

/// Whether a body is to follow this head (RFC 9112 §6): one of these two field
/// names stands at the start of a line.
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

    /// What a client receives that sends `head`, and more once it was answered.
    fn answer_to(head: &'static [u8], more: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(head).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        server.write_all(b"the answer").unwrap();
        let closing = thread::spawn(move || close(&server, head));
        client.write_all(more).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        closing.join().unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    }

    /// A client that is neither done nor sending: who lingered would wait for it.
    #[test]
    fn there_is_no_wait_where_nothing_is_left_unread() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        close(&server, b"GET / HTTP/1.1\r\n\r\n");
        // Lingering half-closes, and then nothing more could be written.
        (&server).write_all(b"not half-closed").unwrap();
        client.read_exact(&mut [0; 15]).unwrap();
    }

    #[test]
    fn the_answer_survives_what_was_left_unread() {
        for (head, more) in [
            (&b"GET "[..], &b""[..]),
            (b"GET and what nobody reads", b""),
            (b"GET \nContent-Length: 5\n", b"12345"),
        ] {
            assert_eq!(answer_to(head, more), b"the answer");
        }
    }
}
