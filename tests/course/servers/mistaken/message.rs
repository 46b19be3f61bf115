//! Requests as they come, and answers as they go, with what one may get wrong in both.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use harness::tls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::site::Site;

/// How often is looked whether the time is over, or the server is to stop.
const TURN: Duration = Duration::from_millis(20);

const MOST_HEAD: usize = 8 * 1024;
const MOST_BODY: usize = 1024 * 1024;

/// A connection, with TLS or without.
pub enum Line {
    Plain(TcpStream),
    Sealed(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Line {
    pub fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        stream.set_read_timeout(Some(TURN))?;
        let Some(tls) = tls else {
            return Ok(Self::Plain(stream));
        };
        let tls = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        Ok(Self::Sealed(Box::new(StreamOwned::new(tls, stream))))
    }

    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Sealed(stream) => &stream.sock,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Sealed(stream) => stream.read(buffer),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Sealed(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// What has come over a connection, and was not taken yet.
pub struct Input<'a> {
    pub line: Line,
    pub came: Vec<u8>,
    pub site: &'a Site,
    /// When the request began to come.
    began: Option<Instant>,
    /// What is known of a request that is none, for its answer.
    pub known: Request,
}

/// Why there is no request.
pub enum No {
    /// The client has gone, or was silent for too long.
    Client,
    /// It gets this status, and nothing more.
    Request(u16),
}

impl From<io::Error> for No {
    fn from(_: io::Error) -> Self {
        Self::Client
    }
}

#[derive(Clone, Default)]
pub struct Request {
    pub line: String,
    pub method: String,
    pub target: String,
    pub is_old: bool,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub closes: bool,
    /// Whether the names of fields are compared as they usually are written.
    pub by_case: bool,
}

/// A name as it usually is written, as in `Content-Length`.
fn as_usual(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

impl Request {
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter();
        let name = as_usual(name);
        let named = fields.filter(move |field| match self.by_case {
            true => field.0 == name,
            false => field.0.eq_ignore_ascii_case(&name),
        });
        named.map(|field| &*field.1)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn has_element(&self, name: &str, element: &str) -> bool {
        let elements = self.values(name).flat_map(|list| list.split(','));
        elements
            .map(str::trim)
            .any(|one| one.eq_ignore_ascii_case(element))
    }
}

impl<'a> Input<'a> {
    pub fn new(line: Line, site: &'a Site) -> Self {
        Self {
            line,
            came: Vec::new(),
            site,
            began: None,
            known: Request::default(),
        }
    }

    /// Waits for more, for so long; `false` where the client has ended.
    fn more(&mut self, until: Instant, is_idle: bool) -> Result<bool, No> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.line.read(&mut buffer) {
                Ok(length) => {
                    self.came.extend(&buffer[..length]);
                    self.began.get_or_insert_with(Instant::now);
                    return Ok(length > 0);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if is_idle && self.site.is_stopping() {
                        return Err(No::Client);
                    }
                    if Instant::now() >= until {
                        return Err(if is_idle {
                            No::Client
                        } else {
                            No::Request(408)
                        });
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next line, with its end, where it has come.
    fn line_end(&self) -> Option<usize> {
        self.came
            .iter()
            .position(|&byte| byte == b'\n')
            .map(|at| at + 1)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.came.split_off(length);
        std::mem::replace(&mut self.came, rest)
    }

    /// Reads a request.
    pub fn request(&mut self) -> Result<Request, No> {
        let site = self.site;
        self.began = (!self.came.is_empty()).then(Instant::now);
        self.known = Request::default();
        let head = self.head()?;
        if head.starts_with(b"HEAD ") {
            self.known.method = "HEAD".to_owned();
        }
        let mut request = read_head(site, &head)?;
        // What nobody would let be a request ends the connection.
        let framing = self.framing(&request)?;
        let is_expected = request
            .value("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        if is_expected
            && !request.is_old
            && let Some(status) = site.refuses_before_the_body(&request)
        {
            return Err(No::Request(status));
        }
        if is_expected && (!request.is_old || site.has("continue-for-1.0")) {
            if !site.has("no-continue") {
                self.line.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            if site.has("continue-twice") {
                self.line.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
        }
        if site.has("one-read-for-the-body") && matches!(framing, Framing::Length(1..)) {
            if self.came.is_empty() {
                self.more(Instant::now() + site.limits.body, false)?;
            }
            let all = self.came.len();
            request.body = self.take(all);
            return Ok(request);
        }
        request.body = match framing {
            Framing::Length(length) => self.body(length)?,
            Framing::Chunked => self.chunks(&mut request)?,
        };
        Ok(request)
    }

    fn head(&mut self) -> Result<Vec<u8>, No> {
        let site = self.site;
        let started = Instant::now();
        loop {
            // Empty lines before a request are none.
            while self.came.starts_with(b"\r\n") || self.came.starts_with(b"\n") {
                let end = self.line_end().unwrap_or_default();
                self.take(end);
            }
            let mut at = 0;
            for line in self.came.split_inclusive(|&byte| byte == b'\n') {
                at += line.len();
                if matches!(line, b"\r\n" | b"\n") {
                    return Ok(self.take(at));
                }
            }
            if site.has("half-a-request") && self.came.contains(&b'\n') {
                let all = self.came.len();
                return Ok(self.take(all));
            }
            if self.came.len() > MOST_HEAD {
                let is_line = !self.came.contains(&b'\n');
                return Err(No::Request(if is_line { 414 } else { 431 }));
            }
            let is_idle = self.came.is_empty();
            let until = match self.began.filter(|_| !is_idle) {
                _ if site.has("no-idle-limit") && is_idle => started + Duration::from_secs(60),
                Some(_) if site.has("no-head-limit") => started + Duration::from_secs(60),
                // A client that sends a byte now and then is never too slow.
                Some(_) if site.has("head-limit-anew") => Instant::now() + site.limits.head,
                Some(began) => began + site.limits.head,
                None => started + site.limits.idle,
            };
            if site.has("one-read-for-the-head") && !is_idle {
                let all = self.came.len();
                return Ok(self.take(all));
            }
            if !self.more(until, is_idle)? {
                return match is_idle {
                    true => Err(No::Client),
                    false => Err(No::Request(400)),
                };
            }
        }
    }

    fn framing(&self, request: &Request) -> Result<Framing, No> {
        let site = self.site;
        let lengths: Vec<&str> = request.values("content-length").collect();
        let codings: Vec<&str> = request.values("transfer-encoding").collect();
        if !codings.is_empty() && !site.has("coding-ignored") {
            let list = codings.join(",");
            let elements: Vec<String> = list
                .split(',')
                .map(|one| one.trim().to_owned())
                .filter(|one| !one.is_empty())
                .map(|one| match site.has("coding-by-case") {
                    true => one,
                    false => one.to_ascii_lowercase(),
                })
                .collect();
            let last_is_chunked = elements.last().is_some_and(|last| last == "chunked");
            if !lengths.is_empty() && !site.has("length-beside-coding-taken") {
                return Err(No::Request(400));
            }
            if request.is_old && !site.has("chunks-from-1.0") {
                return Err(No::Request(400));
            }
            if !last_is_chunked && !site.has("chunked-not-last") {
                return Err(No::Request(400));
            }
            if site.chapter < 11 {
                return Err(No::Request(501));
            }
            if elements.len() > 1 && elements.iter().all(|one| one == "chunked") {
                return match site.has("chunked-twice-taken") {
                    true => Ok(Framing::Chunked),
                    false => Err(No::Request(400)),
                };
            }
            if elements.len() > 1 && !site.has("any-coding-taken") {
                return Err(No::Request(501));
            }
            return Ok(Framing::Chunked);
        }
        let Some(length) = lengths.first() else {
            return Ok(Framing::Length(0));
        };
        if lengths.len() > 1 && !site.has("first-of-two-lengths") {
            return Err(No::Request(400));
        }
        let length = match site.has("length-with-a-sign-taken") {
            true => length.trim_start_matches('+'),
            false => length,
        };
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(No::Request(400));
        }
        if site.has("dies-of-a-long-length") && length.parse::<u64>().is_err() {
            std::process::exit(101);
        }
        let length = length.parse().unwrap_or(usize::MAX);
        if length > MOST_BODY {
            return Err(No::Request(413));
        }
        let is_unread = |methods: &[&str]| methods.contains(&&*request.method);
        if site.has("body-of-get-unread") && is_unread(&["GET"])
            || site.has("body-of-head-unread") && is_unread(&["HEAD"])
            || site.has("body-of-put-unread") && is_unread(&["PUT", "DELETE"])
            || site.has("body-of-options-unread") && is_unread(&["OPTIONS"])
            || site.has("body-of-a-missing-page-unread") && request.target.contains("missing")
        {
            return Ok(Framing::Length(0));
        }
        Ok(Framing::Length(length))
    }

    fn body(&mut self, length: usize) -> Result<Vec<u8>, No> {
        let site = self.site;
        let until = Instant::now() + site.limits.body;
        while self.came.len() < length {
            let patience = Instant::now() + site.limits.patience;
            let until = match () {
                () if site.has("no-body-limit") => Instant::now() + Duration::from_secs(60),
                () if site.has("body-limit-anew") => patience,
                () if site.has("no-patience") => until,
                () => until.min(patience),
            };
            if !self.more(until, false)? {
                if site.has("cut-off-body-taken") {
                    break;
                }
                return Err(No::Request(400));
            }
        }
        let length = length.min(self.came.len());
        Ok(self.take(length))
    }

    /// Waits until so much has come.
    fn wait_for(&mut self, length: usize) -> Result<bool, No> {
        while self.came.len() < length {
            let until = Instant::now() + self.site.limits.patience;
            if !self.more(until, false)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A line within a chunked body, without its end.
    fn chunk_line(&mut self, takes_lf: bool) -> Result<Vec<u8>, No> {
        loop {
            if let Some(end) = self.line_end() {
                let mut line = self.take(end);
                line.pop();
                return match line.pop_if(|last| *last == b'\r') {
                    Some(_) => Ok(line),
                    None if takes_lf => Ok(line),
                    None => Err(No::Request(400)),
                };
            }
            let length = self.came.len();
            if length > MOST_HEAD || !self.wait_for(length + 1)? {
                return Err(No::Request(400));
            }
        }
    }

    fn chunks(&mut self, request: &mut Request) -> Result<Vec<u8>, No> {
        let site = self.site;
        let mut body = Vec::new();
        loop {
            let line = match self.chunk_line(site.has("lf-behind-a-size")) {
                Err(No::Request(_)) if site.has("cut-off-chunks-taken") => return Ok(body),
                line => line?,
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            if site.has("a-bare-cr-in-an-extension") && line.contains(";") {
            } else if line.contains('\r') || line.contains('\n') {
                return Err(No::Request(400));
            }
            let size = line.split(';').next().unwrap_or_default();
            if line.contains(';') && site.has("no-extensions") {
                return Err(No::Request(400));
            }
            let Some(size) = chunk_size(site, size) else {
                return Err(No::Request(400));
            };
            if size == 0 && site.has("an-empty-size-is-skipped") && line.is_empty() {
                continue;
            }
            if size == 0 {
                break;
            }
            if body.len().saturating_add(size) > MOST_BODY {
                return Err(No::Request(413));
            }
            if !self.wait_for(size + 2)? {
                if site.has("cut-off-chunks-taken") {
                    return Ok(body);
                }
                return Err(No::Request(400));
            }
            let mut content = self.take(size);
            if site.has("line-ends-in-chunks-cut") {
                content.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            }
            body.extend(content);
            let is_end = self.came.starts_with(b"\r\n");
            if is_end || site.has("any-two-bytes-end-a-chunk") {
                self.take(2);
            } else if self.came.starts_with(b"\n") && site.has("lf-behind-a-chunk") {
                self.take(1);
            } else if site.has("the-end-of-a-chunk-searched") {
                let end = self.line_end().ok_or(No::Request(400))?;
                self.take(end);
            } else {
                return Err(No::Request(400));
            }
        }
        if site.has("trailers-unread") {
            return Ok(body);
        }
        loop {
            let line = match self.chunk_line(site.has("lf-ends-the-body")) {
                Err(No::Request(_)) if site.has("cut-off-chunks-taken") => return Ok(body),
                line => line?,
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.is_empty() {
                return Ok(body);
            }
            if line.contains('\r') && !site.has("a-bare-cr-in-a-trailer") {
                return Err(No::Request(400));
            }
            let field = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty() && !name.contains([' ', '\t']));
            match field {
                Some((name, value)) if site.has("trailers-are-fields") => {
                    let name = name.to_owned();
                    request
                        .fields
                        .retain(|field| !field.0.eq_ignore_ascii_case(&name));
                    request.fields.push((name, value.trim().to_owned()));
                }
                None if !site.has("any-trailer-taken") && !line.contains('\r') => {
                    return Err(No::Request(400));
                }
                _ => {}
            }
        }
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

fn chunk_size(site: &Site, text: &str) -> Option<usize> {
    let mut text = text;
    if site.has("spaces-around-a-size") {
        text = text.trim();
    }
    if site.has("0x-before-a-size") {
        text = text.strip_prefix("0x").unwrap_or(text);
    }
    if site.has("a-sign-before-a-size") {
        text = text.strip_prefix('+').unwrap_or(text);
    }
    if site.has("a-negative-size-is-0") && text.starts_with('-') {
        return Some(0);
    }
    if text.is_empty() {
        return (site.has("no-size-is-0") || site.has("an-empty-size-is-skipped")).then_some(0);
    }
    if site.has("small-digits-alone") && text.contains(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    if site.has("sizes-in-decimal") {
        return text.parse().ok();
    }
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    if site.has("sizes-wrap") {
        let wrapped = text.bytes().fold(0_u32, |size, digit| {
            let digit = char::from(digit).to_digit(16).unwrap_or_default();
            size.wrapping_mul(16).wrapping_add(digit)
        });
        return usize::try_from(wrapped).ok();
    }
    let digits = text.trim_start_matches('0');
    Some(
        usize::from_str_radix(if digits.is_empty() { "0" } else { digits }, 16)
            .unwrap_or(usize::MAX),
    )
}

fn read_head(site: &Site, head: &[u8]) -> Result<Request, No> {
    let text = String::from_utf8_lossy(head).into_owned();
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    let &[method, target, version] = &*words else {
        if site.has("dies-of-two-words") {
            std::process::exit(101);
        }
        return Err(No::Request(400));
    };
    let is_version = version.len() == 8
        && version.starts_with("HTTP/")
        && version.as_bytes()[5].is_ascii_digit()
        && version.as_bytes()[7].is_ascii_digit();
    match version {
        _ if !is_version => return Err(No::Request(400)),
        _ if version.starts_with("HTTP/1.") => {}
        _ => return Err(No::Request(505)),
    }
    if method.is_empty() || target.is_empty() {
        return Err(No::Request(400));
    }
    let mut request = Request {
        line: line.to_owned(),
        method: match site.has("method-in-any-case") {
            true => method.to_ascii_uppercase(),
            false => method.to_owned(),
        },
        target: target.to_owned(),
        is_old: version == "HTTP/1.0",
        by_case: site.has("field-names-by-case"),
        ..Request::default()
    };
    let mut fields = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(No::Request(400));
        };
        let name = match site.has("space-before-the-colon-taken") {
            true => name.trim_end(),
            false => name,
        };
        if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(No::Request(400));
        }
        let is_control = |c: char| c.is_control() && c != '\t';
        if value.contains(is_control) {
            return Err(No::Request(400));
        }
        fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        if fields.len() > 100 {
            return Err(No::Request(431));
        }
    }
    request.fields = fields;
    let hosts: Vec<&str> = request.values("host").collect();
    let is_missing = hosts.is_empty() && (!request.is_old || site.has("host-of-1.0-needed"));
    let is_wrong = |host: &&str| {
        let is_right = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%:[]".contains(c);
        !host.chars().all(is_right) || host.matches(':').count() > 1 && !host.starts_with('[')
    };
    if is_missing && !site.has("host-not-needed")
        || hosts.len() > 1 && !site.has("two-hosts-taken")
        || hosts.iter().any(is_wrong) && !site.has("any-host-taken")
    {
        return Err(No::Request(400));
    }
    request.closes = match () {
        () if site.has("close-ignored") => false,
        () if site.has("close-in-one-notation") => request.value("connection") == Some("close"),
        () => request.has_element("connection", "close"),
    };
    if request.is_old && !site.has("1.0-stays") {
        let ends_with_the_connection = request.target.starts_with("/numbers");
        request.closes |=
            !request.has_element("connection", "keep-alive") || ends_with_the_connection;
    }
    Ok(request)
}

/// An answer.
#[derive(Clone, Default)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The last of the numbers that are its content.
    pub numbers: Option<u64>,
}

pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

impl Response {
    pub fn page(status: u16, html: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            fields: vec![("Content-Type", "text/html; charset=utf-8".to_owned())],
            body: html.into(),
            numbers: None,
        }
    }

    pub fn of_status(site: &Site, status: u16) -> Self {
        match () {
            () if site.has("right-bare-refusals") => Self {
                status,
                ..Self::default()
            },
            () if site.has("right-other-words") => Self {
                status,
                fields: vec![("Content-Type", "text/plain".to_owned())],
                body: format!("Sorry ({status}).\n").into(),
                numbers: None,
            },
            () => Self::page(status, format!("<h1>{status} {}</h1>", reason(status))),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub fn date(site: &Site) -> String {
        let now = SystemTime::now();
        let moment = match () {
            () if site.has("date-of-1994") => {
                SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
            }
            () if site.has("date-of-another-zone") => now + Duration::from_secs(2 * 60 * 60),
            () => now,
        };
        let date = httpdate::fmt_http_date(moment);
        match () {
            () if site.has("date-without-zone") => date.replace(" GMT", ""),
            () if site.has("date-with-offset") => date.replace("GMT", "+0000"),
            () => date,
        }
    }

    /// The head, and whether the body is chunked.
    pub fn head(&self, site: &Site, request: Option<&Request>, closes: bool) -> (String, bool) {
        let is_old = request.is_some_and(|request| request.is_old);
        let is_head = request.is_some_and(|request| request.method == "HEAD");
        let has_content = !matches!(self.status, 204 | 304);
        let is_chunked = self.numbers.is_some() && (!is_old || site.has("chunks-for-1.0"))
            || site.has("right-chunked") && has_content && !is_old && !self.body.is_empty();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if !site.has("no-date") {
            head += &format!("Date: {}\r\n", Self::date(site));
        }
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        if is_old && !closes {
            head += "Connection: keep-alive\r\n";
        }
        if closes && !site.has("close-unsaid") {
            head += "Connection: close\r\n";
        }
        if site.has("close-said-and-not-done") && !closes {
            head += "Connection: close\r\n";
        }
        let length = match () {
            () if site.has("length-one-short") => self.body.len().saturating_sub(1),
            () if site.has("length-in-characters") => {
                String::from_utf8_lossy(&self.body).chars().count()
            }
            () if site.has("head-says-0") && is_head => 0,
            () => self.body.len(),
        };
        let omits = site.has("no-length") || is_head && site.has("right-no-length-for-head");
        if is_chunked {
            head += "Transfer-Encoding: chunked\r\n";
            if site.has("length-beside-chunks") {
                head += "Content-Length: 5\r\n";
            }
        } else if has_content && self.numbers.is_none() && !omits {
            head += &format!("Content-Length: {length}\r\n");
        }
        if self.status == 204 && site.has("length-of-204")
            || self.status == 304 && site.has("length-of-304")
        {
            head += "Content-Length: 0\r\n";
        }
        if self.status == 204 && site.has("chunks-of-204") {
            head += "Transfer-Encoding: chunked\r\n";
        }
        head += "\r\n";
        if site.has("line-feeds") {
            head = head.replace("\r\n", "\n");
        }
        (head, is_chunked)
    }
}
