//! The servers of part one, chapters 1 to 8.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::exit;
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

const HELLO: &str = "<html><body><h1>Hello, World!</h1></body></html>";
const HOME: &str = "<h1>Welcome to the Home Page</h1>";
const NOT_FOUND: &str = "<h1>404 Not Found</h1>";

struct Server<'a> {
    chapter: &'a str,
    mistake: &'a str,
    /// One connection at a time, where that is the mistake.
    turn: Mutex<()>,
}

pub fn serve(listener: &TcpListener, chapter: &str, mistake: &str) -> io::Result<()> {
    let server = Server {
        chapter,
        mistake,
        turn: Mutex::default(),
    };
    let port = listener.local_addr()?.port();
    match () {
        () if server.has("no-port-printed") => println!("Listening..."),
        () if server.has("words-before-the-port") => println!("* Listening on port {port}..."),
        () => println!("Listening on port {port}..."),
    }
    thread::scope(|scope| {
        for number in 1.. {
            let (stream, address) = listener.accept()?;
            let server = &server;
            let serves = move || {
                let _ = server.connection(stream, address, number);
            };
            match server.has("one-at-a-time") {
                true => serves(),
                false => drop(scope.spawn(serves)),
            }
            if server.has("ends-after-two") && number == 2 {
                thread::sleep(Duration::from_millis(100));
                exit(0);
            }
        }
        Ok(())
    })
}

impl Server<'_> {
    fn has(&self, mistake: &str) -> bool {
        self.mistake == mistake
    }

    fn connection(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        number: usize,
    ) -> io::Result<()> {
        let _turn = self.has("a-lock-around-all").then(|| self.turn.lock());
        match () {
            () if self.has("no-address-printed") => println!("Connection"),
            () if self.has("first-client-printed-alone") && number > 1 => {}
            () if self.has("own-address-printed") => {
                println!("Connection from {}", stream.local_addr()?)
            }
            () if self.chapter == "1" || self.chapter == "2" => {
                println!("Connection from {address}")
            }
            () => {}
        }
        if self.chapter == "1" {
            if self.has("greets") {
                stream.write_all(b"Hello!\r\n")?;
            }
            if self.has("never-closes") {
                thread::sleep(Duration::from_secs(60));
            }
            return Ok(());
        }
        if self.has("reads-nothing") {
            thread::sleep(Duration::from_millis(50));
            return Ok(());
        }
        let head = self.head(&mut stream)?;
        let text = String::from_utf8_lossy(&head).into_owned();
        if self.chapter == "2" {
            return self.print(stream, &text);
        }
        if text.is_empty() {
            if self.has("dies-of-silence") {
                exit(101);
            }
            return Ok(());
        }
        let mut body = Vec::new();
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_it = match self.has("field-names-by-case") {
                true => name == "Content-Length",
                false => name.eq_ignore_ascii_case("Content-Length"),
            };
            is_it.then(|| value.trim().to_owned())
        });
        if let Some(length) = length {
            let length = match length.parse::<u64>() {
                Err(_) if self.has("dies-of-a-long-length") => exit(101),
                length => length.unwrap_or(0),
            };
            (&stream)
                .take(length.min(1024 * 1024))
                .read_to_end(&mut body)?;
        } else if self.has("a-body-without-length-awaited") && text.starts_with("POST") {
            stream.read_to_end(&mut body)?;
        }
        let answer = self.answer(&text, &body);
        stream.write_all(&answer)?;
        if self.has("never-closes") {
            thread::sleep(Duration::from_secs(60));
        }
        stream.shutdown(Shutdown::Write)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        io::copy(&mut stream, &mut io::sink())?;
        Ok(())
    }

    fn head(&self, stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut byte = [0];
        if self.has("one-read") {
            let mut buffer = vec![0; 1024];
            let length = stream.read(&mut buffer)?;
            buffer.truncate(length);
            return Ok(buffer);
        }
        while !head.ends_with(b"\r\n\r\n")
            && !head.ends_with(b"\n\n")
            && stream.read(&mut byte)? > 0
        {
            head.extend(byte);
            if head == b"\r\n" {
                head.clear();
            }
        }
        Ok(head)
    }

    fn print(&self, mut stream: TcpStream, head: &str) -> io::Result<()> {
        let head = head.replace("\r\n", "\n");
        match () {
            () if self.has("the-line-alone") => println!(
                "Request received:\n {}",
                head.lines().next().unwrap_or_default()
            ),
            () if self.has("no-heading") => println!("{head}"),
            () if self.has("fields-left-out") => println!(
                "Request received:\n {}\n\n",
                head.lines().next().unwrap_or_default()
            ),
            () => println!("Request received:\n {head}"),
        }
        match () {
            () if self.has("answers") => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"),
            () if self.has("never-closes") => {
                thread::sleep(Duration::from_secs(60));
                Ok(())
            }
            () => Ok(()),
        }
    }

    fn answer(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let line = head.lines().next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        let &[method, target, _] = &*words else {
            if self.has("dies-of-two-words") {
                exit(101);
            }
            return match self.chapter {
                "3" | "5b" => self.response("200 OK", HELLO),
                "4" => Vec::new(),
                _ => self.response("400 Bad Request", "<h1>400 Bad Request</h1>"),
            };
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match self.chapter {
            "3" | "5b" => match self.has("looks-at-the-target") && target != "/" {
                true => self.response("404 Not Found", NOT_FOUND),
                false => self.response("200 OK", HELLO),
            },
            "4" | "5a" => {
                let target = if self.has("query-cut-off") {
                    path
                } else {
                    target
                };
                let is_get = method == "GET" || !self.has("methods-count");
                let is = |known: &str| match () {
                    () if self.has("beginnings-compared") => {
                        target.starts_with(known) && known != "/" || target == known
                    }
                    () if self.has("any-page-is-home") => known == "/",
                    () => target == known,
                };
                match () {
                    () if !is_get => {
                        self.response("405 Method Not Allowed", "<h1>405 Method Not Allowed</h1>")
                    }
                    () if is("/") => self.response("200 OK", HOME),
                    () if is("/hello") => self.response(
                        "200 OK",
                        match self.has("hello-is-home") {
                            true => HOME,
                            false => "<h1>Hello, User!</h1>",
                        },
                    ),
                    () => {
                        let status = match (self.chapter, self.has("the-other-status")) {
                            ("4", false) | ("5a", true) => "200 OK",
                            _ => "404 Not Found",
                        };
                        self.response(
                            status,
                            if self.has("not-found-is-empty") {
                                ""
                            } else {
                                NOT_FOUND
                            },
                        )
                    }
                }
            }
            "6" => {
                let shows = method == "POST" || self.has("put-is-shown") && method == "PUT";
                if !shows {
                    return self.response("200 OK", HOME);
                }
                let text = match str::from_utf8(body) {
                    Err(_) if self.has("dies-of-what-is-no-text") => exit(101),
                    _ => String::from_utf8_lossy(body).into_owned(),
                };
                let shown = match () {
                    () if self.has("unescaped") => text,
                    () if self.has("ampersand-unescaped") => text
                        .replace('<', "&lt;")
                        .replace('>', "&gt;")
                        .replace("&amp;", "&"),
                    () if self.has("body-one-byte-short") => {
                        text.get(1..).unwrap_or_default().to_owned()
                    }
                    () => self.escape(&text),
                };
                self.response(
                    "200 OK",
                    &format!("<h1>POST Data Received:</h1><p>{shown}</p>"),
                )
            }
            "7" => self.file(path),
            _ => self.query(path, query),
        }
    }

    fn file(&self, path: &str) -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (Ok(root), Ok(pages)) = (root.canonicalize(), root.join("pages").canonicalize()) else {
            return Vec::new();
        };
        let decoded = decode(path);
        let name = if path == "/" {
            "pages/index.html"
        } else {
            decoded.trim_start_matches('/')
        };
        let real = root.join(name).canonicalize().ok();
        let is_allowed = |real: &std::path::PathBuf| match () {
            () if self.has("dots-lead-out") => name.starts_with("pages/") || name.contains(".."),
            () if self.has("dots-looked-for-before-decoding") => !path.contains(".."),
            () if self.has("beside-pages-served") => real.starts_with(&root),
            () if self.has("no-folders") => real.parent() == Some(&*pages),
            () => real.starts_with(&pages),
        };
        let real = real.filter(is_allowed);
        match real.and_then(|real| fs::read_to_string(real).ok()) {
            Some(page) if !(self.has("no-index") && path == "/") => {
                let text = self.response("200 OK", &page);
                let kind = if name.ends_with(".css") {
                    "text/css"
                } else {
                    "text/html"
                };
                let text = String::from_utf8_lossy(&text).into_owned();
                let kind = if name.ends_with(".svg") {
                    "image/svg+xml"
                } else {
                    kind
                };
                text.replacen("text/html", kind, 1).into_bytes()
            }
            _ => self.response(
                if self.has("200-for-what-is-missing") {
                    "200 OK"
                } else {
                    "404 Not Found"
                },
                NOT_FOUND,
            ),
        }
    }

    fn query(&self, path: &str, query: &str) -> Vec<u8> {
        if self.has("one-path-alone") && path != "/" {
            return self.response("404 Not Found", NOT_FOUND);
        }
        if query.contains("%&") && self.has("dies-of-a-percent-sign") {
            exit(101);
        }
        let mut names: Vec<(String, Vec<String>)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if value.is_empty() && !self.has("empty-values-shown") {
                continue;
            }
            let name = decode(&name.replace('+', " "));
            let value = decode(&value.replace('+', " "));
            match names.iter_mut().find(|known| known.0 == name) {
                Some(known) => known.1.push(value),
                None => names.push((name, vec![value])),
            }
        }
        let shown: Vec<String> = names
            .iter()
            .map(|(name, values)| match self.has("values-without-list") {
                true => format!("{name:?}: {:?}", values[0]),
                false => format!("{name:?}: {values:?}"),
            })
            .collect();
        let shown = format!("{{{}}}", shown.join(", "));
        let shown = if self.has("unescaped") {
            shown
        } else {
            self.escape(&shown)
        };
        self.response(
            "200 OK",
            &format!("<h1>Query Parameters</h1><pre>{shown}</pre>"),
        )
    }

    fn response(&self, status: &str, page: &str) -> Vec<u8> {
        let version = if self.has("another-version") {
            "HTTP/2"
        } else {
            "HTTP/1.1"
        };
        let mut fields = match () {
            () if self.has("no-type") => String::new(),
            () if self.has("type-of-text") => "Content-Type: text/plain\r\n".to_owned(),
            () if self.has("right-more-fields") => {
                "Server: mine\r\ncontent-type:TEXT/HTML; charset=utf-8\r\n".to_owned()
            }
            () => "Content-Type: text/html\r\n".to_owned(),
        };
        if self.has("length-too-long") {
            fields += &format!("Content-Length: {}\r\n", page.len() + 10);
        }
        if self.has("right-length-and-close") {
            fields += &format!("Connection: close\r\nContent-Length: {}\r\n", page.len());
        }
        let end = if self.has("no-blank-line") {
            ""
        } else {
            "\r\n"
        };
        let tail = if self.has("a-line-behind-the-page") {
            "\r\n"
        } else {
            ""
        };
        let head = match self.has("status-line-without-version") {
            true => format!("{status}\r\n"),
            false => format!("{version} {status}\r\n"),
        };
        format!("{head}{fields}{end}{page}{tail}").into_bytes()
    }

    fn escape(&self, text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        match self.has("right-more-escaped") {
            true => text.replace('>', "&gt;").replace('"', "&quot;"),
            false => text.replace('>', "&gt;"),
        }
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
