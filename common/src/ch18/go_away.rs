//! The end of a connection whose client has made a mistake, or speaks another protocol.

use std::io::Write;
use std::net::TcpStream;

use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch03::close::linger;
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::Http2Error;

/// What a client of HTTP/1.1 reads (RFC 9110 §15.6.6 asks for the version that is
/// supported).
const ADVICE: &str = "This server speaks HTTP/2 only: curl --http2-prior-knowledge\n";

/// Logs the error, tells the client of it in the version that it speaks, and prepares the
/// connection to be closed, as [`linger`] does. An [`Http2Error`] becomes GOAWAY, even if
/// only one stream is at fault, which RFC 9113 §5.4.1 allows. A [`RequestError`] becomes a
/// response of HTTP/1.1 with its status. Any other error is one of the connection, on which
/// nothing would arrive.
pub fn go_away(mut stream: &TcpStream, error: &anyhow::Error) {
    log_error(error);
    let answer = if let Some(&error) = error.downcast_ref::<Http2Error>() {
        Frame::from(error).to_bytes()
    } else if let Some(RequestError { status, .. }) = error.downcast_ref() {
        let length = ADVICE.len();
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: text/plain\r\n\
             Content-Length: {length}\r\n\
             Connection: close\r\n\
             \r\n\
             {ADVICE}"
        )
        .into_bytes()
    } else {
        return;
    };
    if stream.write_all(&answer).is_ok() {
        linger(stream);
    }
}
