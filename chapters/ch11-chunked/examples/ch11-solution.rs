//! Chapter 11, exercise: behind the numbers comes their sum, as a trailer.
//!
//!     cargo run -p ch11-chunked --example ch11-solution

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    Blocking, Body, Connection, Entry, Guestbook, Request, RequestError, Response, Timeouts,
};

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let guestbook = Arc::new(Guestbook::default());

    loop {
        let (stream, client) = common::accept(&listener);
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, client, &guestbook) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_connection(
    stream: &TcpStream,
    client: SocketAddr,
    guestbook: &Guestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(Timeouts::default(), Instant::now())
        .with_chunks()
        .with_early_answers(needs_body);
    let client = client.to_string();
    while stream.wait(&mut connection)? {
        while let Some(request) = connection.next_request() {
            common::log(&client, request.to_string());
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(&request, response);
        }
    }
    Ok(())
}

fn respond(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.page()),
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, allowed(path)),
    })
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/guestbook" => "GET, HEAD, POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

/// Whether the answer depends on the body; else nobody has to wait for it.
fn needs_body(request: &Request) -> bool {
    request.method == "POST"
        && request.path() == "/guestbook"
        && common::expect_form(request).is_ok()
}

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::parse_form(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}

fn count(request: &Request) -> Result<Response, RequestError> {
    let response = common::count(request)?;
    if !takes_trailers(request) {
        return Ok(response);
    }
    let query = common::parse_query(&request.target)?;
    let last = query
        .values("to")
        .first()
        .and_then(|last| last.parse().ok());
    let body = Body::of_unknown_length(ChunksWithSum::to(last.unwrap_or(0)));
    Ok(Response::new("200 OK", "text/plain", body)
        .with("Transfer-Encoding", "chunked")
        .with("Trailer", "Sum"))
}

/// Whether the client knows what to do with fields behind the last chunk (RFC 9110
/// §10.1.4). One of HTTP/1.0 gets no chunks.
fn takes_trailers(request: &Request) -> bool {
    let mut codings = request.fields.elements("TE");
    request.version != "HTTP/1.0" && codings.any(|one| one.eq_ignore_ascii_case("trailers"))
}

/// The numbers in chunks, and behind them their sum.
struct ChunksWithSum {
    numbers: RangeInclusive<u64>,
    sum: u64,
    chunk: Cursor<String>,
    is_over: bool,
}

impl ChunksWithSum {
    fn to(last: u64) -> Self {
        Self {
            numbers: 1..=last,
            sum: 0,
            chunk: Cursor::default(),
            is_over: false,
        }
    }

    fn next_chunk(&mut self) -> String {
        let mut text = String::new();
        for number in self.numbers.by_ref().take(1000) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{number}");
            self.sum += number;
        }
        self.is_over = text.is_empty();
        match self.is_over {
            true => format!("0\r\nSum: {}\r\n\r\n", self.sum),
            false => format!("{:x}\r\n{text}\r\n", text.len()),
        }
    }
}

impl Read for ChunksWithSum {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_sent = self.chunk.position() == self.chunk.get_ref().len() as u64;
        if is_sent && !self.is_over {
            self.chunk = Cursor::new(self.next_chunk());
        }
        self.chunk.read(buffer)
    }
}
