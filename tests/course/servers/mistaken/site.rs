//! The site of part two, and the connections that it is served over.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use harness::tls::rustls::ServerConfig;

use crate::caching;
use crate::message::{Input, Line, No, Request, Response};
use crate::sealed;

const NOBODY: &str = "<p>Nobody has written anything yet.</p>";

pub struct Site {
    pub chapter: u32,
    mistake: String,
    pub limits: Limits,
    entries: Mutex<Vec<(String, String)>>,
    stopping: AtomicBool,
    open: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
    pub pages: PathBuf,
}

pub struct Limits {
    pub idle: Duration,
    pub head: Duration,
    pub body: Duration,
    pub patience: Duration,
    linger: Duration,
    life: Duration,
    requests: usize,
    connections: usize,
    connections_of_one: usize,
}

impl Limits {
    fn from_environment() -> Self {
        let said = std::env::var("LIMITS").unwrap_or_default();
        let number = |name: &str, usual: f64| {
            let mut words = said
                .split_whitespace()
                .filter_map(|word| word.split_once('='));
            let found = words.find(|word| word.0 == name);
            found.and_then(|word| word.1.parse().ok()).unwrap_or(usual)
        };
        let time = |name, usual| Duration::from_secs_f64(number(name, usual));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = |name, usual| number(name, usual) as usize;
        Self {
            idle: time("idle", 10.0),
            head: time("head", 10.0),
            body: time("body", 60.0),
            patience: time("inactivity", 10.0),
            linger: time("linger", 2.0),
            life: time("life", 600.0),
            requests: count("requests", 1000.0),
            connections: count("connections", 512.0),
            connections_of_one: count("connections_of_one", 512.0),
        }
    }
}

pub fn serve(listener: TcpListener, chapter: u32, mistake: String) -> io::Result<()> {
    let site = Arc::new(Site::new(chapter, mistake)?);
    let address = listener.local_addr()?;
    println!("Listening on port {}...", address.port());
    let tls = match chapter >= 17 && !site.has("no-tls") {
        true => Some(sealed::config()?.0),
        false => None,
    };
    if chapter >= 13 && !site.has("dies-of-the-signal") {
        site.stop_at_the_signal(address)?;
    }
    if site.has("workers") || site.has("one-at-a-time") {
        let workers = match site.has("one-at-a-time") {
            true => 1,
            false => 8,
        };
        return in_workers(&listener, &site, tls.as_ref(), workers);
    }
    let let_in = |stream: TcpStream| {
        let (site, tls) = (Arc::clone(&site), tls.clone());
        // A connection counts before its thread runs.
        let admitted = site.admit(&stream);
        thread::spawn(move || {
            let _ = site.connection(stream, tls.as_ref(), admitted);
        });
    };
    for stream in listener.incoming().flatten() {
        let_in(stream);
        if site.is_stopping() && !site.has("newcomers-let-in") {
            break;
        }
    }
    // They came before the signal, and were not accepted yet.
    listener.set_nonblocking(true)?;
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(false)?;
        let_in(stream);
    }
    drop(listener);
    while site.open.load(Ordering::SeqCst) > 0 && !site.has("cut-off-at-the-stop") {
        thread::sleep(Duration::from_millis(5));
    }
    if site.has("goes-on-after-the-stop") {
        thread::sleep(Duration::from_secs(60));
    }
    exit(i32::from(site.has("exit-code-1")));
}

/// A thread of a few serves a connection to its end.
fn in_workers(
    listener: &TcpListener,
    site: &Arc<Site>,
    tls: Option<&Arc<ServerConfig>>,
    workers: usize,
) -> io::Result<()> {
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    if let Ok((stream, _)) = listener.accept() {
                        let admitted = site.admit(&stream);
                        let _ = site.connection(stream, tls, admitted);
                    }
                }
            });
        }
    });
    Ok(())
}

/// What became of a connection that asks for a place.
enum Admitted {
    In,
    Full,
}

impl Site {
    pub fn new(chapter: u32, mistake: String) -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pages");
        Ok(Self {
            chapter,
            mistake,
            limits: Limits::from_environment(),
            entries: Mutex::default(),
            stopping: AtomicBool::default(),
            open: AtomicUsize::default(),
            clients: Mutex::default(),
            pages: root.canonicalize()?,
        })
    }

    pub fn has(&self, mistake: &str) -> bool {
        self.mistake == mistake
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn stop_at_the_signal(self: &Arc<Self>, address: SocketAddr) -> io::Result<()> {
        let site = Arc::clone(self);
        let stop = move || {
            if site.has("dies-in-the-handler") {
                exit(0);
            }
            if !site.has("signal-ignored") {
                site.stopping.store(true, Ordering::SeqCst);
                let _ = TcpStream::connect(address);
            }
        };
        ctrlc::set_handler(stop).map_err(io::Error::other)
    }

    fn admit(&self, stream: &TcpStream) -> Admitted {
        self.open.fetch_add(1, Ordering::SeqCst);
        let client = stream.peer_addr().ok().map(|address| address.ip());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = clients
            .entry(client.unwrap_or(IpAddr::from([0, 0, 0, 0])))
            .or_default();
        *of_one += 1;
        let limits = &self.limits;
        let short = usize::from(self.has("the-last-place-refused"));
        let all = self.open.load(Ordering::SeqCst) + short;
        let is_full = all > limits.connections && !self.has("no-limit-of-connections")
            || *of_one + short > limits.connections_of_one && !self.has("no-limit-of-one");
        match is_full && self.chapter >= 12 {
            true => Admitted::Full,
            false => Admitted::In,
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
        admitted: Admitted,
    ) -> io::Result<()> {
        let client = stream.peer_addr().map(|address| address.ip());
        let served = match admitted {
            Admitted::Full if self.has("closed-where-full") => Ok(()),
            Admitted::Full => self.turn_away(stream),
            Admitted::In => self.converse(stream, tls),
        };
        self.open.fetch_sub(1, Ordering::SeqCst);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = client.ok().and_then(|client| clients.get_mut(&client)) {
            *of_one -= 1;
        }
        served
    }

    fn turn_away(&self, mut stream: TcpStream) -> io::Result<()> {
        let response = Response {
            status: 503,
            fields: vec![("Retry-After", "10".to_owned())],
            ..Response::default()
        };
        let status = if self.has("full-is-500") { 500 } else { 503 };
        let (head, _) = Response { status, ..response }.head(self, None, true);
        if self.has("full-after-the-request") {
            let _ = stream.read(&mut [0]);
        }
        stream.write_all(head.as_bytes())?;
        if !self.has("no-line-for-who-is-turned-away") {
            self.log(&stream, None, 503, 0);
        }
        self.finish(stream)
    }

    fn converse(&self, stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<()> {
        if self.has("write-limit-of-a-second") {
            stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        } else {
            stream.set_write_timeout(Some(self.limits.patience.max(Duration::from_millis(1))))?;
        }
        let mut first = [0];
        if tls.is_some() && !matches!(stream.peek(&mut first), Ok(1) if first[0] == 0x16) {
            return self.speaks_plainly(stream, first[0]);
        }
        let mut input = Input::new(Line::new(stream, tls)?, self);
        let began = Instant::now();
        let mut late = Vec::new();
        for number in 1.. {
            let request = input.request();
            let is_last = match &request {
                Ok(request) => self.is_last(request, number, began),
                Err(No::Client) => break,
                Err(No::Request(_)) => !self.has("goes-on-behind-no-request"),
            };
            let (request, response) = match request {
                Ok(request) => {
                    let response = self.respond(&request);
                    (Some(request), response)
                }
                Err(No::Request(408)) if self.has("right-silent-408") => break,
                Err(No::Request(status)) => (None, self.refusal(status)),
                Err(No::Client) => break,
            };
            // Whoever is slow to ask is answered in the order of the asking.
            if self.has("answers-in-another-order") && late.is_empty() && !input.came.is_empty() {
                late.push((request, response));
                continue;
            }
            let known = request.as_ref().unwrap_or(&input.known);
            let sent = self.send(&mut input.line, Some(known), response, is_last);
            let Ok(length) = sent else { break };
            for (request, response) in late.drain(..) {
                let _ = self.send(&mut input.line, request.as_ref(), response, is_last);
            }
            let status = length.1;
            self.log(input.line.tcp(), request.as_ref(), status, length.0);
            if self.has("what-came-together-is-lost") {
                input.came.clear();
            }
            if is_last && self.has("open-behind-408") && status == 408 {
                thread::sleep(Duration::from_secs(10));
            }
            if self.has("ends-with-the-first-client") {
                exit(0);
            }
            let goes_on = self.has("answers-behind-close") && !input.came.is_empty();
            if is_last && !goes_on {
                break;
            }
        }
        if let Line::Sealed(stream) = &mut input.line {
            if !self.has("no-close-notify") {
                stream.conn.send_close_notify();
            }
            let _ = stream.conn.complete_io(&mut stream.sock);
        }
        let stream = input.line.tcp().try_clone()?;
        drop(input);
        self.finish(stream)
    }

    fn speaks_plainly(&self, mut stream: TcpStream, first: u8) -> io::Result<()> {
        if self.has("right-silent-to-plain-http") || first == 0 {
            return Ok(());
        }
        let response = match self.has("plain-http-answered") {
            true => Response::page(200, "<h1>Hello, User!</h1>"),
            false => self.refusal(400),
        };
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer);
        let response = match self.has("promise-over-plain-http") {
            true => response.with("Strict-Transport-Security", "max-age=86400"),
            false => response,
        };
        let (head, _) = response.head(self, None, true);
        stream.write_all(&[head.as_bytes(), &response.body].concat())?;
        self.finish(stream)
    }

    fn is_last(&self, request: &Request, number: usize, began: Instant) -> bool {
        let limits = &self.limits;
        let is_worn = self.chapter >= 12
            && (number >= limits.requests + usize::from(self.has("one-request-more"))
                && !self.has("no-limit-of-requests")
                || began.elapsed() >= limits.life && !self.has("no-life"));
        let is_refused_half = self.chapter < 10 || request.closes;
        is_refused_half
            || is_worn
            || self.is_stopping() && !self.has("stays-after-the-stop")
            || self.has("closes-each-time")
    }

    /// Sends an answer, and gives how long its content was, and its status.
    fn send(
        &self,
        line: &mut Line,
        request: Option<&Request>,
        response: Response,
        is_last: bool,
    ) -> io::Result<(usize, u16)> {
        if self.has("breaks-off-at-the-stop") && self.is_stopping() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let says_last = is_last && !(self.is_stopping() && self.has("stop-unsaid"));
        let says_last =
            says_last && (!self.has("limit-unsaid") || request.is_some_and(|one| one.closes));
        let (head, is_chunked) = response.head(self, request, says_last);
        let is_head = request.is_some_and(|request| request.method == "HEAD");
        let shows = |name: &str| is_head && self.has(name);
        let shows_body = !is_head
            || shows("head-with-body")
            || shows("head-of-a-missing-page-with-body") && response.status == 404
            || shows("head-of-a-refusal-with-body")
                && response.status >= 400
                && response.status != 404;
        let has_body = response.status != 304 || self.has("body-of-304");
        let mut message = head.into_bytes();
        let mut length = 0;
        if let Some(last) = response.numbers {
            line.write(&message)?;
            if shows_body {
                length = self.send_numbers(line, last, is_chunked)?;
            }
            return Ok((length, response.status));
        }
        if shows_body && has_body && is_chunked {
            length = response.body.len();
            message.extend(format!("{length:X}\r\n").into_bytes());
            message.extend(&response.body);
            message.extend(b"\r\n0\r\n\r\n");
        } else if shows_body && has_body {
            length = response.body.len();
            message.extend(&response.body);
        }
        if self.has("bytes-behind-the-body") {
            message.extend(b"\r\n");
        }
        line.write(&message)?;
        Ok((length, response.status))
    }

    fn send_numbers(&self, line: &mut Line, last: u64, is_chunked: bool) -> io::Result<usize> {
        let mut piece = String::new();
        let mut length = 0;
        let is_piece = |piece: &str| match self.has("answers-whole-in-memory") {
            true => false,
            false => piece.len() > 16 * 1024,
        };
        for number in 1..=last {
            piece += &format!("{number}\n");
            if is_piece(&piece) || number == last {
                if self.has("breaks-off-at-the-stop") && self.is_stopping() {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                length += piece.len();
                let size = match self.has("chunk-sizes-in-decimal") {
                    true => format!("{}\r\n", piece.len() + 10),
                    false => format!("{:x}\r\n", piece.len()),
                };
                let end = if self.has("no-end-of-a-chunk") {
                    ""
                } else {
                    "\r\n"
                };
                let chunk = match is_chunked {
                    true => format!("{size}{piece}{end}"),
                    false => std::mem::take(&mut piece),
                };
                line.write(chunk.as_bytes())?;
                piece.clear();
            }
        }
        if is_chunked && !self.has("no-last-chunk") {
            line.write(match self.has("no-line-behind-the-last-chunk") {
                true => b"0\r\n",
                false => b"0\r\n\r\n",
            })?;
        }
        Ok(length)
    }

    /// Reads off what still comes, so that no reset destroys the answer.
    fn finish(&self, mut stream: TcpStream) -> io::Result<()> {
        if self.has("never-closes") {
            thread::sleep(Duration::from_secs(30));
        }
        stream.shutdown(Shutdown::Write)?;
        let until = Instant::now() + self.limits.linger;
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        let mut buffer = [0; 16 * 1024];
        while Instant::now() < until {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn log(&self, stream: &TcpStream, request: Option<&Request>, status: u16, length: usize) {
        if self.chapter < 12 || self.has("no-access-log") {
            return;
        }
        if request.is_none() && status != 503 && self.has("no-line-for-what-is-no-request") {
            return;
        }
        let host = stream
            .peer_addr()
            .map(|address| match self.has("log-with-ports") {
                true => address.to_string(),
                false => address.ip().to_string(),
            });
        let host = host.unwrap_or_else(|_| "-".to_owned());
        let line = request.map_or("-", |request| &request.line);
        let line: String = match self.has("log-unescaped") {
            true => line.to_owned(),
            false => line.replace('\\', "\\x5c").replace('"', "\\x22"),
        };
        let line = match self.has("log-without-query") {
            true => line.split('?').next().unwrap_or_default().to_owned(),
            false => line,
        };
        let length = match length {
            _ if self.has("log-without-lengths") => "-".to_owned(),
            0 if self.has("right-zero-in-the-log") => "0".to_owned(),
            0 => "-".to_owned(),
            length => length.to_string(),
        };
        let status = if self.has("log-always-200") {
            200
        } else {
            status
        };
        let date = match self.has("log-with-http-dates") {
            true => httpdate::fmt_http_date(SystemTime::now()),
            false => date_of_log(),
        };
        let more = match self.has("right-combined-log") {
            true => " \"-\" \"curl/8.5.0\"",
            false => "",
        };
        println!("{host} - - [{date}] \"{line}\" {status} {length}{more}");
    }

    fn refusal(&self, status: u16) -> Response {
        let status = match status {
            501 if self.has("right-411-for-a-coding") => 411,
            505 if self.has("right-400-for-a-version") => 400,
            status => status,
        };
        Response::of_status(self, status)
    }

    /// What is refused whatever the body is.
    pub fn refuses_before_the_body(&self, request: &Request) -> Option<u16> {
        if self.chapter < 11 || self.has("no-early-refusal") || request.method != "POST" {
            return None;
        }
        let is_guestbook = request.target == "/guestbook";
        match is_guestbook {
            true => (!self.is_form(request)).then_some(415),
            false => Some(405),
        }
    }

    fn is_form(&self, request: &Request) -> bool {
        let Some(value) = request.value("content-type") else {
            return self.has("no-type-taken") || self.has("any-type-taken");
        };
        let media_type = match self.has("type-compared-as-text") {
            true => value,
            false => value.split(';').next().unwrap_or_default().trim(),
        };
        let form = "application/x-www-form-urlencoded";
        self.has("any-type-taken")
            || match self.has("type-compared-as-text") {
                true => media_type == form,
                false => media_type.eq_ignore_ascii_case(form),
            }
    }

    pub fn respond(&self, request: &Request) -> Response {
        let mut target = &*request.target;
        if let Some((scheme, rest)) = target.split_once("://")
            && !scheme.contains('/')
        {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            if self.has("no-absolute-form") {
                return self.refusal(404);
            }
            let own = if self.chapter >= 17 { "https" } else { "http" };
            if authority.is_empty() && !self.has("address-without-a-host-taken")
                || authority.contains('@')
            {
                return self.refusal(400);
            }
            if !scheme.eq_ignore_ascii_case(own) && !self.has("other-schemes-answered") {
                return self.refusal(421);
            }
            target = rest;
            if rest.is_empty() {
                target = match () {
                    () if self.has("empty-path-not-found") => "//",
                    () if request.method == "OPTIONS" => "*",
                    () => "/",
                };
            }
        }
        let is_any = target == "*" && request.method == "OPTIONS";
        if !target.starts_with(['/', '?']) && !is_any || target.contains('#') {
            return self.refusal(400);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = if self.has("query-is-path") {
            target
        } else {
            path
        };
        let path = if path.is_empty() { "/" } else { path };
        let is_guestbook = path == "/guestbook";
        let mut methods = vec!["GET", "HEAD", "OPTIONS"];
        if is_guestbook && !self.has("one-list-of-methods") {
            methods.insert(2, "POST");
        }
        if self.has("right-no-options") {
            methods.retain(|method| *method != "OPTIONS");
        }
        let allow = methods.join(match self.has("right-allow-without-spaces") {
            true => ",",
            false => ", ",
        });
        match &*request.method {
            "TRACE" if self.has("trace-answered") => {
                let echoed = request
                    .fields
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\r\n"));
                let echoed: String = echoed.collect();
                return Response::page(200, format!("{}\r\n{echoed}", request.line));
            }
            "OPTIONS" if self.has("right-options-with-200") => {
                return Response {
                    status: 200,
                    ..Response::default()
                }
                .with("Allow", allow);
            }
            "OPTIONS" if methods.contains(&"OPTIONS") => {
                return Response {
                    status: 204,
                    ..Response::default()
                }
                .with("Allow", allow);
            }
            "GET" | "HEAD" => {}
            "POST" if is_guestbook => return self.sign(request),
            _ if self.has("any-method-is-get") => {}
            "CONNECT" | "TRACE" if self.has("right-501-for-connect") => return self.refusal(501),
            "POST" | "PUT" | "DELETE" | "PATCH" | "CONNECT" | "TRACE" | "OPTIONS" => {
                return match () {
                    () if self.has("404-for-a-method") => self.refusal(404),
                    () if self.has("405-without-allow") => self.refusal(405),
                    () => self.refusal(405).with("Allow", allow),
                };
            }
            _ if self.has("unknown-methods-are-get") => {}
            _ => return self.refusal(501),
        }
        match path {
            "/hello" => Response::page(200, "<h1>Hello, User!</h1>"),
            "/query" => self.show_query(query),
            "/guestbook" => self.guestbook(),
            "/numbers" if self.chapter >= 11 => self.numbers(query),
            _ => self.file(request, path),
        }
    }

    fn show_query(&self, query: &str) -> Response {
        let mut names: Vec<(String, Vec<String>)> = Vec::new();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs.filter(|pair| !pair.1.is_empty()) {
            let (name, value) = (self.decode(name), self.decode(value));
            match names.iter_mut().find(|known| known.0 == name) {
                Some(known) => known.1.push(value),
                None => names.push((name, vec![value])),
            }
        }
        if query.split('&').count() > 1000 {
            return self.refusal(400);
        }
        let quote = if self.has("right-python-notation") {
            "'"
        } else {
            "\""
        };
        let (colon, comma) = match self.has("right-json-notation") {
            true => (":", ","),
            false => (": ", ", "),
        };
        let shown = |(name, values): &(String, Vec<String>)| {
            let values: Vec<String> = values
                .iter()
                .map(|value| format!("{quote}{value}{quote}"))
                .collect();
            format!("{quote}{name}{quote}{colon}[{}]", values.join(comma))
        };
        let shown: Vec<String> = names.iter().map(shown).collect();
        let shown = format!("{{{}}}", shown.join(comma));
        let shown = match self.has("query-unescaped") {
            true => shown,
            false => self.escape(&shown),
        };
        Response::page(200, format!("<h1>Query Parameters</h1><pre>{shown}</pre>"))
    }

    fn numbers(&self, query: &str) -> Response {
        let last = query.split('&').find_map(|pair| pair.strip_prefix("to="));
        let number = match last {
            Some(last) if last.bytes().all(|byte| byte.is_ascii_digit()) => last.parse().ok(),
            Some(last) if self.has("any-last-number") => Some(last.parse().unwrap_or(0)),
            None if self.has("no-last-number-is-0") => Some(0),
            _ => None,
        };
        match number.filter(|&number| number <= 1_000_000_000) {
            None => self.refusal(400),
            Some(number) => Response {
                status: 200,
                fields: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
                body: Vec::new(),
                numbers: Some(number),
            },
        }
    }

    fn guestbook(&self) -> Response {
        let page = fs::read_to_string(self.pages.join("guestbook.html")).unwrap_or_default();
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.is_empty() {
            return Response::page(200, page);
        }
        let shown = |(name, message): &(String, String)| {
            let (name, message) = match () {
                () if self.has("guestbook-unescaped") || self.has("escaped-before-decoded") => {
                    (name.clone(), message.clone())
                }
                () if self.has("message-unescaped") => (self.escape(name), message.clone()),
                () => (self.escape(name), self.escape(message)),
            };
            format!("<dt>{name}</dt>\n<dd>{message}</dd>\n")
        };
        let list: String = match self.has("oldest-first") {
            true => entries.iter().rev().map(shown).collect(),
            false => entries.iter().map(shown).collect(),
        };
        Response::page(200, page.replacen(NOBODY, &format!("<dl>\n{list}</dl>"), 1))
    }

    fn sign(&self, request: &Request) -> Response {
        if !self.is_form(request) {
            return self.refusal(415);
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let value = |wanted: &str| {
            let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|pair| pair.0 == wanted);
            found.map_or(String::new(), |pair| match () {
                () if self.has("form-not-decoded") => pair.1.to_owned(),
                () if self.has("plus-stays") => self.decode(&pair.1.replace('+', "%2B")),
                () if self.has("escaped-before-decoded") => self.decode(&self.escape(pair.1)),
                () => self.decode(pair.1),
            })
        };
        let (name, message) = (value("name"), value("message"));
        let length = match self.has("bytes-for-characters") {
            true => name.len() + message.len(),
            false => name.chars().count() + message.chars().count(),
        };
        let is_empty = name.trim().is_empty() || message.trim().is_empty();
        if is_empty && !self.has("empty-names-taken")
            || length > 1000 && !self.has("any-length-taken")
        {
            return self.refusal(422);
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= 100 && self.has("full-at-a-hundred") {
            return self.refusal(503);
        }
        if !self.has("signed-and-forgotten") {
            entries.insert(0, (name, message));
        }
        if !self.has("entries-without-end") {
            let most = if self.has("keeps-99") { 99 } else { 100 };
            entries.truncate(most);
        }
        let (status, place) = match () {
            () if self.has("302-for-a-form") => (302, "/guestbook"),
            () if self.has("sent-elsewhere") => (303, "/"),
            () if self.has("sent-to-another-host") => (303, "http://example.com/guestbook"),
            () if self.has("right-absolute-location") => (303, "http://localhost/guestbook"),
            () if self.has("right-relative-location") => (303, "guestbook"),
            () if self.has("200-for-a-form") => {
                drop(entries);
                return self.guestbook();
            }
            () => (303, "/guestbook"),
        };
        let response = Response {
            status,
            ..Response::default()
        };
        if self.has("no-location") {
            return response;
        }
        let response = response.with("Location", place);
        match self.has("right-note-with-303") {
            true => Response {
                body: b"<a href=\"/guestbook\">The guestbook</a>".to_vec(),
                ..response.with("Content-Type", "text/html; charset=utf-8")
            },
            false => response,
        }
    }

    fn file(&self, request: &Request, path: &str) -> Response {
        let decoded = match () {
            () if self.has("path-not-decoded") => path.to_owned(),
            () if self.has("path-decoded-twice") => self.decode_path(&self.decode_path(path)),
            () => self.decode_path(path),
        };
        let checked = match self.has("dots-looked-for-before-decoding") {
            true => path,
            false => &*decoded,
        };
        let name = if path == "/" {
            "/pages/index.html"
        } else {
            &*decoded
        };
        let root = self.pages.parent().unwrap_or(&self.pages);
        let real = root.join(name.trim_start_matches('/')).canonicalize().ok();
        let is_below = |real: &PathBuf| match () {
            () if self.has("dots-lead-out") => true,
            () if self.has("dots-looked-for-before-decoding") => !checked.contains(".."),
            () if self.has("beside-pages-served") => real.starts_with(root),
            () => real.starts_with(&self.pages),
        };
        let real = real.filter(is_below).filter(|real| real.is_file());
        let Some((real, content)) = real.and_then(|real| {
            let content = fs::read(&real).ok()?;
            Some((real, content))
        }) else {
            if self.has("200-for-what-is-missing") {
                return Response::page(200, "<h1>404 Not Found</h1>");
            }
            if self.has("412-for-what-is-missing") && request.value("if-match").is_some() {
                return self.refusal(412);
            }
            return self.refusal(404);
        };
        let content_type = match real.extension().and_then(|extension| extension.to_str()) {
            _ if self.has("html-for-everything") => "text/html; charset=utf-8",
            Some("html") if self.has("no-charset") => "text/html",
            Some("css") if self.has("no-charset") => "text/css",
            Some("svg") if self.has("right-charset-of-a-drawing") => "image/svg+xml; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        };
        let content = match self.has("files-as-text") {
            true => String::from_utf8_lossy(&content)
                .replace('\n', "\r\n")
                .into_bytes(),
            false => content,
        };
        let response = Response {
            status: 200,
            fields: vec![("Content-Type", content_type.to_owned())],
            body: content,
            numbers: None,
        };
        match self.chapter >= 14 {
            true => caching::respond(self, request, &real, response),
            false => response,
        }
    }

    fn escape(&self, text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        match () {
            () if self.has("right-more-escaped") => text
                .replace('>', "&#62;")
                .replace('"', "&quot;")
                .replace('\'', "&#x27;"),
            () if self.has("right-less-escaped") => text,
            () => text.replace('>', "&gt;"),
        }
    }

    fn decode(&self, text: &str) -> String {
        self.decode_path(&text.replace('+', " "))
    }

    fn decode_path(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut decoded = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let digits = text.get(at + 1..at + 3);
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match byte {
                Some(byte) if bytes[at] == b'%' => {
                    decoded.push(byte);
                    at += 3;
                }
                None if bytes[at] == b'%' && self.has("dies-of-a-percent-sign") => exit(101),
                _ => {
                    decoded.push(bytes[at]);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&decoded).into_owned()
    }
}

/// The date of an access log, made of one of HTTP.
fn date_of_log() -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let words: Vec<&str> = date.split(' ').collect();
    match &*words {
        [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}
