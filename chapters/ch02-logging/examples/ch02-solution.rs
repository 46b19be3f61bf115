//! Chapter 2, exercise: each request is one line of the log.
//!
//!     cargo run -p ch02-logging --example ch02-solution

use std::net::TcpStream;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let mut requests = 0;

    loop {
        let (stream, _) = common::accept(&listener);
        if let Err(error) = handle_request(&stream, &mut requests) {
            common::log_error(&error);
        }
    }
}

fn handle_request(stream: &TcpStream, requests: &mut u64) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    *requests += 1;
    let head = common::printable(&head);
    let mut words = head
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(method), Some(target)) => {
            common::log(&format!("{requests}:"), format!("{method} {target}"))
        }
        _ => common::log(&format!("{requests}:"), "?"),
    }
    Ok(())
}
