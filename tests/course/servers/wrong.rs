//! A wrong answer to each exercise, of the sort that one really writes.
//!
//!     cargo run -p course --bin wrong -- ch03 127.0.0.1:0

mod sealed;

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, fs, thread};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::tls::rustls::{ServerConnection, Stream};

const HELLO: &str = "<html><body><h1>Hello, World!</h1></body></html>";
const NOT_FOUND: &str = "<h1>404 Not Found</h1>";
const MISUNDERSTOOD: &str = "<h1>400 Bad Request: this port speaks HTTPS</h1>";

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let address = arguments.next().unwrap_or_default();
    let listener = TcpListener::bind(address)?;
    println!("Listening on port {}...", listener.local_addr()?.port());
    match &*mode {
        "ch01" => ch01(&listener),
        "ch01-silent" => ch01_silent(&listener),
        "ch01-question-mark" => ch01_question_mark(&listener),
        "ch01-line-feed" => ch01_line_feed(&listener),
        "ch02" => ch02(&listener),
        "ch03" => serve(&listener, ch03),
        "ch03-characters" => serve(&listener, ch03_characters),
        "ch03-written-down" => serve(&listener, ch03_written_down),
        "ch04" => serve(&listener, ch04),
        "ch05a" => serve(&listener, ch05a),
        "ch05b" => ch05b(&listener),
        "ch06" => serve(&listener, ch06),
        "ch07" => serve(&listener, ch07),
        "ch08" => serve(&listener, ch08),
        "ch09" => ch09(&listener, &str::to_owned, &escape),
        "ch09-unescaped" => ch09(&listener, &encode, &str::to_owned),
        "ch10" => ch10(&listener, Counted::AllConnections),
        "ch10-anew" => ch10(&listener, Counted::OneRequest),
        "ch10-asked" => ch10(&listener, Counted::CountsAlone),
        "ch11" => serve_on(&listener, ch11),
        "ch11-one-short" => serve_on(&listener, ch11_one_short),
        "ch11-in-the-head" => serve_on(&listener, ch11_in_the_head),
        "ch13" => ch13(&listener),
        "ch13-lines" => ch13_lines(&listener),
        "ch12" => ch12(&listener, |status, _| status == "303 See Other"),
        "ch12-reads" => ch12(&listener, |_, request| request.target() == "/guestbook"),
        "ch14" => ch14(&listener, Ch14::OneTag),
        "ch14-vary" => ch14(&listener, Ch14::NoVaryOn304),
        "ch14-zero" => ch14(&listener, Ch14::ZeroIsIgnored),
        "ch15" => ch15(&listener, Miscounted::Failures),
        "ch15-zero" => ch15(&listener, Miscounted::Overflow),
        "ch15-worker" => ch15(&listener, Miscounted::OtherWorkers),
        "ch16" => ch16(&listener, Ch16::LockedMeanwhile),
        "ch16-where" => ch16(&listener, Ch16::DoesNotSayWhere),
        "ch16-all" => ch16(&listener, Ch16::CountsForEverybody),
        "ch17" => ch17(&listener, |is_plain, status| {
            !is_plain && status == "200 OK"
        }),
        "ch17-plain" => ch17(&listener, |_, _| true),
        _ => Err(io::Error::other("there is no such wrong answer")),
    }
}

/// Wrong: greets with the address of the server's end, not of the client's.
fn ch01(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, address) = listener.accept()?;
        println!("Connection from {address}");
        let greeting = format!("Hello, {}!\r\n", stream.local_addr()?);
        let _ = stream.write_all(greeting.as_bytes());
    }
}

/// Wrong: says no longer where clients come from.
fn ch01_silent(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, address) = listener.accept()?;
        let _ = write!(stream, "Hello, {address}!\r\n");
    }
}

/// Wrong: ends with the first client that is gone before its greeting.
fn ch01_question_mark(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, address) = listener.accept()?;
        println!("Connection from {address}");
        write!(stream, "Hello, {address}!\r\n")?;
    }
}

/// Wrong: ends the line as a text file does.
fn ch01_line_feed(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, address) = listener.accept()?;
        println!("Connection from {address}");
        let _ = writeln!(stream, "Hello, {address}!");
    }
}

/// Wrong: counts connections instead of requests, so also a client that sends
/// nothing.
fn ch02(listener: &TcpListener) -> io::Result<()> {
    for number in 1.. {
        let (stream, _) = listener.accept()?;
        let Some(request) = Request::read(&stream) else {
            continue;
        };
        // Escapes all but ASCII, and with it what a terminal would obey.
        let line = request.line.escape_default().to_string();
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [method, target, ..] => println!("{number}: {method} {target}"),
            _ => println!("{number}: ?"),
        }
    }
    Ok(())
}

/// Wrong: takes the length of the whole response, with its head.
fn ch03(request: &Request) -> String {
    let page = ch03_page(request);
    ch03_response(&page, ok(&page).len())
}

/// Wrong: counts characters.
fn ch03_characters(request: &Request) -> String {
    let page = ch03_page(request);
    ch03_response(&page, page.chars().count())
}

/// Wrong: has counted once and for all.
fn ch03_written_down(request: &Request) -> String {
    ch03_response(&ch03_page(request), 74)
}

fn ch03_page(request: &Request) -> String {
    let sent = request.head_length;
    format!("<html><body><h1>Hello, Wörld!</h1><p>You sent {sent} bytes.</p></body></html>")
}

fn ch03_response(page: &str, length: usize) -> String {
    let fields = format!("Content-Length: {length}\r\nConnection: close\r\n");
    response("200 OK", &fields, page).replacen("text/html", "text/html; charset=utf-8", 1)
}

/// Wrong: takes whatever stands below `/hello/` for a name, and puts it into the
/// page.
fn ch04(request: &Request) -> String {
    match request.target() {
        "/" => ok("<h1>Welcome to the Home Page</h1>"),
        "/hello" => ok("<h1>Hello, User!</h1>"),
        target => match target.strip_prefix("/hello/") {
            Some(name) => ok(&format!("<h1>Hello, {name}!</h1>")),
            None => ok(NOT_FOUND),
        },
    }
}

/// Wrong: lets HEAD pass, and answers it with the page too.
fn ch05a(request: &Request) -> String {
    if !matches!(request.method(), "GET" | "HEAD") {
        return response(
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
            "<h1>405 Method Not Allowed</h1>",
        );
    }
    match request.target() {
        "/" => ok("<h1>Welcome to the Home Page</h1>"),
        "/hello" => ok("<h1>Hello, User!</h1>"),
        _ => response("404 Not Found", "", NOT_FOUND),
    }
}

/// Wrong: is one off, and serves nine connections at once.
fn ch05b(listener: &TcpListener) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (mut stream, _) = listener.accept()?;
        let open = Arc::clone(&open);
        let is_full = open.load(Ordering::SeqCst) > 8;
        if !is_full {
            open.fetch_add(1, Ordering::SeqCst);
        }
        thread::spawn(move || {
            if is_full {
                let page = "<h1>503 Service Unavailable</h1>";
                let refusal = response("503 Service Unavailable", "Retry-After: 1\r\n", page);
                let _ = stream.write_all(refusal.as_bytes());
                finish(&stream);
                return;
            }
            if Request::read(&stream).is_some() {
                let _ = stream.write_all(ok(HELLO).as_bytes());
                finish(&stream);
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Wrong: escapes what came and decodes it then, so markup that is encoded gets
/// through.
fn ch06(request: &Request) -> String {
    if request.method() != "POST" {
        return ok("<h1>Welcome to the Home Page</h1>");
    }
    let media_type = request.field("content-type").split(';').next();
    let is_form = media_type.is_some_and(|media_type| {
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    let name = request.body.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name == "name" && !value.is_empty()).then_some(value)
    });
    match name {
        Some(name) if is_form => ok(&format!("<h1>Hello, {}!</h1>", decode(&escape(name)))),
        _ => {
            let body = escape(&request.body);
            ok(&format!("<h1>POST Data Received:</h1><p>{body}</p>"))
        }
    }
}

/// Wrong: compares the dates as text, so only the very date of the file will do.
/// (To be short, this one knows a single file, and its date by heart.)
fn ch07(request: &Request) -> String {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let last_modified = format!("Last-Modified: {DATE}\r\n");
    let is_asked = matches!(request.method(), "GET" | "HEAD");
    if request.target() != "/pages/favicon.svg" {
        response("404 Not Found", "", NOT_FOUND)
    } else if is_asked
        && request.field("if-modified-since") == DATE
        && request.field("if-none-match").is_empty()
    {
        format!("HTTP/1.1 304 Not Modified\r\n{last_modified}\r\n")
    } else {
        let file = include_str!("../../../pages/favicon.svg");
        response("200 OK", &last_modified, file).replacen("text/html", "image/svg+xml", 1)
    }
}

/// Wrong: takes 1 for every number of times that makes no sense.
fn ch08(request: &Request) -> String {
    let target = request.target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters: Vec<(&str, &str)> = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let first = |wanted: &str| parameters.iter().find(|(name, _)| *name == wanted);
    if path == "/greet" {
        let name = first("name").map_or("World".to_owned(), |(_, name)| escape(&decode(name)));
        let times = first("times").and_then(|(_, times)| times.parse().ok());
        let times = times.filter(|times| (1..=10).contains(times)).unwrap_or(1);
        return ok(&format!("<h1>Hello, {name}!</h1>").repeat(times));
    }
    let shown: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("\"{name}\": [\"{value}\"]"))
        .collect();
    let shown = escape(&shown.join(", "));
    ok(&format!("<h1>Query Parameters</h1><pre>{{{shown}}}</pre>"))
}

/// How a text is written somewhere.
type Notation = dyn Fn(&str) -> String;

/// Wrong: writes the name into the cookie, or into the page, as it came. (To be
/// short, this one knows a single page, and answers on one day alone.)
fn ch09(listener: &TcpListener, in_cookie: &Notation, in_page: &Notation) -> io::Result<()> {
    let entries = RefCell::new(String::new());
    let fields = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n";
    let respond = |status, more: &str, page: &str| {
        let length = page.len();
        let fields = format!("{fields}{more}Content-Length: {length}\r\n");
        response(status, &fields, page).replacen("text/html", "text/html; charset=utf-8", 1)
    };
    serve(listener, |request| {
        let parameter = |text: &str, separator, wanted| {
            let mut pairs = text
                .split(separator)
                .filter_map(|pair| pair.trim().split_once('='));
            let found = pairs.find(|(name, _)| *name == wanted);
            found.map_or(String::new(), |(_, value)| decode(value))
        };
        if request.method() == "POST" {
            let name = parameter(&request.body, '&', "name");
            let message = parameter(&request.body, '&', "message");
            let entry = format!(
                "<dt>{}</dt>\n<dd>{}</dd>\n",
                escape(&name),
                escape(&message)
            );
            entries.borrow_mut().insert_str(0, &entry);
            let cookie = format!(
                "Set-Cookie: name={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax\r\n",
                in_cookie(&name)
            );
            let more = format!("Location: /guestbook\r\n{cookie}");
            return respond("303 See Other", &more, "");
        }
        let mut page = include_str!("../../../pages/guestbook.html").to_owned();
        let entries = entries.borrow();
        if !entries.is_empty() {
            let list = format!("<dl>\n{entries}</dl>");
            page = page.replacen("<p>Nobody has written anything yet.</p>", &list, 1);
        }
        // A + is a space in a form alone.
        let cookies = request.field("cookie").replace('+', "%2B");
        let name = parameter(&cookies, ';', "name");
        if !name.is_empty() {
            let welcome = format!("<p>Welcome back, {}!</p><form", in_page(&name));
            page = page.replacen("<form", &welcome, 1);
        }
        let page = respond("200 OK", "", &page);
        match request.method() {
            "HEAD" => page
                .split_inclusive("\r\n\r\n")
                .next()
                .unwrap_or_default()
                .to_owned(),
            _ => page,
        }
    })
}

/// What is counted instead of the requests of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// The requests of all connections together.
    AllConnections,
    /// One request, as the number is made anew for each.
    OneRequest,
    /// The requests for the number alone.
    CountsAlone,
}

/// Wrong: counts something else. The connections themselves are kept well enough.
fn ch10(listener: &TcpListener, counted: Counted) -> io::Result<()> {
    let all = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept()?;
        let all = Arc::clone(&all);
        thread::spawn(move || {
            let mut reader = BufReader::new(&stream);
            let mut asked = 0;
            while let Some(request) = Request::read_from(&mut reader) {
                let path = request.target().split('?').next().unwrap_or_default();
                asked += usize::from(path == "/count");
                let number = match counted {
                    Counted::AllConnections => all.fetch_add(1, Ordering::SeqCst) + 1,
                    Counted::OneRequest => 1,
                    Counted::CountsAlone => asked,
                };
                if (&stream)
                    .write_all(ch10_answer(&request, path, number).as_bytes())
                    .is_err()
                    || request.field("connection") == "close"
                {
                    break;
                }
            }
            finish(&stream);
        });
    }
}

fn ch10_answer(request: &Request, path: &str, number: usize) -> String {
    let (status, page) = match (request.method(), path) {
        ("GET" | "HEAD", "/hello") => ("200 OK", "<h1>Hello, User!</h1>".to_owned()),
        ("GET" | "HEAD", "/count") => {
            let page = format!("<h1>Request {number} of this connection</h1>");
            ("200 OK", page)
        }
        ("GET" | "HEAD", "/query") => {
            let page = "<h1>Query Parameters</h1><pre>{}</pre>".to_owned();
            ("200 OK", page)
        }
        ("GET" | "HEAD", _) => ("404 Not Found", NOT_FOUND.to_owned()),
        _ => {
            let page = "<h1>405 Method Not Allowed</h1>".to_owned();
            ("405 Method Not Allowed", page)
        }
    };
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    let mut fields = format!("{date}\r\nContent-Length: {}\r\n", page.len());
    if status.starts_with("405") {
        fields += "Allow: GET, HEAD, OPTIONS\r\n";
    }
    if request.field("connection") == "close" {
        fields += "Connection: close\r\n";
    }
    let body = if request.method() == "HEAD" {
        ""
    } else {
        &page
    };
    response(status, &fields, body).replacen("text/html", "text/html; charset=utf-8", 1)
}

/// Wrong: sends the trailer to everybody, also to who has not said a word of it.
fn ch11(request: &Request) -> String {
    numbers(request, "Trailer: Sum\r\n", |sum| format!("Sum: {sum}\r\n"))
}

/// Wrong: adds before it looks whether there is one number more, so the last is missing.
fn ch11_one_short(request: &Request) -> String {
    let last = last_number(request).unwrap_or(0);
    match request.field("te").contains("trailers") {
        true => numbers(request, "Trailer: Sum\r\n", |sum| {
            format!("Sum: {}\r\n", sum - last)
        }),
        false => numbers(request, "", |_| String::new()),
    }
}

/// Wrong: knows the sum before, and sends it as a field of the head.
fn ch11_in_the_head(request: &Request) -> String {
    let last = last_number(request).unwrap_or(0);
    let sum = format!("Trailer: Sum\r\nSum: {}\r\n", last * (last + 1) / 2);
    match request.field("te").contains("trailers") {
        true => numbers(request, &sum, |_| String::new()),
        false => numbers(request, "", |_| String::new()),
    }
}

/// The numbers in one chunk, with these fields in the head, and with trailers that are
/// made of the sum.
fn numbers(request: &Request, fields: &str, trailers: impl Fn(u64) -> String) -> String {
    let Some(last) = last_number(request) else {
        return whole("400 Bad Request", "<h1>400 Bad Request</h1>");
    };
    if request.target() == "/hello" {
        return whole("200 OK", "<h1>Hello, User!</h1>");
    }
    let text: String = (1..=last).map(|number| format!("{number}\n")).collect();
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8";
    if request.is_of_http_1_0() {
        return format!("HTTP/1.1 200 OK\r\n{date}\r\n\r\n{text}");
    }
    let chunk = match text.len() {
        0 => String::new(),
        length => format!("{length:x}\r\n{text}\r\n"),
    };
    let trailers = trailers((1..=last).sum());
    format!(
        "HTTP/1.1 200 OK\r\n{date}\r\nTransfer-Encoding: chunked\r\n{fields}\r\n\
         {chunk}0\r\n{trailers}\r\n"
    )
}

/// What is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Miscounted {
    /// An answer that fails is none.
    Failures,
    /// Zero is taken for all that cannot be divided by.
    Overflow,
    /// Each of eight workers counts for itself.
    OtherWorkers,
}

/// Wrong: leaves something out.
fn ch15(listener: &TcpListener, left_out: Miscounted) -> io::Result<()> {
    let counts = RefCell::new([(0, 0); 8]);
    let turn = Cell::new(0);
    serve_on(listener, |request| {
        if left_out == Miscounted::OtherWorkers {
            turn.set((turn.get() + 1) % 8);
        }
        let (answered, failed) = &mut counts.borrow_mut()[turn.get()];
        let (path, query) = request.target().split_once('?').unwrap_or_default();
        let number = |wanted| -> Option<i64> {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == wanted)?.1.parse().ok()
        };
        let quotient = |a: i64, b: i64| match left_out {
            Miscounted::Overflow if b != 0 => Some(a.wrapping_div(b)),
            _ => a.checked_div(b),
        };
        let (status, page) = match (path, number("a"), number("b")) {
            ("/divide", Some(a), Some(b)) => match quotient(a, b) {
                Some(quotient) => ("200 OK", format!("<h1>{a} / {b} = {quotient}</h1>")),
                None => {
                    *failed += 1;
                    *answered -= i32::from(left_out == Miscounted::Failures);
                    let status = "500 Internal Server Error";
                    (status, format!("<h1>{status}</h1>"))
                }
            },
            ("/divide", ..) => ("400 Bad Request", "<h1>400 Bad Request</h1>".to_owned()),
            _ if request.target() == "/status" => {
                let page = format!("<h1>{answered} answered, {failed} failed</h1>");
                ("200 OK", page)
            }
            _ if request.target() == "/hello" => ("200 OK", "<h1>Hello, User!</h1>".to_owned()),
            _ => ("404 Not Found", NOT_FOUND.to_owned()),
        };
        *answered += 1;
        whole(status, &page)
    })
}

/// What one may do wrong with what takes long.
#[derive(Clone, Copy, PartialEq)]
enum Ch16 {
    /// What is asked for later is locked until then.
    LockedMeanwhile,
    DoesNotSayWhere,
    /// As many are counted as anybody likes.
    CountsForEverybody,
}

/// Wrong: makes one of these mistakes.
fn ch16(listener: &TcpListener, mistake: Ch16) -> io::Result<()> {
    let counts = Cell::new(None);
    serve_on(listener, |request| {
        let is_form = request.field("content-type") == "application/x-www-form-urlencoded";
        let last = request.body.strip_prefix("to=").map(str::parse::<u64>);
        let is_busy = counts.get().is_some() && mistake != Ch16::CountsForEverybody;
        let page = |status: &str| whole(status, &format!("<h1>{status}</h1>"));
        match (request.method(), request.target(), last, counts.get()) {
            ("POST", "/primes", ..) if !is_form => page("415 Unsupported Media Type"),
            ("POST", "/primes", Some(Ok(last @ ..=1000)), _) => {
                let is_prime =
                    |number: &u64| !(2..*number).any(|divisor| number.is_multiple_of(divisor));
                let primes = (2..=last).filter(is_prime).count();
                whole("200 OK", &format!("<h1>{primes} primes up to {last}</h1>"))
            }
            ("POST", "/primes", Some(Ok(_)), _) if is_busy => {
                page("503 Service Unavailable").replacen("\r\n", "\r\nRetry-After: 10\r\n", 1)
            }
            ("POST", "/primes", Some(Ok(last)), _) => {
                counts.set(Some(last));
                match mistake {
                    Ch16::DoesNotSayWhere => page("202 Accepted"),
                    _ => page("202 Accepted").replacen("\r\n", "\r\nLocation: /primes\r\n", 1),
                }
            }
            ("POST", "/primes", ..) => page("400 Bad Request"),
            ("GET", "/primes", _, Some(last)) => {
                if mistake == Ch16::LockedMeanwhile {
                    thread::sleep(Duration::MAX);
                }
                whole(
                    "200 OK",
                    &format!("<h1>Counting the primes up to {last}</h1>"),
                )
            }
            ("GET", "/hello", ..) => whole("200 OK", "<h1>Hello, User!</h1>"),
            _ => page("404 Not Found"),
        }
    })
}

/// A page with its length.
fn whole(status: &str, page: &str) -> String {
    let length = page.len();
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    let page = format!("Content-Length: {length}\r\n\r\n{page}");
    format!("HTTP/1.1 {status}\r\n{date}\r\nContent-Type: text/html; charset=utf-8\r\n{page}")
}

fn last_number(request: &Request) -> Option<u64> {
    match request.target().split_once("to=") {
        Some((_, last)) => last.parse().ok(),
        None => Some(0),
    }
}

/// Wrong: writes the guestbook when it is asked to stop, which a kill does not do.
fn ch13(listener: &TcpListener) -> io::Result<()> {
    let guestbook = Guestbook::read()?;
    let last = guestbook.clone();
    let at_the_end = move || {
        let written = last.write();
        std::process::exit(written.is_err().into());
    };
    ctrlc::set_handler(at_the_end).map_err(io::Error::other)?;
    serve(listener, |request| guestbook.answer(request))
}

/// Wrong: takes a line end in a message for the end of the entry.
fn ch13_lines(listener: &TcpListener) -> io::Result<()> {
    let guestbook = Guestbook::read()?;
    serve(listener, |request| {
        let answer = guestbook.answer(request);
        let written = guestbook.write();
        written.map_or(String::new(), |()| answer)
    })
}

/// A guestbook in a file with a line for each entry: name, tab, message.
#[derive(Clone)]
struct Guestbook {
    path: std::ffi::OsString,
    entries: Arc<Mutex<Vec<String>>>,
}

impl Guestbook {
    fn read() -> io::Result<Self> {
        let path = env::var_os("GUESTBOOK").ok_or(io::ErrorKind::NotFound)?;
        let text = fs::read_to_string(&path).unwrap_or_default();
        let entries = Arc::new(Mutex::new(text.lines().map(str::to_owned).collect()));
        Ok(Self { path, entries })
    }

    fn write(&self) -> io::Result<()> {
        fs::write(&self.path, self.entries().join("\n"))
    }

    fn entries(&self) -> MutexGuard<'_, Vec<String>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> String {
        const PAGE: &str = include_str!("../../../pages/guestbook.html");
        const NO_ENTRIES: &str = "<p>Nobody has written anything yet.</p>";
        if request.method() == "POST" {
            let values = request
                .body
                .split('&')
                .filter_map(|one| one.split_once('='));
            let values: Vec<String> = values.map(|(_, value)| decode(value)).collect();
            if values.iter().any(String::is_empty) {
                let page = "<h1>422 Unprocessable Content</h1>";
                return guestbook_response("422 Unprocessable Content", CONTENT_TYPE, page);
            }
            self.entries().insert(0, values.join("\t"));
            return guestbook_response("303 See Other", "Location: /guestbook\r\n", "");
        }
        let shown = self.entries().iter().fold(String::new(), |shown, entry| {
            let (name, message) = entry.rsplit_once('\t').unwrap_or((entry, ""));
            let (name, message) = (escape(name), escape(message));
            shown + &format!("<dt>{name}</dt>\n<dd>{message}</dd>\n")
        });
        let list = format!("<dl>\n{shown}</dl>");
        let page = match shown.is_empty() {
            true => PAGE.to_owned(),
            false => PAGE.replacen(NO_ENTRIES, &list, 1),
        };
        guestbook_response("200 OK", CONTENT_TYPE, &page)
    }
}

const CONTENT_TYPE: &str = "Content-Type: text/html; charset=utf-8\r\n";

/// A response of part two. Its date is of no use, but is one.
fn guestbook_response(status: &str, fields: &str, page: &str) -> String {
    let length = page.len();
    format!(
        "HTTP/1.1 {status}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{fields}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{page}"
    )
}

/// Wrong: counts what was written, or also who only reads. (To be short, this one closes
/// after each answer, answers on one day alone, and shows no entries.)
fn ch12(listener: &TcpListener, counts: fn(&str, &Request) -> bool) -> io::Result<()> {
    let counted = AtomicUsize::new(0);
    serve(listener, |request| {
        let is_form = request.field("content-type") == "application/x-www-form-urlencoded";
        let (status, more) = match (request.method(), request.target()) {
            ("POST", "/guestbook") if counted.load(Ordering::SeqCst) >= 5 => {
                ("429 Too Many Requests", "Retry-After: 60\r\n")
            }
            ("POST", "/guestbook") if !is_form => ("415 Unsupported Media Type", ""),
            ("POST", "/guestbook") if !request.body.contains("&message=") => {
                ("422 Unprocessable Content", "")
            }
            ("POST", "/guestbook") => ("303 See Other", "Location: /guestbook\r\n"),
            _ => ("200 OK", ""),
        };
        counted.fetch_add(usize::from(counts(status, request)), Ordering::SeqCst);
        let page = match status {
            "303 See Other" => String::new(),
            "200 OK" => include_str!("../../../pages/guestbook.html").to_owned(),
            _ => format!("<h1>{status}</h1>"),
        };
        let fields = format!(
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n{more}Connection: close\r\nContent-Length: {}\r\n",
            page.len()
        );
        let body = if request.method() == "HEAD" {
            ""
        } else {
            &*page
        };
        response(status, &fields, body).replacen("text/html", "text/html; charset=utf-8", 1)
    })
}

/// What one may do wrong with two forms of a file.
#[derive(Clone, Copy, PartialEq)]
enum Ch14 {
    /// Both have the same strong tag.
    OneTag,
    /// 304 does not say what decides between them.
    NoVaryOn304,
    /// gzip that is not wanted at all is sent.
    ZeroIsIgnored,
}

/// Wrong in that way. (To be short, this one knows a single file, of a single day, and a
/// single range.)
fn ch14(listener: &TcpListener, wrong: Ch14) -> io::Result<()> {
    const FILE: &[u8] = include_bytes!("../../../pages/favicon.svg");
    let mut coded = GzEncoder::new(Vec::new(), Compression::default());
    coded.write_all(FILE)?;
    let coded = coded.finish()?;
    serve(listener, |request| {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let head = |status: &str, fields: &str| {
            format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n{fields}\r\n")
        };
        if request.target() != "/pages/favicon.svg" {
            let fields = "Content-Type: text/html; charset=utf-8\r\nContent-Length: 21\r\n";
            return (head("200 OK", fields) + "<h1>Hello, User!</h1>").into_bytes();
        }
        let is_part = request.method() == "GET" && request.field("range") == "bytes=0-4";
        let in_gzip = !is_part && ch14_prefers_gzip(request, wrong);
        let tag = match in_gzip && wrong != Ch14::OneTag {
            true => "\"1-gzip\"",
            false => "\"1\"",
        };
        let caching = format!("ETag: {tag}\r\nCache-Control: no-cache\r\n");
        let vary = "Vary: Accept-Encoding\r\n";
        if request.field("if-none-match") == tag {
            let vary = if wrong == Ch14::NoVaryOn304 { "" } else { vary };
            return head("304 Not Modified", &(caching + vary)).into_bytes();
        }
        let fits = ["", tag].contains(&request.field("if-range"));
        let (status, more, body) = match in_gzip {
            true => ("200 OK", "Content-Encoding: gzip\r\n", &*coded),
            false if is_part && fits => (
                "206 Partial Content",
                "Accept-Ranges: bytes\r\nContent-Range: bytes 0-4/606\r\n",
                &FILE[..5],
            ),
            false => ("200 OK", "Accept-Ranges: bytes\r\n", FILE),
        };
        let length = body.len();
        let fields = format!(
            "Content-Type: image/svg+xml\r\n{more}Last-Modified: {date}\r\n{caching}{vary}\
             Content-Length: {length}\r\n"
        );
        let body = if request.method() == "HEAD" {
            b""
        } else {
            body
        };
        [head(status, &fields).as_bytes(), body].concat()
    })
}

fn ch14_prefers_gzip(request: &Request, wrong: Ch14) -> bool {
    let fields = request
        .fields
        .iter()
        .filter_map(|field| field.split_once(':'));
    let lists = fields.filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    let all: Vec<String> = lists.map(|(_, list)| list.to_ascii_lowercase()).collect();
    let all = all.join(",").replace(' ', "");
    let given = |wanted: &str| {
        all.split(',').find_map(|element| {
            let (coding, weight) = element.split_once(";q=").unwrap_or((element, "1"));
            (coding == wanted).then(|| weight.parse().unwrap_or(0.0))
        })
    };
    let any = given("*");
    let weight = |coding| given(coding).or(any).unwrap_or(0.0);
    if wrong == Ch14::ZeroIsIgnored {
        return given("gzip").or(any).is_some() && weight("gzip") >= weight("identity");
    }
    weight("gzip") > 0.0 && weight("gzip") >= weight("identity")
}

// What all of them share, and do well enough.

struct Request {
    line: String,
    fields: Vec<String>,
    body: String,
    head_length: u64,
}

impl Request {
    /// Reads a request; `None` where it does not come whole.
    fn read(stream: &TcpStream) -> Option<Self> {
        Self::read_from(&mut BufReader::new(stream))
    }

    /// The same, where more requests may follow.
    fn read_from(mut reader: impl BufRead) -> Option<Self> {
        let mut lines = Vec::new();
        let mut head_length = 0;
        loop {
            let mut line = String::new();
            head_length += reader.read_line(&mut line).ok()? as u64;
            match line.strip_suffix('\n')?.trim_end_matches('\r') {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut fields = lines.into_iter();
        let mut request = Self {
            line: fields.next()?,
            fields: fields.collect(),
            body: String::new(),
            head_length,
        };
        let length = request.field("content-length").parse().unwrap_or(0);
        reader.take(length).read_to_string(&mut request.body).ok()?;
        Some(request)
    }

    fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    fn is_of_http_1_0(&self) -> bool {
        self.line.ends_with("HTTP/1.0")
    }

    fn field(&self, wanted: &str) -> &str {
        self.fields
            .iter()
            .filter_map(|field| field.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map_or("", |(_, value)| value.trim())
    }
}

fn ok(page: &str) -> String {
    response("200 OK", "", page)
}

fn response(status: &str, more_fields: &str, page: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\n{more_fields}\r\n{page}")
}

/// Answers one request after another.
fn serve<T: AsRef<[u8]>>(listener: &TcpListener, answer: impl Fn(&Request) -> T) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        if let Some(request) = Request::read(&stream) {
            // A client that has gone is nobody's fault.
            let _ = stream.write_all(answer(&request).as_ref());
            finish(&stream);
        }
    }
}

/// Does the same for connections that stay until the client wants them to end.
fn serve_on(listener: &TcpListener, answer: impl Fn(&Request) -> String) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        while let Some(request) = Request::read(&stream) {
            let mut answer = answer(&request);
            let is_last = request.field("connection") == "close" || request.is_of_http_1_0();
            if is_last {
                answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            }
            if stream.write_all(answer.as_bytes()).is_err() || is_last {
                break;
            }
        }
        finish(&stream);
    }
}

/// Reads off what still comes, so that no reset destroys the answer.
fn finish(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = io::copy(&mut stream, &mut io::sink());
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = text.bytes().map(|byte| match byte {
        _ if is_plain(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).unwrap_or_default();
        decoded.extend(u8::from_str_radix(digits, 16));
        decoded.extend(part.bytes().skip(2));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Wrong: the promise comes only with pages, and not with refusals; or over plain HTTP
/// too.
fn ch17(listener: &TcpListener, promises: fn(bool, &str) -> bool) -> io::Result<()> {
    let (config, _) = sealed::config()?;
    loop {
        let (mut stream, _) = listener.accept()?;
        let mut first = [0];
        let _ = stream.peek(&mut first);
        if first != [0x16] {
            let _ = ch17_answer(&mut stream, |status| promises(true, status), true);
            continue;
        }
        let tls = ServerConnection::new(Arc::clone(&config));
        let mut tls = tls.map_err(io::Error::other)?;
        let mut sealed = Stream::new(&mut tls, &mut stream);
        let _ = ch17_answer(&mut sealed, |status| promises(false, status), false);
        tls.send_close_notify();
        let _ = tls.write_tls(&mut stream);
    }
}

fn ch17_answer(
    stream: &mut (impl Read + Write),
    promises: impl Fn(&str) -> bool,
    is_plain: bool,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let (status, page) = match head.starts_with(b"GET /hello ") {
        _ if is_plain => ("400 Bad Request", MISUNDERSTOOD),
        true => ("200 OK", "<h1>Hello, User!</h1>"),
        false => ("404 Not Found", NOT_FOUND),
    };
    let promise = match promises(status) {
        true => "Strict-Transport-Security: max-age=86400\r\n",
        false => "",
    };
    let length = page.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         {promise}\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Connection: close\r\n\
         Content-Length: {length}\r\n\
         \r\n\
         {page}"
    )
}
