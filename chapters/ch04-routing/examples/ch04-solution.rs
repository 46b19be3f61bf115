//! Chapter 4, exercise: `/hello/NAME` greets by name.
//!
//!     cargo run -p ch04-routing --example ch04-solution

use std::io::Write;
use std::net::TcpStream;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        if let Err(error) = handle_request(&stream) {
            common::log_error(&error);
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

    let name = request_line.target.strip_prefix("/hello/");
    let name = name.unwrap_or_default();
    let greeting = format!("<h1>Hello, {name}!</h1>");
    let body = match request_line.target {
        "/" => "<h1>Welcome to the Home Page</h1>",
        "/hello" => "<h1>Hello, User!</h1>",
        _ if is_name(name) => &greeting,
        _ => "<h1>404 Not Found</h1>",
    };
    let response = format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         {body}"
    );
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}

/// Letters alone: the name goes into a page as it came, where `<` would be markup.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}
