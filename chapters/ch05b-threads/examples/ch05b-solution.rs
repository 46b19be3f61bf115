//! Chapter 5b, exercise: eight connections at once, and no more.
//!
//!     cargo run -p ch05b-threads --example ch05b-solution

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// How many connections are served at once.
const PLACES: usize = 8;

/// How many refused connections are kept open until they have been read off.
const REFUSED: usize = 64;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let refused = read_off_in_a_thread()?;
    // Each connection that is served holds a clone. However its thread ends, the
    // clone goes with it.
    let place = Arc::new(());

    loop {
        let (stream, _) = common::accept(&listener);
        // The first of the clones is that of this thread.
        if Arc::strong_count(&place) > PLACES {
            refuse(stream, &refused);
            continue;
        }
        let place = Arc::clone(&place);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::log_error(&error);
            }
            // Before the stream: who sees it closed finds the place free.
            drop(place);
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

/// Answers a client that finds no place. The thread that accepts does it, so it
/// must not wait: neither for the request nor for room to send the answer, which
/// fits into the send buffer of a new connection.
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
        // Where too many are kept already, this one is closed at once.
        let _ = refused.try_send(stream);
    }
}

/// Reads off what refused clients still send, so that no reset destroys their
/// answer. A silent one holds up those behind it, which have had their answer.
fn read_off_in_a_thread() -> io::Result<SyncSender<TcpStream>> {
    let (refused, to_read_off) = mpsc::sync_channel::<TcpStream>(REFUSED);
    thread::Builder::new().spawn(move || {
        for stream in to_read_off {
            let _ = io::copy(&mut common::reader(&stream), &mut io::sink());
        }
    })?;
    Ok(refused)
}
