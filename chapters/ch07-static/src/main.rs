//! Chapter 7: serve the files below `pages/`.
//!
//!     cargo run -p ch07-static

use std::io::{self, BufWriter, Read, Write};
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

fn handle_request(stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);
    let request_line = common::parse_request_line(&head)?;
    let fields = common::parse_fields(&head)?;
    common::read_body(&mut reader, stream, &request_line, &fields)?;

    let (status, content_type, mut body): (_, _, Box<dyn Read>) =
        match common::open_page(request_line.target)? {
            Some(page) => ("200 OK", page.content_type, Box::new(page.file)),
            None => (
                "404 Not Found",
                "text/html",
                Box::new(&b"<h1>404 Not Found</h1>"[..]),
            ),
        };
    // A small file leaves in one write with its head, a big one in many.
    let mut response = BufWriter::with_capacity(64 * 1024, reader.get_mut());
    write!(
        response,
        "HTTP/1.1 {status}\r\n\
         Content-Type: {content_type}\r\n\
         \r\n"
    )?;
    io::copy(&mut body, &mut response)?;
    response.flush()?;
    common::linger(stream);
    Ok(())
}
