//! Chapter 3: answer every request with the same page.
//!
//!     cargo run -p ch03-response

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

    let response = "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html\r\n\
         \r\n\
         <html><body><h1>Hello, World!</h1></body></html>";
    stream.write_all(response.as_bytes())?;
    common::close(stream, &head);
    Ok(())
}
