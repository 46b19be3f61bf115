//! Servers that are broken, each in one way that a beginner's may be.
//!
//!     cargo run -p course --bin broken -- wrong-status 127.0.0.1:0

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::exit;
use std::time::Duration;
use std::{env, fs, thread};

/// What a server of TLS 1.0 says to a client that wants a later version: the alert
/// `protocol_version` (RFC 5246 section 7.2).
const REFUSED_VERSION: &[u8] = &[21, 3, 1, 0, 2, 2, 70];

/// The first byte of a handshake of TLS (RFC 8446 section 5.1), which begins no method.
const HANDSHAKE: &[u8] = &[0x16];

const HELLO: &str = "<html><body><h1>Hello, World!</h1></body></html>";

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let address = arguments.next().unwrap_or_default();
    #[cfg(target_os = "linux")]
    match &*mode {
        "daemon" => return daemon::run(&address),
        "leaves-a-daemon" | "leaves-a-daemon-without-a-name" => {
            let told = arguments.next().unwrap_or_default();
            daemon::start(&told, mode == "leaves-a-daemon")?;
        }
        _ => {}
    }
    if let Some(fault) = mode.strip_prefix("relay-") {
        return relay::run(fault, &address, &arguments.next().unwrap_or_default());
    }
    let listener = TcpListener::bind(address)?;
    let port = listener.local_addr()?.port();
    match &*mode {
        "prints-no-port" => {}
        "names-its-port-without-dots" => println!("Listening on port {port}"),
        "names-its-port-without-an-end" => {
            print!("Listening on port {port}");
            io::stdout().flush()?;
        }
        "names-its-port-as-an-error" => eprintln!("INFO Listening on port {port}"),
        "prints-another-first-line" => println!("Server started, Listening on port {port}..."),
        _ => println!("Listening on port {port}..."),
    }
    let mut held = Vec::new();
    for number in 1.. {
        let (mut stream, address) = listener.accept()?;
        if mode.starts_with("prints-") && mode != "prints-no-port" {
            println!("Connection from {address}");
            if mode == "prints-nothing" {
                read_head(&mut stream)?;
            }
            continue;
        }
        if mode == "hangs-up" {
            continue;
        }
        if mode == "speaks-an-old-tls" {
            let _ = stream.read(&mut [0; 1024])?;
            stream.write_all(REFUSED_VERSION)?;
            finish(stream);
            continue;
        }
        if mode == "never-answers" {
            held.push(stream);
            continue;
        }
        let request = match &*mode {
            "dies-on-empty" => {
                let head = read_head(&mut stream)?;
                if head.is_empty() {
                    exit(1);
                }
                head
            }
            "one-at-a-time" | "never-closes" | "right" | "forgets-brew" => read_head(&mut stream)?,
            "reads-once" => {
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request)?;
                request.truncate(length);
                request
            }
            "prints-nothing" | "prints-another-first-line" => Vec::new(),
            // What comes in the first segment, where the client rests behind the
            // head; a single read would bring more of it on a busy machine.
            "reads-one-segment" => read_head(&mut stream)?,
            _ => read_request(&mut stream)?,
        };
        if request == HANDSHAKE {
            finish(stream);
            continue;
        }
        if mode == "forgets-brew" && request.starts_with(b"BREW") {
            held.push(stream);
            continue;
        }
        if mode == "dies-at-the-second-request" && number == 2 {
            eprintln!("cannot count to two");
            exit(1);
        }
        let answer = answer(&mode, &request);
        // A client that has gone is nobody's fault.
        let _ = stream.write_all(&answer);
        match &*mode {
            "never-closes" | "says-close-and-holds" => held.push(stream),
            "ends-after-one" => {
                finish(stream);
                return Ok(());
            }
            _ if mode.starts_with("right-persistent") => persist(mode.clone(), stream),
            _ => finish(stream),
        }
    }
    Ok(())
}

fn answer(mode: &str, request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let target = text.split(' ').nth(1).unwrap_or("/");
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{body}");
    match mode {
        "closed-without-an-answer" => String::new(),
        "line-feeds-only" => ok(HELLO).replace("\r\n", "\n"),
        "says-close-and-holds" | "garbage-behind-the-body" => {
            let more = if mode == "garbage-behind-the-body" {
                "garbage"
            } else {
                ""
            };
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{HELLO}{more}",
                HELLO.len()
            )
        }
        "right-persistent" => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{HELLO}",
            HELLO.len()
        ),
        "right-persistent-and-chunked" => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\n<html\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            HELLO.len() - 5,
            &HELLO[5..]
        ),
        "no-space" => ok(HELLO).replacen("200 OK", "200OK", 1),
        "no-blank-line" => format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{HELLO}"),
        "no-status-line" => HELLO.to_owned(),
        "wrong-status" => ok(HELLO).replacen("200 OK", "500 Internal Server Error", 1),
        "wrong-page" => ok(&HELLO.replacen("World", "Word", 1)),
        "wrong-type" => ok(HELLO).replacen("text/html", "text/plain", 1),
        "no-type" => format!("HTTP/1.1 200 OK\r\n\r\n{HELLO}"),
        "reads-one-segment" | "echoes-unescaped" | "field-names-by-case" => {
            match text.split_once("\r\n\r\n") {
                Some((head, body)) if head.starts_with("POST") => {
                    ok(&format!("<h1>POST Data Received:</h1><p>{body}</p>"))
                }
                _ => ok("<h1>Welcome to the Home Page</h1>"),
            }
        }
        "leaves-dots-open" => {
            let path = if target == "/" {
                "/pages/index.html"
            } else {
                target
            };
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            match fs::read_to_string(format!("{root}{path}")) {
                // Its first line is enough to show that it got out.
                Ok(page) => ok(page.lines().next().unwrap_or_default()),
                Err(_) => ok("<h1>404 Not Found</h1>").replacen("200 OK", "404 Not Found", 1),
            }
        }
        _ => ok(HELLO),
    }
    .into_bytes()
}

/// A head. Of what begins a handshake of TLS it is no more than that byte: the rest has no
/// blank line, so a server that waited for it would wait for long.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n")
        && !head.ends_with(b"\n\n")
        && head != HANDSHAKE
        && stream.read(&mut byte)? > 0
    {
        head.extend(byte);
    }
    Ok(head)
}

/// A head and as much body as it announces.
fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = read_head(stream)?;
    let head = String::from_utf8_lossy(&request).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    stream.take(length).read_to_end(&mut request)?;
    Ok(request)
}

/// Goes on over the same connection, in a thread of its own.
fn persist(mode: String, mut stream: TcpStream) {
    thread::spawn(move || {
        while let Ok([_, ..]) = read_request(&mut stream).as_deref() {
            let answer = answer(&mode, b"GET / HTTP/1.1");
            // As many servers do, and not always at once.
            let (head, body) = answer.split_at(answer.len() - HELLO.len());
            let _ = stream.write_all(head);
            thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(body);
        }
        finish(stream);
    });
}

/// Closes without a reset, in a thread of its own so as to hold up nobody.
fn finish(mut stream: TcpStream) {
    thread::spawn(move || {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = io::copy(&mut stream, &mut io::sink());
    });
}

/// A process that leaves the session of the one that started it, and outlives that.
#[cfg(target_os = "linux")]
mod daemon {
    use std::io::{self, BufRead, BufReader, Read};
    use std::net::TcpStream;
    use std::process::{Command, Stdio};

    /// Starts one that tells somebody at an address that it lives, with or without the
    /// environment of this process, and waits until it has.
    pub fn start(told: &str, keeps_environment: bool) -> io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        if !keeps_environment {
            command.env_clear();
        }
        command.args(["daemon", told]).stdout(Stdio::piped());
        let mut daemon = command.spawn()?;
        let output = daemon.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(output).read_line(&mut String::new())?;
        Ok(())
    }

    /// Lives until it is ended, or the other side has gone.
    pub fn run(told: &str) -> io::Result<()> {
        nix::unistd::setsid()?;
        let mut stream = TcpStream::connect(told)?;
        println!("lives");
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

/// A right server, of which what goes through here comes out wrong.
mod relay {
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::Duration;

    /// Starts a program, and stands before it.
    pub fn run(fault: &str, address: &str, program: &str) -> io::Result<()> {
        let listener = TcpListener::bind(address)?;
        let mut server = Command::new(program)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = server.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let port: String = first.chars().filter(char::is_ascii_digit).collect();
        println!("Listening on port {}...", listener.local_addr()?.port());
        let is_log_wrong = fault == "another-status-in-the-log";
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match is_log_wrong {
                    true => println!("{}", line.replace(" 404 ", " 200 ")),
                    false => println!("{line}"),
                }
            }
        });
        for client in listener.incoming() {
            let (client, server) = (client?, TcpStream::connect(format!("127.0.0.1:{port}"))?);
            let fault = fault.to_owned();
            let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
            let of_request = fault.clone();
            thread::spawn(move || {
                pass(from_client, to_server, |bytes| request(&of_request, bytes))
            });
            thread::spawn(move || {
                let is_first = fault == "closes-a-moment-later";
                if is_first {
                    let _ = pass_one(server, client);
                } else {
                    pass(server, client, |bytes| answer(&fault, bytes));
                }
            });
        }
        Ok(())
    }

    /// Passes on what comes, and the end of it.
    fn pass(mut from: TcpStream, mut to: TcpStream, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let changed = change(buffer[..length].to_vec());
            if to.write_all(&changed).is_err() {
                break;
            }
            if changed.len() < length && changed.ends_with(b"\r\n") {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Passes on one answer, and ends the connection a moment later.
    fn pass_one(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        let length = from.read(&mut buffer)?;
        to.write_all(&buffer[..length])?;
        thread::sleep(Duration::from_millis(300));
        from.shutdown(Shutdown::Both)?;
        to.shutdown(Shutdown::Write)
    }

    fn request(fault: &str, bytes: Vec<u8>) -> Vec<u8> {
        match fault {
            "keeps-plus" => replaced(bytes, "+", "%2B"),
            _ => bytes,
        }
    }

    fn answer(fault: &str, bytes: Vec<u8>) -> Vec<u8> {
        match fault {
            "no-last-chunk" => replaced(bytes, "\r\n0\r\n\r\n", "\r\n"),
            "content-behind-304" if bytes.starts_with(b"HTTP/1.1 304") => {
                [&bytes[..], b"<h1>Old</h1>"].concat()
            }
            "tag-without-quotation-marks" => untagged(bytes),
            "unescaped" => with_body(bytes, |body| {
                body.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
                    .into_bytes()
            }),
            "escaped-twice" => with_body(bytes, |body| body.replace("&", "&amp;").into_bytes()),
            "in-latin-1" => with_body(bytes, |body| {
                body.chars()
                    .map(|one| u8::try_from(one).unwrap_or(b'?'))
                    .collect()
            }),
            "read-as-latin-1" => with_body(bytes, |body| {
                body.bytes()
                    .map(char::from)
                    .collect::<String>()
                    .into_bytes()
            }),
            _ => bytes,
        }
    }

    fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        String::from_utf8_lossy(&bytes)
            .replace(from, to)
            .into_bytes()
    }

    fn untagged(bytes: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text
            .split_inclusive("\r\n")
            .map(|line| match line.starts_with("ETag: ") {
                true => "ETag: 1a-2b\r\n".to_owned(),
                false => line.to_owned(),
            });
        lines.collect::<String>().into_bytes()
    }

    /// An answer with another body, and its right length.
    fn with_body(bytes: Vec<u8>, change: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return bytes;
        };
        let changed = change(body);
        let (before, after) = (
            format!("Content-Length: {}", body.len()),
            format!("Content-Length: {}", changed.len()),
        );
        [
            head.replace(&before, &after).as_bytes(),
            b"\r\n\r\n",
            &changed,
        ]
        .concat()
    }
}
