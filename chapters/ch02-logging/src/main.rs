//! Chapter 2: read the head of a request and log it.
//!
//!     cargo run -p ch02-logging

use std::net::TcpStream;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, address) = common::accept(&listener);
        println!("Connection from {address}");
        if let Err(error) = handle_request(&stream) {
            eprintln!("{error:#}");
        }
    }
}

fn handle_request(stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    println!("Request received:\n {}", common::printable(&head));
    Ok(())
}
