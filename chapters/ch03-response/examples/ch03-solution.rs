//! Chapter 3, exercise: the answer says how long its page is.
//!
//!     cargo run -p ch03-response --example ch03-solution

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

    let sent = head.len();
    let body =
        format!("<html><body><h1>Hello, Wörld!</h1><p>You sent {sent} bytes.</p></body></html>");
    let length = body.len();
    let response = format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         \r\n\
         {body}"
    );
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}
