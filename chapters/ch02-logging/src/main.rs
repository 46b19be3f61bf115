//! Chapter 2: read the head of a request and log it.
//!
//!     cargo run -p ch02-logging

use std::net::TcpStream;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, address) = common::accept(&listener);
        common::log("Connection from", address.to_string());
        if let Err(error) = handle_request(&stream) {
            common::log_error(&error);
        }
    }
}

fn handle_request(stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);
    Ok(())
}
