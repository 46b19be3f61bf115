//! Chapter 16, for the audit: a server that is ahead in a benchmark, and what it leaves out
//! for that. Do not use it.
//!
//!     cargo run --release -p ch16-events --example ch16-winner -- 127.0.0.1:8081

use std::collections::HashMap;
use std::env;
use std::io::{Read, Write};
use std::time::Instant;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);

/// How many answers lie ready, one behind the other.
const MOST: usize = 1024;

fn main() -> anyhow::Result<()> {
    let address = env::args().nth(1).context("name an address")?;
    let mut listener = TcpListener::bind(address.parse()?)?;
    println!("Listening on port {}...", listener.local_addr()?.port());
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;

    // The answer is made once, with the time of the start, and copied as often as a client
    // may ask at a time.
    let mut date = String::new();
    common::date::add_now(&mut date, Instant::now());
    let answer = format!(
        "HTTP/1.1 200 OK\r\n\
         Date: {date}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: 21\r\n\
         \r\n\
         <h1>Hello, User!</h1>"
    );
    let (length, answers) = (answer.len(), answer.repeat(MOST));

    let mut clients = HashMap::new();
    let mut next = LISTENER.0;
    let mut events = Events::with_capacity(1024);
    let mut piece = [0; 16 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut client, _)) = listener.accept() {
                    client.set_nodelay(true)?;
                    next += 1;
                    let registry = poll.registry();
                    registry.register(&mut client, Token(next), Interest::READABLE)?;
                    clients.insert(Token(next), client);
                }
            } else if let Some(client) = clients.get_mut(&event.token())
                && (!serve(client, &mut piece, &answers, length) || event.is_read_closed())
            {
                clients.remove(&event.token());
            }
        }
    }
}

/// Answers what a client has sent, and gives whether it is still there.
fn serve(client: &mut TcpStream, piece: &mut [u8], answers: &str, length: usize) -> bool {
    while let Ok(read) = client.read(piece) {
        // A blank line ends a request. What the request was is not looked at.
        let ends = piece[..read].windows(4).filter(|end| end == b"\r\n\r\n");
        let answers = &answers[..ends.count().min(MOST) * length];
        // It will all go out at once: it always has.
        let _ = client.write(answers.as_bytes());
        if read < piece.len() {
            return read > 0;
        }
    }
    true
}
