//! Chapter 1: a TCP socket that accepts every connection and closes it.
//!
//!     cargo run -p ch01-socket

use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

fn main() -> anyhow::Result<()> {
    let address = common::address();
    let listener = TcpListener::bind(&address).map_err(|error| {
        let advice = common::advice(&error);
        anyhow::anyhow!("cannot listen on {address} ({error}); {advice}")
    })?;
    let port = listener.local_addr()?.port();
    // println! would panic, and so end the server, once its output is closed.
    let _ = writeln!(io::stdout(), "Listening on port {port}...");

    loop {
        match listener.accept() {
            Ok((stream, address)) => {
                let _ = writeln!(io::stdout(), "Connection from {address}");
                drop(stream);
            }
            // The client gave up while it waited in the queue. The next one may be there.
            Err(error) if common::concerns_one_client(error.kind()) => {}
            // The system lacks something, such as a file descriptor. The server goes on,
            // but not before a pause.
            Err(error) => {
                let _ = writeln!(io::stderr(), "cannot accept a connection: {error}");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
