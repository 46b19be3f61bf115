//! Chapter 1: a TCP socket that accepts every connection and closes it.
//!
//!     cargo run -p ch01-socket

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;

fn main() -> anyhow::Result<()> {
    let address = common::address();
    let listener = TcpListener::bind(&address).map_err(|error| {
        anyhow!(
            "cannot listen on {address} ({error}); stop the program that uses it, \
             or give another address, such as 127.0.0.1:8081"
        )
    })?;
    println!("Listening on port {}...", listener.local_addr()?.port());

    loop {
        match listener.accept() {
            Ok((stream, address)) => {
                println!("Connection from {address}");
                drop(stream);
            }
            // The client hung up while it waited, or the system is short of
            // something: no reason to stop, nor to try again without a rest.
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
