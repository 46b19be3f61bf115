//! The response to a request that is refused (RFC 9110 §15.5, §15.6; RFC 6585 §5).

use std::io::Write;
use std::net::TcpStream;

use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch03::close::linger;

/// Logs the error, and if it is a [`RequestError`], sends a response with its status and
/// prepares the connection to be closed, as [`linger`] does. Any other error is one of the
/// connection, on which no response would arrive.
pub fn refuse(mut stream: &TcpStream, error: &anyhow::Error) {
    log_error(error);
    let Some(RequestError { status, .. }) = error.downcast_ref() else {
        return;
    };
    let response = format!(
        "HTTP/1.1 {status}\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         <h1>{status}</h1>"
    );
    if stream.write_all(response.as_bytes()).is_ok() {
        linger(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    fn response_to(error: anyhow::Error) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = thread::spawn({
            let address = listener.local_addr().unwrap();
            move || {
                let mut received = String::new();
                let mut stream = TcpStream::connect(address).unwrap();
                stream.read_to_string(&mut received).unwrap();
                received
            }
        });
        let (server, _) = listener.accept().unwrap();
        refuse(&server, &error);
        drop(server);
        client.join().unwrap()
    }

    #[test]
    fn a_bad_request_gets_a_response_and_a_broken_connection_none() {
        let bad_request = RequestError::new("400 Bad Request", "no reason");
        assert_eq!(
            response_to(bad_request.into()),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<h1>400 Bad Request</h1>"
        );
        assert_eq!(
            RequestError::new("400 Bad Request", "no reason").to_string(),
            "400 Bad Request: no reason"
        );
        assert_eq!(response_to(std::io::Error::other("cable cut").into()), "");
    }
}
