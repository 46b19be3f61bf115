//! Chapter 13, exercise: the guestbook outlives the server.
//!
//!     GUESTBOOK=guestbook cargo run -p ch13-stop --example ch13-solution

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use std::{env, thread};

use anyhow::Context;
use common::guestbook::MAX_ENTRIES;
use common::{
    AccessLog, Blocking, Connection, ConnectionGuard, ConnectionLimiter, Entry, ErrorLog,
    Guestbook, Limits, Permit, Request, RequestError, Response, Shutdown,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let shutdown = Shutdown::on_signal(limits.stop)?;
    let guestbook = Arc::new(KeptGuestbook::open(env::var_os("GUESTBOOK"))?);
    let listener = shutdown.listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;

    while let Some((stream, permit, mut guard)) = listener.accept(&limiter) {
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, permit, &mut guard, &guestbook) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
    drop(listener);
    shutdown.finish(&log);
    Ok(())
}

fn handle_connection(
    stream: &TcpStream,
    mut permit: Permit,
    guard: &mut ConnectionGuard,
    guestbook: &KeptGuestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(permit.limits.timeouts, Instant::now())
        .with_chunks()
        .with_early_answers(common::needs_body);
    while guard.wait(&mut stream, &mut connection)? {
        while let Some(request) = connection.next_request() {
            if permit.is_last_request() {
                connection.finish_after_current();
            }
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(&request, permit.watch(&request, response));
        }
        permit.note(connection.refusal());
    }
    Ok(())
}

fn respond(request: &Request, guestbook: &KeptGuestbook) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.shown.page()),
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}

fn sign(request: &Request, guestbook: &KeptGuestbook) -> Result<Response, RequestError> {
    let form = common::form_in_turn(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(first("name"), first("message"))?;
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}

/// What a file of lengths and texts holds: names and messages, the oldest first.
type Entries = VecDeque<(String, String)>;

/// A guestbook, and the file that has the same entries.
struct KeptGuestbook {
    path: Option<PathBuf>,
    entries: Mutex<Entries>,
    shown: Guestbook,
}

impl KeptGuestbook {
    fn open(path: Option<impl Into<PathBuf>>) -> anyhow::Result<Self> {
        let path = path.map(Into::into);
        let entries = match &path {
            Some(path) => read(path).with_context(|| format!("cannot use {}", path.display()))?,
            None => Entries::new(),
        };
        let shown = Guestbook::default();
        for (name, message) in &entries {
            shown.add(Entry::new(name, message)?);
        }
        Ok(Self {
            path,
            entries: Mutex::new(entries),
            shown,
        })
    }

    /// Adds an entry once it is in the file. A client that sees the entry, or is told that it
    /// is there, sees it again whatever happens to the server.
    fn add(&self, name: &str, message: &str) -> Result<(), RequestError> {
        let entry = Entry::new(name, message)?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut more = entries.clone();
        more.push_back((name.to_owned(), message.to_owned()));
        while more.len() > MAX_ENTRIES {
            more.pop_front();
        }
        if let Some(path) = &self.path {
            write(path, &more).map_err(|error| {
                common::log_error(format_args!("cannot write {}: {error}", path.display()));
                RequestError::new("500 Internal Server Error", "the entry cannot be kept")
            })?;
        }
        *entries = more;
        self.shown.add(entry);
        Ok(())
    }
}

/// Writes all entries to another file, and then renames it to the name of the first: at each
/// moment the name leads to a whole file, the old one or the new one.
fn write(path: &Path, entries: &Entries) -> io::Result<()> {
    let mut text = String::new();
    for (name, message) in entries {
        text += &format!("{} {}\n{name}{message}\n", name.len(), message.len());
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    // The name must not reach the disk before the content does.
    file.sync_all()?;
    fs::rename(&new, path)?;
    // On Unix a folder is a file too, and its names are what is in it.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Reads a file back; where there is none, there are no entries.
fn read(path: &Path) -> anyhow::Result<Entries> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Entries::new()),
        text => text?,
    };
    entries_of(&text).context("what is in it is no guestbook")
}

/// Line ends and all may stand in a text, so its length stands before it, as in HTTP.
fn entries_of(mut text: &str) -> Option<Entries> {
    let mut entries = Entries::new();
    while let Some((lengths, rest)) = text.split_once('\n') {
        let (name_length, message_length) = lengths.split_once(' ')?;
        let (name, rest) = rest.split_at_checked(name_length.parse().ok()?)?;
        let (message, rest) = rest.split_at_checked(message_length.parse().ok()?)?;
        entries.push_back((name.to_owned(), message.to_owned()));
        text = rest.strip_prefix('\n')?;
    }
    text.is_empty().then_some(entries)
}
