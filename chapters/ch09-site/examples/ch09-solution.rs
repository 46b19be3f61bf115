//! Chapter 9, exercise: the guestbook knows who comes back.
//!
//!     cargo run -p ch09-site --example ch09-solution

use std::io::{BufWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use common::{Entry, Guestbook, Request, RequestError, Response};

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let guestbook = Arc::new(Guestbook::default());

    loop {
        let (stream, client) = common::accept(&listener);
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, client, &guestbook) {
                common::reject(&stream, &error);
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
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    let response = common::read_request(&head, &mut reader, stream)
        .and_then(|request| {
            common::log(&client.to_string(), request.to_string());
            Ok(respond(&request, guestbook)?)
        })
        .or_else(common::refusal)?
        .with("Connection", "close");

    // A small response leaves in one write, a big one in many.
    let mut writer = BufWriter::with_capacity(64 * 1024, reader.get_mut());
    response.write_to(&mut writer, head.starts_with(b"HEAD "))?;
    writer.flush()?;
    common::linger(stream);
    Ok(())
}

fn respond(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", welcome(request, guestbook)),
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

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::parse_form(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    let name = encode(first("name").trim());
    let cookie = format!("name={name}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other")
        .with("Location", "/guestbook")
        .with("Set-Cookie", cookie))
}

/// The page of the guestbook, with a welcome for a visitor who has signed before.
fn welcome(request: &Request, guestbook: &Guestbook) -> String {
    let page = guestbook.page();
    match name_in_cookie(request) {
        Some(name) => {
            let name = common::escape(&name);
            page.replacen("<form", &format!("<p>Welcome back, {name}!</p><form"), 1)
        }
        None => page,
    }
}

/// The value of the first cookie that is called `name`, where it has one.
fn name_in_cookie(request: &Request) -> Option<String> {
    let mut cookies = request
        .fields
        .values("Cookie")
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim_matches([' ', '\t']).split_once('='));
    let (_, value) = cookies.find(|(name, _)| *name == "name")?;
    let name = common::percent::decode(value);
    (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned())
}

/// Percent-encodes all but what means nothing anywhere (RFC 3986 §2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
