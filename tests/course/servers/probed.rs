//! A small server that does what RFC 9110 and RFC 9112 demand, and one that differs from
//! it in a single fault, for the probe to find.
//!
//!     cargo run -p course --bin probed -- right 127.0.0.1:0
//!
//! With the name of a file behind the address it speaks TLS, and writes the certificate
//! there that it shows.

mod sealed;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process, str, thread};

use harness::tls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const PAGE: &str = "<!DOCTYPE html>\n<title>A page</title>\n<p>What the probe asks for.</p>\n";
const ETAG: &str = "\"a-page\"";
const LAST_MODIFIED: &str = "Tue, 02 Jan 2024 03:04:05 GMT";
/// The same, in seconds since 1970.
const LAST_MODIFIED_SECONDS: u64 = 1_704_164_645;
const ALLOW: &str = "GET, HEAD, POST, OPTIONS";

const LONGEST_LINE: usize = 16 * 1024;
const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_BODY: usize = 1024 * 1024;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

static FAULT: OnceLock<String> = OnceLock::new();

/// Whether the server has that fault.
fn has(fault: &str) -> bool {
    FAULT.get().is_some_and(|known| known == fault)
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    FAULT.get_or_init(|| arguments.next().unwrap_or_default());
    let listener = TcpListener::bind(arguments.next().unwrap_or_default())?;
    let tls = arguments.next().map(|file| tls(&file)).transpose()?;
    println!("Listening on port {}...", listener.local_addr()?.port());
    loop {
        // A client that is gone already is nobody's fault.
        if let Ok((stream, _)) = listener.accept() {
            let tls = tls.clone();
            thread::spawn(move || {
                let line = match tls {
                    None => Line::Plain(stream),
                    Some(config) => match ServerConnection::new(config) {
                        Ok(tls) => Line::Sealed(Box::new(StreamOwned::new(tls, stream))),
                        Err(_) => return,
                    },
                };
                let mut connection = Connection {
                    line,
                    buffer: Vec::new(),
                };
                let _ = connection.serve();
            });
        }
    }
}

/// What TLS needs, with a certificate made for the day, which is written to a file.
fn tls(file: &str) -> io::Result<Arc<ServerConfig>> {
    let (config, certificate) = sealed::config()?;
    fs::write(file, certificate)?;
    Ok(config)
}

/// What a connection goes over: TCP, or TLS over it.
enum Line {
    Plain(TcpStream),
    Sealed(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Line {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Sealed(stream) => &stream.sock,
        }
    }

    fn scheme(&self) -> &'static str {
        match self {
            Self::Plain(_) => "http://",
            Self::Sealed(_) => "https://",
        }
    }

    /// Says that nothing more is sent.
    fn half_close(&mut self) -> io::Result<()> {
        if let Self::Sealed(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.tcp().shutdown(Shutdown::Write)
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Sealed(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Sealed(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Sealed(stream) => stream.flush(),
        }
    }
}

struct Connection {
    line: Line,
    /// What has come and is not used yet.
    buffer: Vec<u8>,
}

/// A status that refuses a request whose end is not known, and closes.
struct Refused(u16);

enum Failed {
    Refused(u16),
    Gone,
}

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Refused> for Failed {
    fn from(Refused(status): Refused) -> Self {
        Self::Refused(status)
    }
}

#[derive(Default)]
struct Request {
    method: String,
    target: String,
    is_1_0: bool,
    fields: Vec<(String, Vec<u8>)>,
}

struct Response {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: String,
}

#[derive(PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    fn serve(&mut self) -> io::Result<()> {
        let tcp = self.line.tcp();
        tcp.set_nodelay(true)?;
        let longest = match has("gives-up-the-silent") {
            true => Duration::from_millis(200),
            false => Duration::from_secs(30),
        };
        tcp.set_read_timeout(Some(longest))?;
        loop {
            match self.exchange() {
                Ok(true) => {}
                Err(Failed::Refused(status)) => {
                    let response = Response::error(status);
                    self.send(&Request::default(), response, true)?;
                    return self.close();
                }
                Ok(false) => return self.close(),
                Err(Failed::Gone) => return Ok(()),
            }
        }
    }

    /// Reads a request and answers it; whether the connection stays open.
    fn exchange(&mut self) -> Result<bool, Failed> {
        let Some(head) = self.head()? else {
            return Ok(false);
        };
        let read = Request::parse(&head, self.line.scheme())
            .and_then(|request| request.framing().map(|framing| (request, framing)));
        let (request, framing) = match read {
            Ok(read) => read,
            Err(Refused(status)) => {
                // The answer to HEAD has no body, even where the rest makes no sense.
                let is_head = head.starts_with(b"HEAD ");
                let method = if is_head { "HEAD" } else { "" }.to_owned();
                let request = Request {
                    method,
                    ..Request::default()
                };
                self.send(&request, Response::error(status), true)?;
                return Ok(false);
            }
        };
        let mut closes = request.wants_close();
        if request.target == "/there/is/no/such/page" && has("404-leaves-its-body") {
            self.send(&request, Response::error(404), closes)?;
            return Ok(!closes);
        }
        self.ask_for_body(&request, &framing)?;
        let is_whole = match framing {
            Framing::Length(length) => self.body(length)?,
            Framing::Chunked => self.chunks()?,
        };
        if !is_whole {
            return Ok(false);
        }
        if request.values("content-length").next().is_some() && framing == Framing::Chunked {
            closes = !has("length-beside-chunks");
        }
        self.send(&request, request.answer(), closes)?;
        if closes && has("answers-behind-close") && !self.buffer.is_empty() {
            return Ok(true);
        }
        Ok(!closes)
    }

    /// Receives more; `false` at the end.
    fn receive(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 16 * 1024];
        let length = self.line.read(&mut bytes)?;
        self.buffer.extend(&bytes[..length]);
        Ok(length > 0)
    }

    /// A head with its empty line; `None` at the end of the connection.
    fn head(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        loop {
            if !has("no-empty-lines") {
                while self.buffer.starts_with(b"\r\n") {
                    self.buffer.drain(..2);
                }
            }
            if has("dies-of-noise") && self.buffer.starts_with(b"\0\x01\x02") {
                process::exit(3);
            }
            if has("hangs-at-noise") && self.buffer.starts_with(b"\0\x01\x02") {
                FAULT_HAS_STRUCK.get_or_init(|| ());
            }
            while FAULT_HAS_STRUCK.get().is_some() {
                thread::park();
            }
            let line_end = self.buffer.iter().position(|&byte| byte == b'\n');
            if let Some(length) = head_length(&self.buffer) {
                if line_end > Some(LONGEST_LINE) {
                    return Err(self.line_too_long());
                }
                if length > LONGEST_HEAD {
                    return Err(Failed::Refused(431));
                }
                return Ok(Some(self.buffer.drain(..length).collect()));
            }
            if line_end.is_none_or(|end| end > LONGEST_LINE) && self.buffer.len() > LONGEST_LINE {
                return Err(self.line_too_long());
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Err(Failed::Refused(431));
            }
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    fn line_too_long(&self) -> Failed {
        let has_a_method = self.buffer[..100].contains(&b' ');
        match has_a_method {
            true if has("431-for-a-target") => Failed::Refused(431),
            true => Failed::Refused(414),
            false => Failed::Refused(400),
        }
    }

    fn ask_for_body(&mut self, request: &Request, framing: &Framing) -> io::Result<()> {
        let expects = request.values("expect").any(|value| {
            value == b"100-continue"
                || value.eq_ignore_ascii_case(b"100-continue") && !has("expect-by-case")
        });
        let knows = !request.is_1_0 || has("100-to-1-0");
        let has_one = *framing != Framing::Length(0);
        if expects && knows && has_one && (self.buffer.is_empty() || request.is_1_0) {
            self.line.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        Ok(())
    }

    /// Reads a body; `false` where the connection ends before.
    fn body(&mut self, length: usize) -> Result<bool, Failed> {
        if length > LONGEST_BODY {
            return Err(Failed::Refused(413));
        }
        while self.buffer.len() < length {
            if !self.receive()? {
                return Ok(false);
            }
        }
        self.buffer.drain(..length);
        Ok(true)
    }

    /// Reads a line of the chunked coding; `None` where the connection ends before.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let content = line.strip_suffix(b"\r\n").ok_or(Refused(400))?;
                if content.contains(&b'\r') {
                    return Err(Failed::Refused(400));
                }
                return Ok(Some(content.to_vec()));
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(Failed::Refused(400));
            }
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    fn chunks(&mut self) -> Result<bool, Failed> {
        let mut total = 0;
        loop {
            let Some(line) = self.line()? else {
                return Ok(false);
            };
            let size = chunk_size(&line)?;
            if size == 0 {
                break;
            }
            total += size;
            if total > LONGEST_BODY {
                return Err(Failed::Refused(413));
            }
            if !self.body(size)? {
                return Ok(false);
            }
            while self.buffer.len() < 2 {
                if !self.receive()? {
                    return Ok(false);
                }
            }
            let end: Vec<u8> = self.buffer.drain(..2).collect();
            if end != b"\r\n" && !(has("any-end-of-a-chunk") && end == b"XX") {
                return Err(Failed::Refused(400));
            }
        }
        loop {
            match self.line()? {
                None => return Ok(false),
                Some(line) if line.is_empty() => return Ok(true),
                Some(line) => drop(field(&line)?),
            }
        }
    }

    fn send(&mut self, request: &Request, response: Response, closes: bool) -> io::Result<()> {
        let Response {
            status,
            mut fields,
            body,
        } = response;
        if !(status == 404 && has("no-date-with-404") || status == 400 && has("no-date-with-400")) {
            fields.push(("Date", date()));
        }
        let has_no_body = matches!(status, 204 | 304);
        let is_chunked = request.is_1_0 && has("chunks-to-1-0") && !has_no_body;
        if is_chunked {
            fields.push(("Transfer-Encoding", "chunked".to_owned()));
        } else if !has_no_body
            || has("length-with-204") && status == 204
            || has("length-0-with-304") && status == 304
        {
            fields.push(("Content-Length", body.len().to_string()));
        }
        if closes && !(has("unsaid-close") && status == 200) {
            fields.push(("Connection", "close".to_owned()));
        } else if request.is_1_0 && !closes {
            fields.push(("Connection", "keep-alive".to_owned()));
        }
        let version = match request.is_1_0 && has("version-as-asked") {
            true => "1.0",
            false => "1.1",
        };
        let words = match reason(status) {
            _ if has("no-second-space") => String::new(),
            words if has("malformed") => words.to_owned(),
            words => format!(" {words}"),
        };
        let mut message = format!("HTTP/{version} {status}{words}\r\n");
        for (name, value) in fields {
            message += &format!("{name}: {value}\r\n");
        }
        if status == 404 && has("line-feeds-with-404") {
            message = message.replace("\r\n", "\n");
        }
        message += "\r\n";
        let is_head =
            request.method == "HEAD" && !(has("404-with-a-body-to-head") && status == 404);
        if is_chunked && !is_head {
            message += &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        } else if !is_head && !has_no_body {
            message += &body;
        }
        self.line.write_all(message.as_bytes())
    }

    /// Closes so that the answer is not lost (RFC 9112 §9.6).
    fn close(&mut self) -> io::Result<()> {
        self.line.half_close()?;
        let tcp = self.line.tcp();
        tcp.set_read_timeout(Some(Duration::from_secs(1)))?;
        io::copy(&mut self.line, &mut io::sink())?;
        Ok(())
    }
}

/// Where a server stands still once it has met its fault.
static FAULT_HAS_STRUCK: OnceLock<()> = OnceLock::new();

fn head_length(buffer: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in buffer.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return Some(length);
        }
    }
    None
}

fn chunk_size(line: &[u8]) -> Result<usize, Refused> {
    let line = str::from_utf8(line).map_err(|_| Refused(400))?;
    let digits = match line.split_once(';') {
        Some((_, extension)) if extension.is_empty() || has("no-chunk-extensions") => {
            return Err(Refused(400));
        }
        Some((digits, _)) => digits.trim_end_matches([' ', '\t']),
        None => line,
    };
    let digits = match digits.strip_prefix("0x") {
        Some(rest) if has("prefix-of-a-chunk-size") => rest,
        _ => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Refused(400));
    }
    if has("chunk-size-wraps") {
        let wrapped = digits.chars().filter_map(|digit| digit.to_digit(16));
        return Ok(wrapped.fold(0_u64, |sum, digit| (sum << 4) | u64::from(digit)) as usize);
    }
    usize::from_str_radix(digits, 16).map_err(|_| Refused(400))
}

fn is_token(text: &[u8]) -> bool {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_one)
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), Refused> {
    let colon = line.iter().position(|&byte| byte == b':');
    let colon = colon.ok_or(Refused(400))?;
    let mut name = &line[..colon];
    if has("space-before-a-colon") {
        name = name.trim_ascii_end();
    }
    if has("space-before-a-field") {
        name = name.trim_ascii_start();
    }
    let value = line[colon + 1..].trim_ascii();
    let is_control = |byte: &u8| *byte != b'\t' && (*byte < b' ' || *byte == 0x7f);
    if !is_token(name) || value.iter().any(is_control) {
        return Err(Refused(400));
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Ok((name, value.to_vec()))
}

/// Whether this is a host with or without a port (RFC 9110 §7.2).
fn is_host(value: &str) -> bool {
    let (host, port) = match value.rfind(':') {
        Some(colon) if !value.ends_with(']') => (&value[..colon], &value[colon + 1..]),
        _ => (value, ""),
    };
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|rest| rest.parse::<std::net::Ipv6Addr>().is_ok()),
        None => host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)),
    };
    is_host && port.bytes().all(|digit| digit.is_ascii_digit())
}

impl Request {
    /// Takes a head apart that came over a line of that scheme.
    fn parse(head: &[u8], own_scheme: &str) -> Result<Self, Refused> {
        let head = if has("carriage-return-ends-a-line") {
            let text = head.to_vec();
            text.split(|&byte| byte == b'\r')
                .map(|part| part.strip_prefix(b"\n").unwrap_or(part))
                .collect::<Vec<_>>()
                .join(&b"\r\n"[..])
        } else {
            head.to_vec()
        };
        let mut lines = head.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let content = line.strip_suffix(b"\r\n").ok_or(Refused(400))?;
            match content.contains(&b'\r') {
                true => Err(Refused(400)),
                false => Ok(content),
            }
        });
        let line = lines.next().ok_or(Refused(400))??;
        let line = str::from_utf8(line).map_err(|_| Refused(400))?;
        let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(Refused(400));
        };
        if !is_token(method.as_bytes()) {
            return Err(Refused(400));
        }
        let is_1_0 = match version.as_bytes() {
            b"HTTP/1.0" => true,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => false,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Refused(505));
            }
            _ => return Err(Refused(400)),
        };
        let fields = lines
            .filter(|line| !matches!(line, Ok(line) if line.is_empty()))
            .map(|line| field(line?))
            .collect::<Result<Vec<_>, _>>()?;
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            is_1_0,
            fields,
        };
        request.check_hosts()?;
        request.resolve_target(own_scheme)?;
        Ok(request)
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_slice())
    }

    fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name)
            .next()
            .and_then(|value| str::from_utf8(value).ok())
    }

    fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
    }

    fn check_hosts(&self) -> Result<(), Refused> {
        let hosts: Vec<&[u8]> = self.values("host").collect();
        let is_right = match hosts[..] {
            [] => self.is_1_0 || has("no-host"),
            [host] => str::from_utf8(host).is_ok_and(|host| {
                is_host(host) || has("user-in-host") && is_host(host.trim_start_matches("user@"))
            }),
            _ => has("two-hosts"),
        };
        is_right.then_some(()).ok_or(Refused(400))
    }

    /// Makes a path of a target in absolute form.
    fn resolve_target(&mut self, own_scheme: &str) -> Result<(), Refused> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if !self.target.bytes().all(is_plain) {
            return Err(Refused(400));
        }
        let length = own_scheme.len();
        let scheme = self.target.get(..length).unwrap_or_default();
        let is_absolute = if has("scheme-by-case") {
            scheme == own_scheme
        } else {
            scheme.eq_ignore_ascii_case(own_scheme)
        };
        if is_absolute && !has("no-absolute-form") {
            let rest = &self.target[length..];
            let slash = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(slash);
            if authority.is_empty() || !is_host(authority) {
                return Err(Refused(400));
            }
            self.target = format!("{}{path}", if path.starts_with('/') { "" } else { "/" });
        }
        let is_right = self.target.starts_with('/')
            || self.target == "*" && self.method == "OPTIONS"
            || self.method == "CONNECT";
        is_right.then_some(()).ok_or(Refused(400))
    }

    fn framing(&self) -> Result<Framing, Refused> {
        let codings: Vec<Vec<u8>> = self
            .elements("transfer-encoding")
            .map(|coding| match has("coding-by-case") {
                true => coding.to_vec(),
                false => coding.to_ascii_lowercase(),
            })
            .collect();
        let lengths: Vec<&[u8]> = self.values("content-length").collect();
        if let Some(last) = codings.last() {
            let is_chunked = last == b"chunked"
                || has("coding-by-its-end") && last.ends_with(b"chunked") && codings.len() == 1;
            let is_single = codings.len() == 1;
            let may_have_length = lengths.is_empty() || has("length-beside-chunks");
            return match (is_chunked, is_single) {
                (false, _) => Err(Refused(400)),
                (true, false) => Err(Refused(501)),
                (true, true) if self.is_1_0 || !may_have_length => Err(Refused(400)),
                (true, true) => Ok(Framing::Chunked),
            };
        }
        let length = match lengths[..] {
            [] => return Ok(Framing::Length(0)),
            [length] => length,
            [first, ..] if has("first-length") => first,
            _ => return Err(Refused(400)),
        };
        let length = match length.strip_prefix(b"+") {
            Some(rest) if has("plus-in-a-length") => rest,
            _ => length,
        };
        if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
            return Err(Refused(400));
        }
        if has("length-wraps") {
            let wrapped = length.iter().fold(0_u64, |sum, digit| {
                sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
            });
            return Ok(Framing::Length(wrapped as usize));
        }
        let length = str::from_utf8(length).unwrap_or_default();
        length
            .parse()
            .map(Framing::Length)
            .map_err(|_| Refused(413))
    }

    fn wants_close(&self) -> bool {
        let says = |option: &str| {
            self.elements("connection")
                .any(|one| one.eq_ignore_ascii_case(option.as_bytes()))
        };
        if has("close-by-whole-value") {
            return self.value("connection") == Some("close") || self.is_1_0 && !says("keep-alive");
        }
        says("close") || self.is_1_0 && !says("keep-alive") && !has("keeps-1-0-open")
    }

    fn answer(&self) -> Response {
        let path = self.target.split('?').next().unwrap_or_default();
        let method = match &*self.method {
            "get" if has("method-by-no-case") => "GET",
            method => method,
        };
        match (method, path) {
            ("OPTIONS", _) => Response::new(204, vec![("Allow", ALLOW.to_owned())], ""),
            ("TRACE" | "CONNECT" | "PUT" | "DELETE" | "PATCH", _) => {
                let mut response = Response::error(405);
                if has("allow-without-get") {
                    response.fields.push(("Allow", "POST".to_owned()));
                } else if !has("no-allow") {
                    response.fields.push(("Allow", ALLOW.to_owned()));
                }
                response
            }
            ("GET" | "HEAD" | "POST", "/") => self.page(),
            ("GET" | "HEAD" | "POST", _) => Response::error(404),
            _ if has("unknown-method-is-get") => self.page(),
            _ => Response::error(501),
        }
    }

    fn page(&self) -> Response {
        let validators = || {
            vec![
                ("ETag", ETAG.to_owned()),
                ("Last-Modified", LAST_MODIFIED.to_owned()),
                ("Cache-Control", "no-cache".to_owned()),
            ]
        };
        if self.method == "POST" {
            return Response::new(200, html(), PAGE);
        }
        match self.precondition() {
            Some(304) if has("no-tag-with-304") => return Response::new(304, Vec::new(), ""),
            Some(304) => return Response::new(304, validators(), ""),
            Some(status) => return Response::error(status),
            None => {}
        }
        let fields = || {
            let mut fields = html();
            fields.extend(validators());
            fields.push(("Accept-Ranges", "bytes".to_owned()));
            fields
        };
        let is_ranged = self.method == "GET" || has("ranges-of-head");
        if is_ranged
            && self.is_in_range()
            && let Some(range) = self.value("range").and_then(Range::parse)
        {
            let length = PAGE.len();
            let Some((first, last)) = range.of(length) else {
                let mut response = Response::error(416);
                if !has("416-without-a-length") {
                    response
                        .fields
                        .push(("Content-Range", format!("bytes */{length}")));
                }
                return response;
            };
            let mut fields = fields();
            if !has("206-without-a-range") {
                fields.push(("Content-Range", format!("bytes {first}-{last}/{length}")));
            }
            return Response::new(206, fields, &PAGE[first..=last]);
        }
        Response::new(200, fields(), PAGE)
    }

    /// The status that the conditions make of an answer (RFC 9110 §13.2.2).
    fn precondition(&self) -> Option<u16> {
        let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
        if self.value("if-match").is_some() {
            let is_met = self.elements("if-match").any(|tag| {
                tag == b"*"
                    || tag == ETAG.as_bytes()
                    || has("if-match-weakly") && opaque(tag) == ETAG.as_bytes()
            });
            if !is_met {
                return Some(412);
            }
        } else if let Some(date) = self.value("if-unmodified-since").and_then(seconds)
            && date < LAST_MODIFIED_SECONDS
        {
            return Some(412);
        }
        let dates: Vec<&[u8]> = self.values("if-modified-since").collect();
        let is_old = match dates[..] {
            [date] => str::from_utf8(date)
                .ok()
                .and_then(seconds)
                .is_some_and(|date| date >= LAST_MODIFIED_SECONDS),
            _ => false,
        };
        let is_overruled = has("if-modified-since-counts") && !dates.is_empty();
        let counts = self.value("if-none-match").is_some() && !is_overruled;
        let is_known = self.elements("if-none-match").any(|tag| {
            let tag = match has("if-none-match-strongly") {
                true => tag.to_vec(),
                false => opaque(tag),
            };
            tag == b"*" || tag == ETAG.as_bytes()
        });
        (if counts { is_known } else { is_old }).then_some(304)
    }

    /// Whether If-Range lets a range be sent.
    fn is_in_range(&self) -> bool {
        match self.value("if-range") {
            None => true,
            Some(tag) if has("if-range-weakly") => tag.trim_start_matches("W/") == ETAG,
            Some(tag) => tag == ETAG || tag == LAST_MODIFIED,
        }
    }
}

/// One range of bytes.
enum Range {
    From(usize, Option<usize>),
    Last(usize),
}

impl Range {
    /// Reads a range; what it does not understand, or more than one, is ignored.
    fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(last.parse().ok()?)),
            (first, "") => Some(Self::From(first.parse().ok()?, None)),
            (first, last) => {
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The first and the last byte; none where nothing of it is there.
    fn of(&self, length: usize) -> Option<(usize, usize)> {
        match *self {
            Self::Last(0) => None,
            Self::Last(count) if has("last-bytes-by-one") => {
                Some((length.saturating_sub(count + 1), length - 1))
            }
            Self::Last(count) => Some((length.saturating_sub(count), length - 1)),
            Self::From(first, last) => {
                (first < length).then(|| (first, last.unwrap_or(length).min(length - 1)))
            }
        }
    }
}

impl Response {
    fn new(status: u16, fields: Vec<(&'static str, String)>, body: &str) -> Self {
        Self {
            status,
            fields,
            body: body.to_owned(),
        }
    }

    fn error(status: u16) -> Self {
        let body = format!("<h1>{status} {}</h1>\n", reason(status));
        Self::new(status, html(), &body)
    }
}

fn html() -> Vec<(&'static str, String)> {
    vec![("Content-Type", "text/html".to_owned())]
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// The day of the civil calendar that is so many days after 1 January 1970.
fn civil(days: u64) -> (u64, usize, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut rest = days;
    let mut year = 1970;
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while rest >= lengths[month] {
        rest -= lengths[month];
        month += 1;
    }
    (year, month, rest + 1)
}

fn date() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let (days, time) = (now / 86400, now % 86400);
    let (year, month, day) = civil(days);
    let name = DAYS[((days + 4) % 7) as usize];
    let (month, time) = (
        MONTHS[month],
        format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60),
    );
    if has("date-in-another-form") {
        return format!("{name} {month} {day:2} {time} {year}");
    }
    format!("{name}, {day:02} {month} {year} {time} GMT")
}

/// Reads a date in any of the three forms (RFC 9110 §5.6.7), in seconds since 1970.
fn seconds(date: &str) -> Option<u64> {
    let words: Vec<&str> = date
        .split([' ', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] if !has("one-form-of-dates") => (day, month, year, time),
        _ => return None,
    };
    let year: u64 = match year.len() {
        // Fifty years from now and more is meant as long ago.
        2 => year
            .parse()
            .ok()
            .map(|year: u64| year + if year < 70 { 2000 } else { 1900 })?,
        _ => year.parse().ok()?,
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let day: u64 = day.parse().ok()?;
    // A year begins later than that by the leap days before it alone.
    let earliest = year.checked_sub(1970)?.checked_mul(365)?;
    let days = (earliest..earliest + 600).find(|days| civil(*days) == (year, month, day))?;
    let mut time = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    Some(days * 86400 + hour * 3600 + minute * 60 + second)
}
