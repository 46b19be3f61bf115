//! Chapter 6, exercise: a form with a name is greeted.
//!
//!     cargo run -p ch06-post --example ch06-solution

use std::io::Write;
use std::net::TcpStream;
use std::thread;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::refuse(&stream, &error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_request(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);
    let request_line = common::parse_request_line(&head)?;
    let fields = common::parse_fields(&head)?;
    let body = common::read_body(&mut reader, stream, &request_line, &fields)?;

    let response_body = if request_line.method == "POST"
        && let Some(name) = name_in_form(&fields, &body)
    {
        let name = common::escape(&name);
        format!("<h1>Hello, {name}!</h1>")
    } else if request_line.method == "POST" {
        let body = common::escape(&String::from_utf8_lossy(&body));
        format!("<h1>POST Data Received:</h1><p>{body}</p>")
    } else {
        "<h1>Welcome to the Home Page</h1>".to_owned()
    };
    let response = format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         {response_body}"
    );
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}

/// The first parameter `name` that has a value, where the body is a form.
fn name_in_form(fields: &common::Fields, body: &[u8]) -> Option<String> {
    let content_type = fields.values("Content-Type").next()?;
    let media_type = content_type.split(';').next()?;
    let media_type = media_type.trim_end_matches([' ', '\t']);
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let body = String::from_utf8_lossy(body);
    body.split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, value)| decode(name) == "name" && !value.is_empty())
        .map(|(_, value)| decode(value))
}

/// `+` is a space, and `%` and two hexadecimal digits are a byte; any other `%`
/// stays as it is. Bytes that are not UTF-8 become `U+FFFD`.
fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).unwrap_or_default();
        if let Ok(byte) = u8::from_str_radix(digits, 16) {
            decoded.push(byte);
            decoded.extend(part.bytes().skip(2));
        } else {
            decoded.push(b'%');
            decoded.extend(part.bytes());
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
