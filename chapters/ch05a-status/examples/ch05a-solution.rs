//! Chapter 5a, exercise: only GET and HEAD are allowed.
//!
//!     cargo run -p ch05a-status --example ch05a-solution

use std::io::Write;
use std::net::TcpStream;

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        if let Err(error) = handle_request(&stream) {
            common::refuse(&stream, &error);
        }
    }
}

fn handle_request(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    let request_line = common::parse_request_line(&head)?;

    let (status, body) = match request_line.target {
        "/" => ("200 OK", "<h1>Welcome to the Home Page</h1>"),
        "/hello" => ("200 OK", "<h1>Hello, User!</h1>"),
        _ => ("404 Not Found", "<h1>404 Not Found</h1>"),
    };
    let (status, allow, body) = match request_line.method {
        "GET" => (status, "", body),
        "HEAD" => (status, "", ""),
        _ => (
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
            "<h1>405 Method Not Allowed</h1>",
        ),
    };
    let response = format!(
        "HTTP/1.1 {status}\r\n\
         Content-Type: text/html\r\n\
         {allow}\
         \r\n\
         {body}"
    );
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}
