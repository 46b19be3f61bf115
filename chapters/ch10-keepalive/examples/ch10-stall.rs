//! Chapter 10: how long an answer takes whose head and page are written one after the
//! other, with the system's habit of collecting small writes and without it.
//!
//!     cargo run --release -p ch10-keepalive --example ch10-stall

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How many requests are asked over each connection.
const REQUESTS: usize = 50;

const REQUEST: [&str; 2] = ["GET / HTTP/1.1\r\n", "Host: localhost\r\n\r\n"];
const ANSWER: [&str; 2] = ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "Hello!"];

fn main() -> io::Result<()> {
    println!("The median time of an answer over a connection that stays:\n");
    println!("the request in   the answer in   TCP_NODELAY   median");
    for request_writes in [1, 2] {
        for answer_writes in [1, 2] {
            for no_delay in [false, true] {
                let median = measure(request_writes, answer_writes, no_delay)?;
                println!(
                    "{:<16} {:<15} {:<11} {:>8.2} ms",
                    writes(request_writes),
                    writes(answer_writes),
                    if no_delay { "yes" } else { "no" },
                    median.as_secs_f64() * 1000.0
                );
            }
        }
    }
    Ok(())
}

fn writes(count: usize) -> &'static str {
    match count {
        1 => "one write",
        _ => "two writes",
    }
}

/// The median time from a request to its whole answer.
fn measure(request_writes: usize, answer_writes: usize, no_delay: bool) -> io::Result<Duration> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_nodelay(no_delay)?;
    }
    let server = thread::spawn(move || serve(&server, answer_writes));

    let mut times = Vec::new();
    let mut answer = [0; ANSWER[0].len() + ANSWER[1].len()];
    for _ in 0..REQUESTS {
        let start = Instant::now();
        write(&client, &REQUEST, request_writes)?;
        (&client).read_exact(&mut answer)?;
        times.push(start.elapsed());
    }
    drop(client);
    match server.join() {
        Ok(served) => served?,
        Err(_) => return Err(io::Error::other("the server panicked")),
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Answers one request after another.
fn serve(stream: &TcpStream, writes: usize) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            write(stream, &ANSWER, writes)?;
        }
        line.clear();
    }
    Ok(())
}

/// Writes both parts, in so many writes.
fn write(mut stream: &TcpStream, parts: &[&str; 2], writes: usize) -> io::Result<()> {
    if writes == 1 {
        return stream.write_all(parts.concat().as_bytes());
    }
    parts
        .iter()
        .try_for_each(|part| stream.write_all(part.as_bytes()))
}
