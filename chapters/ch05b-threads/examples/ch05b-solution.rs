//! Chapter 5b, exercise: eight connections at once, and no more.
//!
//!     cargo run -p ch05b-threads --example ch05b-solution

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// How many connections are served at once.
const MAX_CONNECTIONS: usize = 8;

/// How many refused connections may wait to be read and closed.
const REFUSED: usize = 64;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let refused = start_lingering_thread()?;
    // The thread of each connection holds a clone. However the thread ends, the clone is
    // dropped.
    let permit = Arc::new(());

    loop {
        let (stream, _) = common::accept(&listener);
        // One of those counted is the original, which this thread holds.
        if Arc::strong_count(&permit) > MAX_CONNECTIONS {
            refuse(stream, &refused);
            continue;
        }
        let permit = Arc::clone(&permit);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::log_error(&error);
            }
            // Before the stream is dropped: once a client sees its connection closed, another
            // one can be served.
            drop(permit);
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_request(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);

    let response = "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         <html><body><h1>Hello, World!</h1></body></html>";
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}

/// Answers one connection too many. This runs in the thread that accepts, so it must not
/// wait: neither for the request, nor to send the response, which fits into the send buffer
/// of a new connection.
fn refuse(mut stream: TcpStream, refused: &SyncSender<TcpStream>) {
    let response = "HTTP/1.1 503 Service Unavailable\r\n\
         Content-Type: text/html\r\n\
         Retry-After: 1\r\n\
         \r\n\
         <h1>503 Service Unavailable</h1>";
    let answered = stream
        .write_all(response.as_bytes())
        .and_then(|()| stream.shutdown(Shutdown::Write));
    if answered.is_ok() {
        // If the channel is full, the stream comes back in the error, and is dropped with it.
        let _ = refused.try_send(stream);
    }
}

/// Reads and discards what refused clients still send, so that no reset destroys their
/// response. A silent client delays the next ones in the channel, but these have their
/// response already.
fn start_lingering_thread() -> io::Result<SyncSender<TcpStream>> {
    let (refused, to_linger) = mpsc::sync_channel::<TcpStream>(REFUSED);
    thread::Builder::new().spawn(move || {
        for stream in to_linger {
            let _ = io::copy(&mut common::reader(&stream), &mut io::sink());
        }
    })?;
    Ok(refused)
}
