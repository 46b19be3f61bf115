//! Chapter 4: each path gets a page of its own.
//!
//!     cargo run -p ch04-routing

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

    let body = match request_line.target {
        "/" => "<h1>Welcome to the Home Page</h1>",
        "/hello" => "<h1>Hello, User!</h1>",
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
