//! Chapter 1, exercise: each client is greeted with its own address.
//!
//!     cargo run -p ch01-socket --example ch01-solution

use std::io::Write;
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
            Ok((mut stream, address)) => {
                println!("Connection from {address}");
                let greeting = format!("Hello, {address}!\r\n");
                if let Err(error) = stream.write_all(greeting.as_bytes()) {
                    eprintln!("cannot greet {address}: {error}");
                }
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
